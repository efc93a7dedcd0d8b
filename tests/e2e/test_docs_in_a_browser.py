"""A developer's first minutes: /docs, Authorize, an order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.first_data import DEMO_EMAIL, DEMO_PASSWORD
from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings
from tests.support.browser import watching
from tests.support.served import served
from tests.support.system import order_body, running

pytestmark = pytest.mark.browser

PLACE = "#operations-orders-place_order"


async def test_an_order_is_placed_in_swagger(settings: Settings, addresses: Addresses, tmp_path: Path) -> None:
    with_demo = settings.model_copy(update={"demo_data": True})
    async with running(with_demo, addresses) as system, served(system.app) as address, watching(address) as watched:
        page = watched.page
        await page.goto(f"{address}/docs")
        await watched.authorize(DEMO_EMAIL, DEMO_PASSWORD)
        products = (await system.client.get("/api/v1/products", headers={"X-Tenant-ID": "demo"})).json()["items"]
        await page.click(f"{PLACE} .opblock-summary")
        if await page.is_visible(f"{PLACE} button.try-out__btn:not(.cancel)"):
            await page.click(f"{PLACE} button.try-out__btn:not(.cancel)")
        await page.fill(f"{PLACE} textarea.body-param__text", json.dumps(order_body(products[0]["id"])))
        async with page.expect_response(lambda response: response.url.endswith("/orders")) as placed:
            await page.click(f"{PLACE} button.execute")
        answer = await (await placed.value).json()
        await page.wait_for_selector(f"{PLACE} .live-responses-table")
        await page.screenshot(path=tmp_path / "docs.png")
    assert answer["status"] == "pending"
    assert answer["items"][0]["product_id"] == products[0]["id"]
    assert (watched.complaints, watched.foreign) == ([], [])
