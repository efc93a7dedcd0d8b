"""Two owners who demote, remove or leave each other at once: one stays. The twin shows what the lock is for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.tenancy import repository
from tests.support.blocking import in_turn
from tests.support.owner import rows, value
from tests.support.system import Organizer, Person, System

Deed = Callable[[System, Person, Person], Awaitable[httpx.Response]]

OWNERS = "SELECT count(*) FROM memberships WHERE tenant_id = $1 AND role = 'owner' AND is_active"


async def demotes(system: System, actor: Person, target: Person) -> httpx.Response:
    return await system.client.patch(f"/api/v1/users/{target.user_id}", json={"role": "admin"}, headers=actor.headers)


async def bars(system: System, actor: Person, target: Person) -> httpx.Response:
    body = {"is_active": False}
    return await system.client.patch(f"/api/v1/users/{target.user_id}", json=body, headers=actor.headers)


async def removes(system: System, actor: Person, target: Person) -> httpx.Response:
    return await system.client.delete(f"/api/v1/users/{target.user_id}", headers=actor.headers)


async def both(system: System, organizer: Organizer, deed: Deed) -> list[int]:
    """Each holds a token from before, and both are through the door before either commits."""
    second = await system.person(organizer.tenant_id, Role.OWNER)
    lock = "SELECT 1 FROM memberships WHERE tenant_id = $1 FOR UPDATE"
    rivals = [deed(system, organizer.owner, second), deed(system, second, organizer.owner)]
    answers = await in_turn(system, [_as_coroutine(rival) for rival in rivals], lock, organizer.tenant_id)
    return sorted(answer.status_code for answer in answers)


async def _as_coroutine(rival: Awaitable[httpx.Response]) -> httpx.Response:
    return await rival


@pytest.mark.parametrize("deed", [demotes, bars, removes])
async def test_of_two_owners_who_turn_on_each_other_one_stays(system: System, organizer: Organizer, deed: Deed) -> None:
    statuses = await both(system, organizer, deed)
    assert statuses in ([200, 409], [204, 409])
    assert await value(system, OWNERS, organizer.tenant_id) == 1


async def test_twin_without_the_lock_a_tenant_loses_both(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_LOCK_OWNERS", "SELECT FROM unnest($1::uuid[])")
    assert await both(system, organizer, demotes) == [200, 200]
    assert await value(system, OWNERS, organizer.tenant_id) == 0


async def test_many_owners_leave_in_a_crowd_and_one_remains(system: System, organizer: Organizer) -> None:
    crowd = [organizer.owner, *[await system.person(organizer.tenant_id, Role.OWNER) for _ in range(5)]]
    answers = await asyncio.gather(*(removes(system, person, person) for person in crowd))
    assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 204, 204, 409]
    assert await rows(system, OWNERS, organizer.tenant_id) == [(1,)]
