from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.identity.account import Account, AccountNotFound, AccountRegistered, AccountRenamed
from app.shared.errors import StaleVersion
from app.shared.ids import UserId

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def account() -> Account:
    return Account.register(id=UserId(UUID(int=1)), email="ada@example.com", full_name="Ada", now=NOW)


def test_a_registered_account_is_open_and_no_superuser() -> None:
    fresh = account()
    assert (fresh.is_active, fresh.is_superuser, fresh.version, fresh.stored_version) == (True, False, 1, 0)
    assert fresh.pending_events == (
        AccountRegistered(user_id=fresh.id, email="ada@example.com", full_name="Ada", occurred_at=NOW),
    )


def test_another_name_is_an_event_and_the_same_name_is_none() -> None:
    renamed = account()
    renamed.rename("Ada", now=LATER)
    assert (renamed.version, renamed.updated_at) == (1, NOW)
    renamed.rename("Ada King", now=LATER)
    assert (renamed.full_name, renamed.updated_at, renamed.version) == ("Ada King", LATER, 2)
    assert renamed.pending_events[-1] == AccountRenamed(user_id=renamed.id, full_name="Ada King", occurred_at=LATER)


def test_a_closed_account_can_not_be_closed_again() -> None:
    closed = account()
    closed.close(now=LATER)
    assert (closed.is_active, closed.pending_events[-1].type) == (False, "account.closed")
    with pytest.raises(AccountNotFound):
        closed.close(now=LATER)


def test_a_change_may_expect_a_version() -> None:
    fresh = account()
    fresh.expect_version(None)
    fresh.expect_version(1)
    with pytest.raises(StaleVersion):
        fresh.expect_version(2)
