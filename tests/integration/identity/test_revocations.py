from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.application.identity.contracts import AccessClaims
from app.infrastructure.identity.revocations import OVERLAP, PolledRevocations
from app.shared.errors import Unavailable
from app.shared.ids import NOBODY, SessionId, TenantId
from tests.support.clocks import MovedClock
from tests.support.owner import rows
from tests.support.system import Organizer, System

LIFETIME = timedelta(minutes=15)
INSERT = "INSERT INTO token_revocations (tenant_id, id, kind, subject_id, revoked_at) VALUES ($1, $2, $3, $4, $5)"


def claims(organizer: Organizer, token_id: UUID | None = None) -> AccessClaims:
    return AccessClaims(
        user_id=organizer.owner.user_id,
        session_id=SessionId(UUID(int=5)),
        tenant_id=organizer.tenant_id,
        token_id=token_id or uuid7(),
        role="owner",
        is_superuser=False,
        issued_at=0,
        expires_at=0,
    )


async def ended(
    system: System, clock: MovedClock, tenant_id: TenantId, kind: str, subject: UUID, ago: timedelta = timedelta()
) -> None:
    await rows(system, INSERT, tenant_id, uuid7(), kind, subject, clock.now() - ago)


def polled(system: System, clock: MovedClock) -> PolledRevocations:
    return PolledRevocations(system.application.database, clock, token_lifetime=LIFETIME)


async def test_what_was_revoked_before_this_process_started_is_known_after_the_first_poll(
    system: System, organizer: Organizer
) -> None:
    clock, token = MovedClock(), claims(organizer)
    await ended(system, clock, organizer.tenant_id, "session", token.session_id)
    fresh = polled(system, clock)
    with pytest.raises(Unavailable):
        fresh.is_revoked(token)
    await fresh.refresh()
    assert fresh.is_revoked(token)
    assert not fresh.is_revoked(claims(organizer)), "a token issued later is another one"


async def test_a_member_is_out_of_one_tenant_and_an_account_out_of_all(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    clock = MovedClock()
    here, there = claims(organizer), claims(other)
    there = replace(there, user_id=here.user_id)
    revocations = polled(system, clock)
    await ended(system, clock, organizer.tenant_id, "member", here.user_id)
    await revocations.refresh()
    assert (revocations.is_revoked(here), revocations.is_revoked(there)) == (True, False)
    await ended(system, clock, organizer.tenant_id, "account", here.user_id)
    await revocations.refresh()
    assert revocations.is_revoked(there)


async def test_of_several_revocations_the_latest_counts_in_whatever_order_they_are_read(
    system: System, organizer: Organizer
) -> None:
    clock, token = MovedClock(), claims(organizer)
    await ended(system, clock, organizer.tenant_id, "member", token.user_id)
    await ended(system, clock, organizer.tenant_id, "member", token.user_id, timedelta(seconds=20))
    revocations = polled(system, clock)
    await revocations.refresh()
    assert revocations.is_revoked(token)


async def test_a_commit_that_becomes_visible_late_is_still_found(system: System, organizer: Organizer) -> None:
    clock, token = MovedClock(), claims(organizer)
    revocations = polled(system, clock)
    await revocations.refresh()
    clock.offset = timedelta(seconds=25)
    await ended(system, clock, organizer.tenant_id, "session", token.session_id, timedelta(seconds=25))
    await revocations.refresh()
    assert revocations.is_revoked(token)


async def test_what_no_token_can_meet_any_more_is_forgotten(system: System, organizer: Organizer) -> None:
    clock, token = MovedClock(), claims(organizer)
    await ended(system, clock, organizer.tenant_id, "session", token.session_id)
    revocations = polled(system, clock)
    await revocations.refresh()
    assert revocations._ended
    clock.offset = LIFETIME + OVERLAP + timedelta(seconds=1)
    await revocations.refresh()
    assert not [key for key in revocations._ended if key[1] in (organizer.tenant_id, NOBODY)]
    assert not revocations.is_revoked(token)
