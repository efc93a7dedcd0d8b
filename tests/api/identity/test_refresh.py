from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.security import base64url
from app.shared.settings import Settings
from tests.support.clocks import MovedClock
from tests.support.owner import audit, rows, value
from tests.support.system import Organizer, Person, System, running

REFRESH, ME = "/api/v1/auth/refresh", "/api/v1/auth/me"


async def refresh(system: System, token: str) -> httpx.Response:
    return await system.client.post(REFRESH, json={"refresh_token": token})


async def answer_to(system: System, access_token: str) -> int:
    await system.application.revocations.refresh()
    return (await system.client.get(ME, headers={"Authorization": f"Bearer {access_token}"})).status_code


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    clock = MovedClock()
    monkeypatch.setattr("app.container.SystemClock", lambda: clock)
    return clock


@pytest.fixture
async def moved(clock: MovedClock, settings: Settings, addresses: Addresses) -> AsyncGenerator[System]:
    """A system whose clock the test moves."""
    async with running(settings, addresses) as system:
        yield system


async def test_a_refresh_gives_the_next_pair(system: System, organizer: Organizer) -> None:
    response = await refresh(system, organizer.owner.refresh_token)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    pair = response.json()
    assert pair["refresh_token"] != organizer.owner.refresh_token
    assert await answer_to(system, pair["access_token"]) == 200
    assert (await refresh(system, pair["refresh_token"])).status_code == 200
    assert (await audit(system, organizer.tenant_id))[-1] == ("session.refreshed", "done")


async def test_a_repeat_within_ten_seconds_gets_the_same_successor(moved: System, clock: MovedClock) -> None:
    owner = (await moved.organizer()).owner
    first = await refresh(moved, owner.refresh_token)
    clock.offset = timedelta(seconds=9)
    again = await refresh(moved, owner.refresh_token)
    assert (again.status_code, again.json()["refresh_token"]) == (200, first.json()["refresh_token"])


async def test_a_repeat_later_ends_the_session_and_that_is_kept_although_the_answer_is_an_error(
    moved: System, clock: MovedClock
) -> None:
    organizer = await moved.organizer()
    successor = (await refresh(moved, organizer.owner.refresh_token)).json()["refresh_token"]
    clock.offset = timedelta(seconds=11)
    reused = await refresh(moved, organizer.owner.refresh_token)
    assert (reused.status_code, reused.json()["code"]) == (401, "token_reused")
    assert (await refresh(moved, successor)).json()["code"] == "session_ended"
    revoked = await value(moved, "SELECT revoked_at FROM sessions WHERE tenant_id = $1", organizer.tenant_id)
    assert revoked is not None
    kinds = await rows(moved, "SELECT kind FROM token_revocations WHERE tenant_id = $1", organizer.tenant_id)
    assert kinds == [("session",)]
    assert (await audit(moved, organizer.tenant_id))[-1] == ("session.revoked", "done")
    assert await answer_to(moved, organizer.owner.token) == 401


async def test_reuse_of_a_token_two_generations_old_ends_the_session_at_once(
    system: System, organizer: Organizer
) -> None:
    second = (await refresh(system, organizer.owner.refresh_token)).json()
    third = (await refresh(system, second["refresh_token"])).json()
    reused = await refresh(system, organizer.owner.refresh_token)
    assert reused.json()["code"] == "token_reused"
    for pair in (second, third):
        assert await answer_to(system, pair["access_token"]) == 401
        assert (await refresh(system, pair["refresh_token"])).json()["code"] == "session_ended"


async def test_a_session_ends_after_seven_days_however_often_it_was_refreshed(moved: System, clock: MovedClock) -> None:
    owner = (await moved.organizer()).owner
    clock.offset = timedelta(days=7, minutes=-1)
    late = await refresh(moved, owner.refresh_token)
    assert late.status_code == 200
    clock.offset = timedelta(days=7)
    ended = await refresh(moved, late.json()["refresh_token"])
    assert (ended.status_code, ended.json()["code"]) == (401, "session_ended")


@pytest.mark.parametrize("token", ["x", "htr_", "htr_" + "A" * 86, "htr_" + "A" * 85 + "!", "ü" * 90])
async def test_what_is_no_refresh_token_is_401(system: System, token: str) -> None:
    response = await refresh(system, token)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert token not in response.text or token == "x"


async def test_knowing_tenant_and_session_is_not_enough(system: System, organizer: Organizer) -> None:
    content = bytearray(base64url.decode(organizer.owner.refresh_token.removeprefix("htr_")))
    content[-1] ^= 1
    forged = "htr_" + base64url.encode(bytes(content))
    assert (await refresh(system, forged)).json()["code"] == "token_reused"


async def test_an_unknown_session_is_refused(system: System, organizer: Organizer) -> None:
    content = organizer.tenant_id.bytes + uuid4().bytes + bytes(32)
    response = await refresh(system, "htr_" + base64url.encode(content))
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(
    system: System, organizer: Organizer
) -> None:
    assert (await refresh(system, organizer.owner.token)).status_code == 401
    assert await answer_to(system, organizer.owner.refresh_token) == 401


async def test_a_header_that_names_no_tenant_is_403_here_too(system: System, organizer: Organizer) -> None:
    body = {"refresh_token": organizer.owner.refresh_token}
    response = await system.client.post(REFRESH, json=body, headers={"X-Tenant-ID": "no-such-tenant"})
    assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch")


async def role_after_refresh(system: System, person: Person) -> str:
    pair = (await refresh(system, person.refresh_token)).json()
    me = await system.client.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"})
    role: str = me.json()["tenant"]["role"]
    return role


async def test_another_role_ends_the_tokens_at_once_and_a_refresh_gets_the_new_one(
    system: System, organizer: Organizer
) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    path = f"/api/v1/users/{person.user_id}"
    changed = await system.client.patch(path, json={"role": "customer"}, headers=organizer.owner.headers)
    assert changed.status_code == 200
    ended = await system.client.get(ME, headers=person.headers)
    assert (ended.status_code, ended.json()["code"]) == (401, "invalid_token")
    assert await role_after_refresh(system, person) == "customer"


@pytest.mark.parametrize("how", ["barred", "removed"])
async def test_who_is_barred_or_removed_is_out_at_once_for_good(system: System, organizer: Organizer, how: str) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    path, headers = f"/api/v1/users/{person.user_id}", organizer.owner.headers
    if how == "barred":
        done = await system.client.patch(path, json={"is_active": False}, headers=headers)
    else:
        done = await system.client.delete(path, headers=headers)
    assert done.is_success
    assert (await system.client.get(ME, headers=person.headers)).status_code == 401
    refused = await refresh(system, person.refresh_token)
    assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")


async def test_who_is_let_in_again_goes_on_where_they_were(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    path, headers = f"/api/v1/users/{person.user_id}", organizer.owner.headers
    for is_active in (False, True):
        await system.client.patch(path, json={"is_active": is_active}, headers=headers)
    assert await role_after_refresh(system, person) == "member"


async def test_a_closed_account_is_out_in_every_tenant(system: System, organizer: Organizer, other: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    there = person.headers | {"X-Tenant-ID": other.slug}
    assert (await system.client.post("/api/v1/auth/join", headers=there)).status_code == 204
    elsewhere = await system.signed_in(person.user_id, other.tenant_id, Role.CUSTOMER, person.email)
    assert (await system.client.delete("/api/v1/users/me", headers=person.headers)).status_code == 204
    for session in (person, elsewhere):
        assert (await system.client.get(ME, headers=session.headers)).status_code == 401
        assert (await refresh(system, session.refresh_token)).json()["code"] == "session_ended"


async def test_a_superuser_s_visit_can_be_refreshed_as_long_as_they_are_one(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    root = await system.person(other.tenant_id, Role.CUSTOMER, is_superuser=True)
    visit = await system.signed_in(root.user_id, organizer.tenant_id, "", root.email, is_superuser=True)
    pair = await refresh(system, visit.refresh_token)
    assert pair.status_code == 200
    await rows(system, "UPDATE users SET is_superuser = false WHERE id = $1", root.user_id)
    assert (await refresh(system, pair.json()["refresh_token"])).json()["code"] == "session_ended"
