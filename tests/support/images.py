"""A product that shows an image, and the parts of a signed link to it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from tests.support.storages import png
from tests.support.system import Organizer, System

IMAGE_BODIES = {"set_product_image": ("image/png", png())}
"""By operation: what it is sent, and as what."""


async def show_image(system: System, tenant: Organizer, product_id: UUID) -> tuple[UUID, dict[str, str]]:
    """The file's id, and what its link has behind the question mark."""
    path = f"/api/v1/products/{product_id}/image"
    sent = tenant.owner.headers | {"Content-Type": "image/png"}
    assert (await system.client.put(path, content=png(), headers=sent)).status_code == 201
    led = await system.client.get(path, headers=tenant.owner.headers)
    link = urlsplit(led.headers["location"])
    return UUID(link.path.rpartition("/")[2]), dict(parse_qsl(link.query))
