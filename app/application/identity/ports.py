"""What identity needs from the outside: tokens, refresh secrets and password hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.application.tenancy.contracts import Role
from app.domain.identity.account import Account
from app.shared.errors import AppError, Kind
from app.shared.ids import SessionId, TenantId, UserId


class InvalidToken(AppError):
    """A token that is not ours, not canonical, expired, or made for another purpose; the reason is never told."""

    code = "invalid_token"
    kind = Kind.UNAUTHENTICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What a verified access token says. `issued_at` and `expires_at` are Unix seconds."""

    user_id: UserId
    session_id: SessionId
    tenant_id: TenantId
    token_id: UUID
    role: str
    is_superuser: bool
    issued_at: int
    expires_at: int


class AccessTokens(Protocol):
    """Signed, short-lived proof of who is asking. Revocation is the caller's check, by `session_id` and `token_id`."""

    @property
    def lifetime_seconds(self) -> int: ...

    def issue(
        self,
        *,
        user_id: UserId,
        session_id: SessionId,
        tenant_id: TenantId,
        role: str,
        is_superuser: bool,
        now: datetime,
    ) -> str:
        """A token that is valid from `now` for `lifetime_seconds`."""
        ...

    def verify(self, token: str) -> AccessClaims:
        """Raises InvalidToken, whatever is wrong with it."""
        ...


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """`needs_upgrade` is only ever true with `ok`: hash the presented password again and store that."""

    ok: bool
    needs_upgrade: bool


class PasswordHasher(Protocol):
    """Slow on purpose. Both methods raise Overloaded (with `retry_after`) when too many are waiting."""

    async def hash(self, password: str) -> str:
        """Raises WeakPassword for text that has no bytes (lone surrogates) or is absurdly long."""
        ...

    async def verify(self, password: str, hashed: str | None) -> PasswordCheck:
        """`hashed` None stands for an account that does not exist and costs the same time as one that does."""
        ...


@dataclass(frozen=True, slots=True)
class RefreshHandle:
    """Where to look a refresh token up. It proves nothing: compare the stored digest."""

    tenant_id: TenantId
    session_id: SessionId


class RefreshSecrets(Protocol):
    """Refresh tokens: 256 secret bits that name their tenant and session. Only digests are ever stored.

    Everything but `new` raises InvalidToken on any other spelling than the one `new` and `successor` give.
    """

    def new(self, *, tenant_id: TenantId, session_id: SessionId) -> str: ...

    def successor(self, token: str) -> str:
        """The next token of the same session; the same one each time, so a lost answer can be repeated."""
        ...

    def successors(self, token: str) -> tuple[str, ...]:
        """`successor(token)` first, then what the other accepted signing keys give.

        A retry within the grace may meet a process that already signs with the next key: it takes the one whose
        digest is stored.
        """
        ...

    def digest(self, token: str) -> bytes:
        """32 bytes to store and compare. It needs no key, so it outlives every rotation."""
        ...

    def parse(self, token: str) -> RefreshHandle: ...


@dataclass(frozen=True, slots=True)
class KnownMembership:
    tenant_id: TenantId
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """What a sign-in must know. `memberships` are the accepted, active ones, the one used last first."""

    user_id: UserId
    password_hash: str
    is_active: bool
    is_superuser: bool
    memberships: tuple[KnownMembership, ...]


class AccountDirectory(Protocol):
    """Looks accounts up across tenants, as only a sign-in may."""

    async def by_email(self, email: str) -> KnownAccount | None: ...

    async def is_superuser(self, user_id: UserId) -> bool:
        """Whether this is an open superuser's account."""
        ...

    async def owned_tenants(self, user_id: UserId) -> tuple[TenantId, ...]: ...

    async def sole_owner_somewhere(self, user_id: UserId) -> bool:
        """Whether some tenant would be left without an owner if this account went."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One's own account as a user of the current tenant; `version` counts changes of the account."""

    id: UserId
    email: str
    full_name: str
    is_active: bool
    role: Role | None
    created_at: datetime
    updated_at: datetime
    version: int


def profile_of(account: Account, role: Role | None) -> Profile:
    return Profile(
        id=account.id,
        email=account.email,
        full_name=account.full_name,
        is_active=account.is_active,
        role=role,
        created_at=account.created_at,
        updated_at=account.updated_at,
        version=account.version,
    )
