"""The whole application on a real database, and short ways to the people and things a test needs.

Nothing is emptied between tests: each makes tenants of its own, as row-level security would have it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from app.application.catalog.commands.create_product import CreateProduct
from app.application.catalog.views import ProductView
from app.application.identity.commands.open_session import OpenSession
from app.application.identity.commands.register_account import RegisterAccount
from app.application.tenancy.commands.create_tenant import CreateTenant
from app.application.tenancy.contracts import Role
from app.container import Application
from app.domain.catalog.product import ProductDetails, ProductKind, ProductStatus
from app.domain.kernel import Money
from app.first_data import first_data
from app.infrastructure.database.addresses import Addresses
from app.main import create_app
from app.shared.ids import TenantId, UserId
from app.shared.settings import Settings
from app.shared.tenant_context import RequestContext, system_context
from app.startup import opened

PASSWORD = "a long enough phrase"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in to one tenant; `headers` are what their client sends."""

    user_id: UserId
    tenant_id: TenantId
    email: str
    token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def context(self) -> RequestContext:
        return RequestContext(
            tenant_id=self.tenant_id, actor_id=self.user_id, actor_kind="user", is_staff=True, request_id="test"
        )


@dataclass(frozen=True, slots=True)
class Organizer:
    """A tenant with its owner."""

    tenant_id: TenantId
    slug: str
    owner: Person


@dataclass(slots=True)
class System:
    app: FastAPI
    application: Application
    client: httpx.AsyncClient
    settings: Settings
    addresses: Addresses
    _hash: str = field(default="")

    async def organizer(self) -> Organizer:
        slug = f"t-{uuid4().hex[:20]}"
        home = system_context(TenantId(UUID(int=0)), "test")
        tenant = await self.application.mediator.send(CreateTenant(slug=slug, name=slug, owner_id=None), home)
        return Organizer(tenant.id, slug, await self.person(tenant.id, Role.OWNER))

    async def person(self, tenant_id: TenantId, role: Role, *, is_superuser: bool = False) -> Person:
        email = f"{role}-{uuid4().hex}@example.com"
        context = system_context(tenant_id, "test")
        register = RegisterAccount(
            email=email,
            full_name=f"The {role}",
            password_hash=await self._password_hash(),
            role=role,
            by=Role.OWNER,
            is_superuser=is_superuser,
        )
        user = await self.application.mediator.send(register, context)
        return await self.signed_in(UserId(user.id), tenant_id, role, email, is_superuser=is_superuser)

    async def signed_in(
        self, user_id: UserId, tenant_id: TenantId, role: str, email: str, *, is_superuser: bool = False
    ) -> Person:
        """A new session, without the price of a password check."""
        opened_session = OpenSession(
            user_id=user_id,
            tenant_id=tenant_id,
            is_superuser=is_superuser,
            device_name="test",
            ip="127.0.0.1",
            user_agent="test",
        )
        pair = await self.application.mediator.send(opened_session, system_context(tenant_id, "test"))
        return Person(user_id, tenant_id, email, pair.access_token, pair.refresh_token)

    async def product(self, organizer: Organizer, **details: Any) -> ProductView:
        """On sale for 10.00 EUR, unlimited, unless said otherwise."""
        values: dict[str, Any] = {
            "sku": f"SKU-{uuid4().hex}",
            "name": "Friday, standing",
            "kind": ProductKind.TICKET,
            "price": Money(1_000, "EUR"),
            "status": ProductStatus.ACTIVE,
        }
        command = CreateProduct(details=ProductDetails(**(values | details)))
        return await self.application.mediator.send(command, organizer.owner.context)

    async def place(self, person: Person, product_id: UUID, quantity: int = 1, **headers: str) -> httpx.Response:
        return await self.client.post(
            "/api/v1/orders", json=order_body(product_id, quantity), headers=person.headers | headers
        )

    async def _password_hash(self) -> str:
        """Of PASSWORD, made once."""
        from app.application.identity.ports import PasswordHasher

        if not self._hash:
            hasher: PasswordHasher = self.application.container.resolve(PasswordHasher)
            self._hash = await hasher.hash(PASSWORD)
        return self._hash


def order_body(product_id: UUID | str, quantity: int = 1) -> dict[str, Any]:
    return {
        "customer": {"email": "buyer@example.com", "name": "A Buyer"},
        "items": [{"product_id": str(product_id), "quantity": quantity}],
    }


@asynccontextmanager
async def running(settings: Settings, addresses: Addresses) -> AsyncGenerator[System]:
    """The application as it serves, without its background jobs: a test runs those when it wants them."""
    app = create_app(settings)
    async with opened(settings, addresses) as application:
        await first_data(settings, application)
        app.state.parts = application.parts
        app.state.draining = False
        await application.revocations.refresh()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield System(app, application, client, settings, addresses)
