from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from app.application.tenancy.contracts import Role
from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings
from tests.support.owner import audit, rows
from tests.support.system import Organizer, System, running

LOGOUT, REFRESH, ME = "/api/v1/auth/logout", "/api/v1/auth/refresh", "/api/v1/auth/me"


async def test_after_logout_neither_token_works_and_other_devices_stay(system: System, organizer: Organizer) -> None:
    owner = organizer.owner
    elsewhere = await system.signed_in(owner.user_id, organizer.tenant_id, Role.OWNER, owner.email)
    response = await system.client.post(LOGOUT, headers=owner.headers)
    assert (response.status_code, response.content) == (204, b"")
    assert (await system.client.get(ME, headers=owner.headers)).status_code == 401
    refused = await system.client.post(REFRESH, json={"refresh_token": owner.refresh_token})
    assert refused.json()["code"] == "session_ended"
    assert (await system.client.get(ME, headers=elsewhere.headers)).status_code == 200
    assert (await audit(system, organizer.tenant_id))[-1] == ("session.revoked", "done")


async def test_another_process_knows_of_a_logout_after_its_next_poll(
    system: System, organizer: Organizer, settings: Settings, addresses: Addresses, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "second"})
    async with running(elsewhere, addresses) as second:
        assert (await second.client.get(ME, headers=organizer.owner.headers)).status_code == 200
        assert (await system.client.post(LOGOUT, headers=organizer.owner.headers)).status_code == 204
        assert (await second.client.get(ME, headers=organizer.owner.headers)).status_code == 200  # not yet
        await second.application.revocations.refresh()
        response = await second.client.get(ME, headers=organizer.owner.headers)
        assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


async def test_a_second_logout_finds_nobody_signed_in(system: System, organizer: Organizer) -> None:
    assert (await system.client.post(LOGOUT, headers=organizer.owner.headers)).status_code == 204
    assert (await system.client.post(LOGOUT, headers=organizer.owner.headers)).status_code == 401


async def test_a_logout_under_another_tenant_s_header_ends_the_session_all_the_same(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    """The session lives in the tenant it was opened in, whatever tenant the request is for."""
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    there = person.headers | {"X-Tenant-ID": other.slug}
    assert (await system.client.post("/api/v1/auth/join", headers=there)).status_code == 204
    assert (await system.client.post(LOGOUT, headers=there)).status_code == 204
    assert (await system.client.get(ME, headers=person.headers)).status_code == 401
    refused = await system.client.post(REFRESH, json={"refresh_token": person.refresh_token})
    assert refused.json()["code"] == "session_ended"


async def test_a_session_that_is_gone_from_the_database_can_still_be_logged_out(
    system: System, organizer: Organizer
) -> None:
    await rows(system, "DELETE FROM sessions WHERE tenant_id = $1", organizer.tenant_id)
    assert (await system.client.post(LOGOUT, headers=organizer.owner.headers)).status_code == 204
    assert (await system.client.get(ME, headers=organizer.owner.headers)).status_code == 401


async def test_a_logout_takes_a_key_like_every_post(system: System, organizer: Organizer) -> None:
    headers = organizer.owner.headers | {"Idempotency-Key": uuid4().hex}
    response = await system.client.post(LOGOUT, headers=headers)
    assert (response.status_code, "Idempotency-Replayed" in response.headers) == (204, False)
