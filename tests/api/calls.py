"""One valid request per operation of the schema, aimed at a tenant's own things. A new operation needs a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from app.application.tenancy.contracts import Role
from app.shared.ids import TenantId
from tests.support import messages
from tests.support.images import IMAGE_BODIES, show_image
from tests.support.jobs import job_of
from tests.support.letters import buried
from tests.support.system import PASSWORD, Organizer, Person, System, order_body
from tests.support.webhook_things import WEBHOOK, webhook_things


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What a tenant has: each call gets fresh ones, so that none spoils the next."""

    tenant_id: TenantId
    product_id: UUID
    order_id: UUID
    user_id: UUID
    message_id: UUID = field(default_factory=uuid4)
    suppression_id: UUID = field(default_factory=uuid4)
    file_id: UUID = field(default_factory=uuid4)
    webhook_id: UUID = field(default_factory=uuid4)
    delivery_id: UUID = field(default_factory=uuid4)
    job_id: UUID = field(default_factory=uuid4)
    letter_id: UUID = field(default_factory=uuid4)
    link: Mapping[str, str] = field(default_factory=lambda: {"expires": "1", "signature": "forged"})


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    permission: str | None


Body = Callable[[Things, Person], dict[str, Any]]

PRODUCT = {"name": "Saturday", "kind": "ticket", "price": {"amount": 1_000, "currency": "EUR"}}

BODIES: Mapping[str, Body] = {
    "register": lambda _, __: {"email": _address(), "password": "four words nobody guesses", "full_name": "Ada"},
    "issue_token": lambda _, caller: {"username": caller.email, "password": PASSWORD},
    "login": lambda _, caller: {"email": caller.email, "password": PASSWORD},
    "refresh": lambda _, caller: {"refresh_token": caller.refresh_token},
    "replace_profile": lambda _, __: {"full_name": "Ada King"},
    "change_profile": lambda _, __: {"full_name": "Ada King"},
    "add_user": lambda _, __: {"email": _address(), "full_name": "Grace", "role": "customer"},
    "change_user": lambda _, __: {"role": "customer"},
    "create_tenant": lambda _, __: {"slug": f"t-{uuid4().hex}", "name": "Another"},
    "change_tenant": lambda _, __: {"name": "Renamed"},
    "create_product": lambda _, __: PRODUCT,
    "change_product": lambda _, __: {"name": "Sunday"},
    "place_order": lambda things, _: order_body(things.product_id),
    "cancel_order": lambda _, __: {"reason": "wrong day"},
    "create_webhook": lambda _, __: WEBHOOK,
    "change_webhook": lambda _, __: {"events": ["product.*"]},
    "replay_failed_webhooks": lambda _, __: {"since": "2026-11-21T10:00:00Z"},
    "change_branding": lambda _, __: {"footer": "Beispielweg 1"},
}
FORMS = frozenset({"issue_token"})
NEED_AN_IMAGE = frozenset({"get_product_image", "remove_product_image", "get_file"})


def _address() -> str:
    return f"{uuid4().hex}@example.com"


def operations(app: FastAPI) -> Iterator[Operation]:
    for path, methods in app.openapi()["paths"].items():
        for method, described in methods.items():
            yield Operation(described["operationId"], method.upper(), path, described.get("x-permission"))


async def things_for(system: System, tenant: Organizer, operation: Operation, buyer: Person) -> Things:
    """Only what the operation's path or body names is made; the order is the buyer's."""
    needs_order = "{order_id}" in operation.path
    needs_product = needs_order or "{product_id}" in operation.path or operation.id == "place_order"
    product_id = (await system.product(tenant)).id if needs_product else uuid4()
    order_id = UUID((await system.place(buyer, product_id)).json()["id"]) if needs_order else uuid4()
    user_id = (await system.person(tenant.tenant_id, Role.MEMBER)).user_id if "{user_id}" in operation.path else uuid4()
    message_id = await messages.sent_message(system, tenant) if "{message_id}" in operation.path else uuid4()
    suppression_id = await messages.suppression(system, tenant) if "{suppression_id}" in operation.path else uuid4()
    image: dict[str, Any] = {}
    if operation.id in NEED_AN_IMAGE:
        product_id = (await system.product(tenant)).id
        image["file_id"], image["link"] = await show_image(system, tenant, product_id)
    if "{webhook_id}" in operation.path:
        image |= await webhook_things(system, tenant, paused=operation.id == "enable_webhook")
    if "{job_id}" in operation.path:
        image["job_id"] = await job_of(system, buyer)
    if "{letter_id}" in operation.path:
        image["letter_id"] = await buried(system, tenant.tenant_id)
    return Things(
        tenant_id=tenant.tenant_id,
        product_id=product_id,
        order_id=order_id,
        user_id=user_id,
        message_id=message_id,
        suppression_id=suppression_id,
        **image,
    )


def path_of(operation: Operation, things: Things) -> str:
    return operation.path.format(**asdict(things))


async def call(
    system: System,
    operation: Operation,
    things: Things,
    caller: Person,
    headers: Mapping[str, str],
    **parameters: str,
) -> httpx.Response:
    """`caller` is whose credentials a body holds; `headers` are what is sent."""
    make = BODIES.get(operation.id)
    body = None if make is None else make(things, caller)
    form = operation.id in FORMS
    if operation.id in IMAGE_BODIES:
        content_type, content = IMAGE_BODIES[operation.id]
        sent = dict(headers) | {"Content-Type": content_type}
        return await system.client.request(operation.method, path_of(operation, things), content=content, headers=sent)
    if operation.id == "get_file":
        parameters = {**things.link, **parameters}
    return await system.client.request(
        operation.method,
        path_of(operation, things),
        params=parameters,
        json=None if form else body,
        data=body if form else None,
        headers=dict(headers),
    )
