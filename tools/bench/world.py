"""What is measured on: one tenant, its owner, a customer, one hot product and a hundred others."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson

from app.application.catalog.commands.create_product import CreateProduct
from app.application.identity.commands.register_account import RegisterAccount
from app.application.identity.ports import PasswordHasher
from app.application.tenancy.commands.create_tenant import CreateTenant
from app.application.tenancy.contracts import Role
from app.container import Application
from app.domain.catalog.product import ProductDetails, ProductKind, ProductStatus
from app.domain.kernel import Money
from app.first_data import first_data
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.security.tokens import JwtAccessTokens
from app.shared.ids import SessionId, TenantId, UserId
from app.shared.settings import Settings
from app.shared.tenant_context import RequestContext, system_context
from app.startup import opened
from tools.bench.database import SLUG
from tools.bench.tokens import token_check

EMAIL = "shopper@example.com"
HUGE = 1_000_000_000
SPREAD = 100
SCARCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`scarce` has pieces for a fifth of the stampede's buyers; `old` is what a full table's orders were for."""

    tenant_id: TenantId
    owner_id: UserId
    customer_id: UserId
    password: str
    hot: UUID
    spread: tuple[UUID, ...]
    scarce: UUID
    old: UUID
    tokens: JwtAccessTokens

    def staff_token(self) -> str:
        return self._token(self.owner_id, Role.OWNER)

    def customer_token(self) -> str:
        return self._token(self.customer_id, Role.CUSTOMER)

    def stranger_token(self) -> str:
        """Another customer each time, as a new process of identity would issue it."""
        return self._token(UserId(uuid4()), Role.CUSTOMER)

    def _token(self, user_id: UserId, role: Role) -> str:
        """Fresh for each measurement, since a run may take longer than a token lives."""
        return self.tokens.issue(
            user_id=user_id,
            session_id=SessionId(uuid4()),
            tenant_id=self.tenant_id,
            role=role.value,
            is_superuser=False,
            now=datetime.now(UTC),
        )


def order_body(product_id: UUID) -> bytes:
    return orjson.dumps(
        {
            "customer": {"email": "buyer@example.com", "name": "A Buyer"},
            "items": [{"product_id": str(product_id), "quantity": 1}],
        }
    )


async def found_world(settings: Settings, addresses: Addresses) -> World:
    """Through the application's own commands, in this process."""
    async with opened(settings, addresses) as application:
        await first_data(settings, application)
        return await _Founder(settings, application).found()


class _Founder:
    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings = settings
        self._bus = application.mediator
        self._hasher: PasswordHasher = application.container.resolve(PasswordHasher)

    async def found(self) -> World:
        home = system_context(TenantId(UUID(int=0)), "bench")
        tenant = await self._bus.send(CreateTenant(slug=SLUG, name="Bench", owner_id=None), home)
        context = system_context(tenant.id, "bench")
        password = secrets.token_urlsafe(12)
        hashed = await self._hasher.hash(password)
        owner = await self._account(context, "owner@example.com", hashed, Role.OWNER)
        customer = await self._account(context, EMAIL, hashed, Role.CUSTOMER)
        return World(
            tenant_id=tenant.id,
            owner_id=owner,
            customer_id=customer,
            password=password,
            hot=await self._product(context, "HOT", HUGE),
            spread=tuple([await self._product(context, f"SPREAD-{n:03}", HUGE) for n in range(SPREAD)]),
            scarce=await self._product(context, "SCARCE", SCARCE),
            old=await self._product(context, "OLD", HUGE),
            tokens=token_check(self._settings),
        )

    async def _account(self, context: RequestContext, email: str, hashed: str, role: Role) -> UserId:
        register = RegisterAccount(
            email=email, full_name="Bench", password_hash=hashed, role=role, by=Role.OWNER, is_superuser=False
        )
        return UserId((await self._bus.send(register, context)).id)

    async def _product(self, context: RequestContext, sku: str, capacity: int) -> UUID:
        details = ProductDetails(
            sku=sku,
            name=f"Product {sku}",
            description="What a product page usually says, in a sentence or two. " * 4,
            kind=ProductKind.TICKET,
            price=Money(4_500, "EUR"),
            capacity=capacity,
            status=ProductStatus.ACTIVE,
            max_per_order=10,
        )
        return (await self._bus.send(CreateProduct(details=details), context)).id
