"""What a new installation starts with. Each step looks before it makes, so a second start changes nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from app.application.catalog.commands.create_product import CreateProduct
from app.application.catalog.queries.list_products import ListProducts
from app.application.identity.commands.register_account import RegisterAccount
from app.application.identity.ports import AccountDirectory, PasswordHasher
from app.application.paging import PageRequest
from app.application.tenancy.commands.create_tenant import CreateTenant
from app.application.tenancy.contracts import Role, TenantDirectory
from app.container import Application
from app.domain.catalog.product import ProductDetails, ProductKind, ProductStatus, SkuTaken
from app.domain.identity.account import EmailTaken
from app.domain.kernel import Money
from app.domain.tenancy.tenant import SlugTaken
from app.shared.ids import TenantId
from app.shared.settings import Settings
from app.shared.tenant_context import system_context

DEMO_TENANT = "demo"
DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "try-it-out-today"  # noqa: S105 — printed at start-up, made in development only
DEMO_SKU = "DEMO-FRIDAY"
FIRST_START = "first-start"


@dataclass(frozen=True, slots=True)
class Demo:
    """How to try the product: the demo tenant's owner, and a product that is on sale."""

    email: str
    password: str
    tenant: str
    product_id: UUID


async def first_data(settings: Settings, application: Application) -> Demo | None:
    """The default tenant, the first superuser when one is named, and in development the demo."""
    setup = _Setup(application)
    default = await setup.tenant(settings.default_tenant_id, "Default tenant")
    email, password = settings.first_superuser_email, settings.first_superuser_password
    if email is not None and password is not None:
        await setup.owner(default, email, password.get_secret_value(), "First superuser", is_superuser=True)
    if settings.production or not settings.demo_data:
        return None
    demo = await setup.tenant(DEMO_TENANT, "Demo")
    await setup.owner(demo, DEMO_EMAIL, DEMO_PASSWORD, "Demo owner", is_superuser=False)
    return Demo(DEMO_EMAIL, DEMO_PASSWORD, DEMO_TENANT, await setup.demo_products(demo))


class _Setup:
    def __init__(self, application: Application) -> None:
        container = application.container
        self._bus = application.mediator
        self._tenants: TenantDirectory = container.resolve(TenantDirectory)
        self._accounts: AccountDirectory = container.resolve(AccountDirectory)
        self._hasher: PasswordHasher = container.resolve(PasswordHasher)

    async def tenant(self, slug: str, name: str) -> TenantId:
        known = await self._tenants.find(slug)
        if known is not None:
            return known.id
        home = TenantId(UUID(int=0))  # nobody's: a tenant is founded from somewhere, and there is none yet
        try:
            view = await self._bus.send(
                CreateTenant(slug=slug, name=name, owner_id=None), system_context(home, FIRST_START)
            )
        except SlugTaken:  # another start was quicker
            return await self.tenant(slug, name)
        return view.id

    async def owner(
        self, tenant_id: TenantId, email: str, password: str, full_name: str, *, is_superuser: bool
    ) -> None:
        if await self._accounts.by_email(email) is not None:
            return
        register = RegisterAccount(
            email=email,
            full_name=full_name,
            password_hash=await self._hasher.hash(password),
            role=Role.OWNER,
            by=Role.OWNER,
            is_superuser=is_superuser,
        )
        with suppress(EmailTaken):  # another start was quicker
            await self._bus.send(register, system_context(tenant_id, FIRST_START))

    async def demo_products(self, tenant_id: TenantId) -> UUID:
        """The id of the product the printed order buys."""
        context = system_context(tenant_id, FIRST_START)
        listed = await self._bus.send(ListProducts(page=PageRequest(limit=1), search=DEMO_SKU), context)
        if not listed.items:
            for details in DEMO_PRODUCTS:
                with suppress(SkuTaken):  # by a start that was interrupted, or is at it now
                    await self._bus.send(CreateProduct(details=details), context)
            listed = await self._bus.send(ListProducts(page=PageRequest(limit=1), search=DEMO_SKU), context)
        return listed.items[0].id


def _demo(sku: str, name: str, kind: ProductKind, amount: int, capacity: int | None) -> ProductDetails:
    return ProductDetails(
        sku=sku,
        name=name,
        kind=kind,
        price=Money(amount, "EUR"),
        capacity=capacity,
        status=ProductStatus.ACTIVE,
        max_per_order=10,
    )


DEMO_PRODUCTS = (
    _demo(DEMO_SKU, "Friday, standing", ProductKind.TICKET, 4_500, 5_000),
    _demo("DEMO-WEEKEND", "Weekend pass", ProductKind.TICKET, 12_900, 1_000),
    _demo("DEMO-SHIRT", "Festival shirt", ProductKind.MERCHANDISE, 2_500, None),
)
