"""Account: one person, one address, in as many tenants as they like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.shared.errors import AppError, Kind
from app.shared.ids import UserId


class EmailTaken(RuleBroken):
    """The address has an account already; accounts are global."""

    code = "email_taken"


class InvalidCredentials(AppError):
    """Wrong address, wrong password or closed account: the caller is not told which."""

    code = "invalid_credentials"
    kind = Kind.UNAUTHENTICATED


class AccountNotFound(AppError):
    """There is no open account with this id."""

    code = "account_not_found"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistered(DomainEvent):
    type: ClassVar[str] = "account.registered"
    user_id: UserId
    email: str
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRenamed(DomainEvent):
    type: ClassVar[str] = "account.renamed"
    user_id: UserId
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed(DomainEvent):
    type: ClassVar[str] = "account.closed"
    user_id: UserId


@dataclass(slots=True, eq=False, kw_only=True)
class Account(AggregateRoot):
    id: UserId
    email: str
    full_name: str
    created_at: datetime
    updated_at: datetime
    is_active: bool = True
    is_superuser: bool = False

    @classmethod
    def register(cls, *, id: UserId, email: str, full_name: str, now: datetime, is_superuser: bool = False) -> Account:
        account = cls(
            id=id, email=email, full_name=full_name, created_at=now, updated_at=now, is_superuser=is_superuser
        )
        account._record(AccountRegistered(user_id=id, email=email, full_name=full_name, occurred_at=now))
        return account

    def rename(self, full_name: str, *, now: datetime) -> None:
        if full_name == self.full_name:
            return
        self.full_name, self.updated_at = full_name, now
        self._record(AccountRenamed(user_id=self.id, full_name=full_name, occurred_at=now))

    def close(self, *, now: datetime) -> None:
        """The account can't be signed in to any more; its orders stay. Raises AccountNotFound when closed already."""
        if not self.is_active:
            raise AccountNotFound("This account is closed already.")
        self.is_active, self.updated_at = False, now
        self._record(AccountClosed(user_id=self.id, occurred_at=now))
