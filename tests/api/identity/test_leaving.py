"""A tenant keeps an owner whoever leaves, and whoever was sent away can come back."""

from __future__ import annotations

import asyncio

import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.tenancy.repository import SqlMembers
from tests.support.system import PASSWORD, Organizer, Person, System


async def leave(system: System, person: Person) -> int:
    return (await system.client.delete("/api/v1/users/me", headers=person.headers)).status_code


async def test_of_two_owners_who_leave_at_once_one_stays(system: System, organizer: Organizer) -> None:
    second = await system.person(organizer.tenant_id, Role.OWNER)

    statuses = await asyncio.gather(leave(system, organizer.owner), leave(system, second))

    assert sorted(statuses) == [204, 409]


async def test_without_the_lock_both_leave(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: both look before either has left."""
    both = asyncio.Barrier(2)

    async def no_lock(_self: SqlMembers, _tenant_ids: object) -> None:
        return None

    async def look(_self: object, _user_id: object) -> bool:
        await both.wait()
        return False

    monkeypatch.setattr(SqlMembers, "lock_owners_of", no_lock)
    monkeypatch.setattr("app.infrastructure.identity.queries.SqlAccountDirectory.sole_owner_somewhere", look)
    second = await system.person(organizer.tenant_id, Role.OWNER)

    statuses = await asyncio.gather(leave(system, organizer.owner), leave(system, second))

    assert set(statuses) == {204}


async def test_an_owner_who_leaves_while_demoting_the_other_leaves_one(system: System, organizer: Organizer) -> None:
    second = await system.person(organizer.tenant_id, Role.OWNER)
    path = f"/api/v1/users/{second.user_id}"

    left, demoted = await asyncio.gather(
        leave(system, organizer.owner),
        system.client.patch(path, json={"role": "admin"}, headers=organizer.owner.headers),
    )

    assert sorted([left, demoted.status_code]) != [200, 204]


async def test_a_closed_owner_is_shown_as_inactive_and_may_be_removed(system: System, organizer: Organizer) -> None:
    second = await system.person(organizer.tenant_id, Role.OWNER)
    assert await leave(system, second) == 204
    path, headers = f"/api/v1/users/{second.user_id}", organizer.owner.headers

    shown = (await system.client.get(path, headers=headers)).json()
    removed = await system.client.delete(path, headers=headers)

    assert (shown["is_active"], removed.status_code) == (False, 204)


async def test_who_was_removed_everywhere_signs_in_without_a_role_and_joins_again(
    system: System, organizer: Organizer
) -> None:
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    path = f"/api/v1/users/{person.user_id}"
    assert (await system.client.delete(path, headers=organizer.owner.headers)).status_code == 204
    credentials = {"email": person.email, "password": PASSWORD}

    elsewhere = await system.client.post(
        "/api/v1/auth/login", json=credentials, headers={"X-Tenant-ID": organizer.slug}
    )
    home = await system.client.post("/api/v1/auth/login", json=credentials)
    bearer = {"Authorization": f"Bearer {home.json()['access_token']}"}
    me = (await system.client.get("/api/v1/auth/me", headers=bearer)).json()
    joined = await system.client.post("/api/v1/auth/join", headers=bearer | {"X-Tenant-ID": organizer.slug})
    back = await system.client.post("/api/v1/auth/login", json=credentials, headers={"X-Tenant-ID": organizer.slug})

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "tenant_mismatch")
    assert (me["tenant"]["role"], me["permissions"]) == (None, ["products:read"])
    assert (joined.status_code, back.status_code) == (204, 200)
