from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.tenancy.membership import AlreadyMember, LastOwner, MemberChanged, Membership
from app.domain.tenancy.roles import ALL_PERMISSIONS, PERMISSIONS, Role, require_rank
from app.domain.tenancy.tenant import Tenant
from app.shared.errors import Forbidden
from app.shared.ids import TenantId, UserId

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ME, SOMEBODY = UserId(UUID(int=2)), UserId(UUID(int=3))


def member(role: Role = Role.MEMBER, *, accepted: bool = True) -> Membership:
    return Membership.add(id=UUID(int=1), user_id=ME, role=role, display_name="Ada", accepted=accepted, now=NOW)


def change(
    of: Membership,
    role: Role | None = None,
    is_active: bool | None = None,
    by: Role = Role.OWNER,
    owners: Collection[UserId] = (ME, SOMEBODY),
) -> bool:
    return of.change(role=role, is_active=is_active, actor_role=by, owners=owners, now=LATER)


def test_an_offer_is_accepted_once() -> None:
    offered = member(accepted=False)
    offered.join(now=LATER)
    assert (offered.accepted_at, offered.pending_events[-1].type) == (LATER, "member.joined")
    with pytest.raises(AlreadyMember):
        offered.join(now=LATER)


def test_a_change_is_one_event_with_what_holds_from_now_on() -> None:
    changed = member()
    assert change(changed, Role.ADMIN, is_active=False)
    assert (changed.role, changed.is_active, changed.updated_at) == (Role.ADMIN, False, LATER)
    assert changed.pending_events[-1] == MemberChanged(
        user_id=changed.user_id, role=Role.ADMIN, is_active=False, occurred_at=LATER
    )


def test_what_changes_nothing_is_no_change() -> None:
    same = member()
    assert not change(same)
    assert not change(same, Role.MEMBER, is_active=True)
    assert (same.version, same.updated_at) == (1, NOW)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CUSTOMER])
def test_the_last_owner_can_not_step_down(role: Role) -> None:
    owner = member(Role.OWNER)
    with pytest.raises(LastOwner):
        change(owner, role, owners=[ME])
    with pytest.raises(LastOwner):
        change(owner, is_active=False, owners=[ME])
    with pytest.raises(LastOwner):
        owner.remove(actor_role=Role.OWNER, owners=[ME], now=NOW)
    assert (owner.role, owner.is_active, owner.removed, owner.version) == (Role.OWNER, True, False, 1)


def test_one_of_two_owners_may_go() -> None:
    assert change(member(Role.OWNER), Role.ADMIN, owners=[ME, SOMEBODY])
    leaving = member(Role.OWNER)
    leaving.remove(actor_role=Role.OWNER, owners=[ME, SOMEBODY], now=NOW)
    assert leaving.removed
    assert leaving.pending_events[-1].type == "member.removed"


def test_an_owner_who_has_not_accepted_or_is_barred_keeps_nobody() -> None:
    asked = member(Role.OWNER, accepted=False)
    asked.remove(actor_role=Role.OWNER, owners=[SOMEBODY], now=NOW)
    assert asked.removed
    barred = member(Role.OWNER)
    change(barred, is_active=False, owners=[ME, SOMEBODY])
    assert change(barred, Role.ADMIN, owners=[SOMEBODY])


@pytest.mark.parametrize(("actor", "concerned"), [(a, c) for a in Role for c in Role])
def test_rank_decides_whom_one_may_change(actor: Role, concerned: Role) -> None:
    order = [Role.CUSTOMER, Role.MEMBER, Role.ADMIN, Role.OWNER]
    if order.index(concerned) > order.index(actor):
        with pytest.raises(Forbidden):
            require_rank(actor, Role.CUSTOMER, concerned)
    else:
        require_rank(actor, Role.CUSTOMER, concerned)


def test_each_role_may_what_the_contract_says() -> None:
    assert PERMISSIONS[None] == {"products:read"}
    assert PERMISSIONS[Role.MEMBER] == {
        *("products:read", "orders:read", "users:read", "tenants:read", "jobs:read"),
        *("settings:read", "messages:read", "webhooks:read", "stock:read"),
    }
    assert PERMISSIONS[Role.OWNER] == PERMISSIONS[Role.ADMIN] == ALL_PERMISSIONS
    assert not [name for name in PERMISSIONS[Role.CUSTOMER] if name.startswith("users:") or name.endswith(":write")]
    assert [role for role in Role if role.is_staff] == [Role.OWNER, Role.ADMIN, Role.MEMBER]


def test_a_tenant_s_new_name_is_an_event_and_the_same_one_is_none() -> None:
    tenant = Tenant.create(id=TenantId(UUID(int=1)), slug="open-air", name="Open Air", owner_id=None, now=NOW)
    tenant.rename(slug=None, name="Open Air", now=LATER)
    assert tenant.version == 1
    tenant.rename(slug=None, name="New", now=LATER)
    tenant.rename(slug="new", name=None, now=LATER)
    assert (tenant.slug, tenant.name, tenant.version) == ("new", "New", 3)
    assert [event.type for event in tenant.pending_events] == ["tenant.created", "tenant.renamed", "tenant.renamed"]


def test_an_owner_may_be_confirmed_in_what_they_are_while_they_are_the_last() -> None:
    barred = member(Role.OWNER)
    change(barred, is_active=False, owners=[ME, SOMEBODY])
    assert change(barred, is_active=True, owners=[])
    assert barred.is_active
