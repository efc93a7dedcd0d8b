"""Swagger UI and ReDoc in headless Chromium: they work, say nothing on the console, and ask nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.browser import Watched, watching
from tests.support.served import served
from tests.unit.presentation.tiny import build

pytestmark = pytest.mark.browser


@asynccontextmanager
async def browsing() -> AsyncIterator[Watched]:
    async with served(build()) as address, watching(address) as watched:
        yield watched


async def test_swagger_signs_in_with_a_password_and_makes_a_thing() -> None:
    async with browsing() as watched:
        page = watched.page
        await page.goto(f"{watched.address}/docs")
        await watched.authorize("ada@example.com", "correct horse battery")
        await page.click("#operations-things-make_thing .opblock-summary")
        await page.wait_for_selector('#operations-things-make_thing tr[data-param-name="X-Tenant-ID"]')
        async with page.expect_response(lambda response: response.request.method == "POST") as made:
            await page.click("#operations-things-make_thing button.execute")
        response = await made.value
        await page.wait_for_selector("#operations-things-make_thing .live-responses-table")
        assert response.status == 201
        assert response.request.headers["authorization"] == "Bearer a.b.c"
        assert (watched.complaints, watched.foreign) == ([], [])


async def test_swagger_remembers_who_signed_in() -> None:
    async with browsing() as watched:
        page = watched.page
        await page.goto(f"{watched.address}/api/docs")
        await watched.authorize("ada@example.com", "correct horse battery")
        await page.reload()
        await page.wait_for_selector("button.authorize.locked")
        assert watched.complaints == []


async def test_redoc_shows_every_operation() -> None:
    async with browsing() as watched:
        await watched.page.goto(f"{watched.address}/redoc")
        await watched.page.wait_for_selector('h2:has-text("Make a thing")')
        await watched.page.wait_for_load_state("networkidle")
        assert (watched.complaints, watched.foreign) == ([], [])
