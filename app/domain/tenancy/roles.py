"""Built-in roles and what each may do. A permission is `<resource>:<verb>`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from app.shared.errors import Forbidden


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    CUSTOMER = "customer"

    @property
    def is_staff(self) -> bool:
        return self is not Role.CUSTOMER


_RANK: Mapping[Role, int] = MappingProxyType({Role.CUSTOMER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3})

_ANYONE = frozenset({"products:read"})
_CUSTOMER = _ANYONE | {"orders:read", "orders:place", "orders:cancel", "tenants:read", "jobs:read"}
_MEMBER = _ANYONE | {
    *("orders:read", "users:read", "tenants:read", "jobs:read"),
    *("settings:read", "messages:read", "webhooks:read", "stock:read"),
}
_ADMIN = (
    _MEMBER
    | _CUSTOMER
    | {"products:write", "orders:confirm", "users:write", "users:admin", "tenants:write"}
    | {"settings:write", "messages:write", "webhooks:write", "dead_letters:read", "dead_letters:write"}
)

PERMISSIONS: Mapping[Role | None, frozenset[str]] = MappingProxyType(
    {
        None: _ANYONE,
        Role.CUSTOMER: _CUSTOMER,
        Role.MEMBER: _MEMBER,
        Role.ADMIN: _ADMIN,
        Role.OWNER: _ADMIN,
    }
)
"""By role; None is somebody without one. Owners differ from admins in whom they may change, not in what."""

ALL_PERMISSIONS = frozenset[str]().union(*PERMISSIONS.values())


def require_rank(actor: Role, *roles: Role) -> None:
    """Nobody grants, changes or removes a role above their own. Raises Forbidden."""
    if any(_RANK[role] > _RANK[actor] for role in roles):
        raise Forbidden("Your own role is below the one concerned; ask someone with that role.")
