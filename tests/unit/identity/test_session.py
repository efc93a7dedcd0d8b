from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.identity.session import GRACE, Session, SessionEnded, SessionRefreshed, SessionRevoked, TokenReused
from app.shared.ids import SessionId, UserId

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
WEEK = timedelta(days=7)


def session() -> Session:
    return Session.open(
        id=SessionId(UUID(int=1)),
        user_id=UserId(UUID(int=2)),
        refresh_digest=b"first",
        lifetime=WEEK,
        device_name="phone",
        ip="192.0.2.1",
        user_agent="x",
        now=NOW,
    )


def types(of: Session) -> list[str]:
    return [event.type for event in of.pending_events]


def test_a_new_session_lives_as_long_as_it_was_given() -> None:
    opened = session()
    assert (opened.expires_at, opened.revoked_at, types(opened)) == (NOW + WEEK, None, ["session.opened"])


def test_a_refresh_replaces_the_live_digest() -> None:
    live = session()
    live.refresh(presented=b"first", successor=b"second", now=NOW)
    assert (live.previous_digest, live.refresh_digest) == (b"first", b"second")
    assert isinstance(live.pending_events[-1], SessionRefreshed)


@pytest.mark.parametrize("late", [timedelta(), GRACE])
def test_a_repeat_within_the_grace_changes_nothing(late: timedelta) -> None:
    live = session()
    live.refresh(presented=b"first", successor=b"second", now=NOW)
    live.refresh(presented=b"first", successor=b"second", now=NOW + late)
    assert (live.refresh_digest, live.rotated_at, len(live.pending_events)) == (b"second", NOW, 2)


@pytest.mark.parametrize(
    ("presented", "successor", "late"),
    [
        (b"first", b"second", GRACE + timedelta(microseconds=1)),
        (b"first", b"another", timedelta()),
        (b"stranger", b"second", timedelta()),
    ],
)
def test_anything_else_is_a_copy_in_use(presented: bytes, successor: bytes, late: timedelta) -> None:
    live = session()
    live.refresh(presented=b"first", successor=b"second", now=NOW)
    with pytest.raises(TokenReused):
        live.refresh(presented=presented, successor=successor, now=NOW + late)
    assert len(live.pending_events) == 2


def test_the_first_token_has_no_predecessor() -> None:
    with pytest.raises(TokenReused):
        session().refresh(presented=b"", successor=b"second", now=NOW)


def test_a_session_is_over_at_its_end_and_not_before() -> None:
    live = session()
    live.refresh(presented=b"first", successor=b"second", now=NOW + WEEK - timedelta(microseconds=1))
    with pytest.raises(SessionEnded):
        live.refresh(presented=b"second", successor=b"third", now=NOW + WEEK)


def test_a_revoked_session_is_over_and_revoking_it_again_changes_nothing() -> None:
    live = session()
    live.revoke(reason="logout", now=NOW)
    live.revoke(reason="token_reused", now=NOW + WEEK)
    revoked = live.pending_events[-1]
    assert isinstance(revoked, SessionRevoked)
    assert (live.revoked_at, revoked.reason, len(live.pending_events)) == (NOW, "logout", 2)
    with pytest.raises(SessionEnded):
        live.refresh(presented=b"first", successor=b"second", now=NOW)
