"""Who wins when sign-ins, refreshes and their end meet; each with a twin that has its guard removed."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.application.identity.commands.close_session import CloseSession, CloseSessionHandler
from app.application.identity.ports import PasswordCheck
from app.application.tenancy.contracts import Role
from app.infrastructure.identity import repository as identity_rows
from app.infrastructure.security.passwords import BcryptSha256Hasher
from app.infrastructure.security.refresh import HmacRefreshSecrets
from app.infrastructure.tenancy import repository as tenancy_rows
from app.shared.ids import UserId
from tests.support.blocking import in_turn
from tests.support.owner import rows, value
from tests.support.system import PASSWORD, Organizer, Person, System

REFRESH, ME, LOGIN, LOGOUT = (f"/api/v1/auth/{route}" for route in ("refresh", "me", "login", "logout"))
SESSION = "SELECT 1 FROM sessions WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE"
MEMBER = "SELECT 1 FROM memberships WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE"


async def refresh(system: System, token: str) -> httpx.Response:
    return await system.client.post(REFRESH, json={"refresh_token": token})


async def status_of(system: System, access_token: str) -> int:
    await system.application.revocations.refresh()
    return (await system.client.get(ME, headers={"Authorization": f"Bearer {access_token}"})).status_code


async def fifty(system: System, person: Person) -> list[httpx.Response]:
    return list(await asyncio.gather(*(refresh(system, person.refresh_token) for _ in range(50))))


async def test_fifty_refreshes_at_once_leave_exactly_one_live_successor(system: System, organizer: Organizer) -> None:
    answers = await fifty(system, organizer.owner)
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    digest = await value(system, "SELECT refresh_digest FROM sessions WHERE tenant_id = $1", organizer.tenant_id)
    assert digest == HmacRefreshSecrets.digest(None, successor)  # type: ignore[arg-type]  # needs no key
    refreshed = await value(
        system,
        "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'session.refreshed'",
        organizer.tenant_id,
    )
    assert refreshed == 1
    assert (await refresh(system, successor)).status_code == 200


async def test_twin_without_the_row_lock_rivals_are_turned_away(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = identity_rows._LOCK_SESSION.removesuffix(" FOR UPDATE")
    monkeypatch.setattr(identity_rows, "_LOCK_SESSION", unlocked)
    monkeypatch.setattr(tenancy_rows, "_LOCK_MEMBER", tenancy_rows._LOCK_MEMBER.removesuffix(" FOR UPDATE"))
    monkeypatch.setattr(identity_rows, "_LOCK_USER", identity_rows._LOCK_USER.removesuffix(" FOR NO KEY UPDATE"))
    answers = await fifty(system, organizer.owner)
    assert 409 in {answer.status_code for answer in answers}


async def test_twin_with_random_successors_a_lost_answer_costs_the_session(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def random_ones(self: HmacRefreshSecrets, token: str) -> tuple[str, ...]:
        handle = self.parse(token)
        return (self.new(tenant_id=handle.tenant_id, session_id=handle.session_id),)

    monkeypatch.setattr(HmacRefreshSecrets, "successors", random_ones)
    answers = await fifty(system, organizer.owner)
    assert "token_reused" in {answer.json().get("code") for answer in answers}


async def refresh_then_logout(system: System, person: Person) -> tuple[httpx.Response, httpx.Response]:
    rivals = [refresh(system, person.refresh_token), system.client.post(LOGOUT, headers=person.headers)]
    refreshed, left = await in_turn(system, rivals, SESSION, person.tenant_id, person.user_id)
    assert (refreshed.status_code, left.status_code) == (200, 204)
    return refreshed, left


async def test_a_refresh_just_before_the_logout_leaves_nothing_alive(system: System, organizer: Organizer) -> None:
    refreshed, _ = await refresh_then_logout(system, organizer.owner)
    assert await status_of(system, refreshed.json()["access_token"]) == 401
    assert (await refresh(system, refreshed.json()["refresh_token"])).json()["code"] == "session_ended"


async def test_twin_that_looks_at_the_clock_before_it_waits_leaves_a_token_alive(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def early(self: CloseSessionHandler, command: CloseSession) -> None:
        now = self.clock.now()
        session = await self.sessions.lock(command.session_id)
        assert session is not None
        session.revoke(reason="logout", now=now)
        await self.revocations.revoke_session(command.session_id, now=now)

    monkeypatch.setattr(CloseSessionHandler, "handle", early)
    refreshed, _ = await refresh_then_logout(system, organizer.owner)
    assert await status_of(system, refreshed.json()["access_token"]) == 200


async def test_a_logout_just_before_the_refresh_leaves_nothing_alive(system: System, organizer: Organizer) -> None:
    person = organizer.owner
    rivals = [system.client.post(LOGOUT, headers=person.headers), refresh(system, person.refresh_token)]
    left, refused = await in_turn(system, rivals, SESSION, person.tenant_id, person.user_id)
    assert (left.status_code, refused.json()["code"]) == (204, "session_ended")
    assert await status_of(system, person.token) == 401


async def test_logout_among_twenty_refreshes_leaves_nothing_alive(system: System, organizer: Organizer) -> None:
    person = organizer.owner
    rivals = [refresh(system, person.refresh_token) for _ in range(20)]
    rivals.insert(10, system.client.post(LOGOUT, headers=person.headers))
    answers = await asyncio.gather(*rivals)
    pairs = [answer.json() for answer in answers if answer.status_code == 200]
    for pair in pairs:
        assert await status_of(system, pair["access_token"]) == 401
        assert (await refresh(system, pair["refresh_token"])).status_code == 401


def demote(system: System, organizer: Organizer, user_id: UserId) -> Any:
    return system.client.patch(f"/api/v1/users/{user_id}", json={"role": "customer"}, headers=organizer.owner.headers)


async def refresh_then_demote(system: System, organizer: Organizer) -> str:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    rivals = [refresh(system, person.refresh_token), demote(system, organizer, person.user_id)]
    refreshed, demoted = await in_turn(system, rivals, MEMBER, person.tenant_id, person.user_id)
    assert (refreshed.status_code, demoted.status_code) == (200, 200)
    token: str = refreshed.json()["access_token"]
    return token


async def test_a_refresh_just_before_a_demotion_keeps_no_rights(system: System, organizer: Organizer) -> None:
    assert await status_of(system, await refresh_then_demote(system, organizer)) == 401


async def test_a_refresh_just_after_a_demotion_has_the_new_role(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    rivals = [demote(system, organizer, person.user_id), refresh(system, person.refresh_token)]
    _, refreshed = await in_turn(system, rivals, MEMBER, person.tenant_id, person.user_id)
    await system.application.revocations.refresh()
    headers = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
    assert (await system.client.get(ME, headers=headers)).json()["tenant"]["role"] == "customer"


@dataclass
class SlowCheck:
    """A password check that takes as long as the test wants."""

    started: asyncio.Event
    go_on: asyncio.Event

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        check = BcryptSha256Hasher.verify

        async def verify(hasher: BcryptSha256Hasher, password: str, hashed: str | None) -> PasswordCheck:
            self.started.set()
            await self.go_on.wait()
            return await check(hasher, password, hashed)

        monkeypatch.setattr(BcryptSha256Hasher, "verify", verify)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowCheck:
    slow = SlowCheck(asyncio.Event(), asyncio.Event())
    slow.install(monkeypatch)
    return slow


async def sign_in_around(system: System, person: Person, slow: SlowCheck, change: Any) -> httpx.Response:
    body = {"email": person.email, "password": PASSWORD}
    signing_in = asyncio.create_task(system.client.post(LOGIN, json=body))
    await slow.started.wait()
    assert (await change).is_success
    slow.go_on.set()
    return await signing_in


async def test_a_demotion_while_the_password_is_checked_counts(
    system: System, organizer: Organizer, slow: SlowCheck
) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    response = await sign_in_around(system, person, slow, demote(system, organizer, person.user_id))
    headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
    assert (await system.client.get(ME, headers=headers)).json()["tenant"]["role"] == "customer"


async def test_a_removal_while_the_password_is_checked_counts(
    system: System, organizer: Organizer, slow: SlowCheck
) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    removal = system.client.delete(f"/api/v1/users/{person.user_id}", headers=organizer.owner.headers)
    response = await sign_in_around(system, person, slow, removal)
    assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch")


async def test_an_account_closed_while_the_password_is_checked_stays_closed(
    system: System, organizer: Organizer, slow: SlowCheck
) -> None:
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    closing = system.client.delete("/api/v1/users/me", headers=person.headers)
    response = await sign_in_around(system, person, slow, closing)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")


async def test_of_two_registrations_of_one_address_at_once_one_is_made(system: System) -> None:
    email = f"{secrets.token_hex(12)}@example.com"
    body = {"email": email, "password": "four words nobody guesses", "full_name": "Ada"}
    answers = await asyncio.gather(*(system.client.post("/api/v1/auth/register", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await rows(system, "SELECT count(*) FROM users WHERE email = $1", email) == [(1,)]
