from __future__ import annotations

import re

import pytest

from app.presentation.docs import STATIC
from tests.unit.presentation.tiny import ask, build

PAGES = ("/docs", "/redoc", "/api/docs", "/api/redoc")
APP = build()


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_names_nothing_outside_this_host_and_has_no_script_of_its_own(page: str) -> None:
    response = await ask(APP, "GET", page)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "http" not in response.text.replace("http-equiv", "")
    assert re.findall(r"<script[^>]*>[^<]", response.text) == []
    assert "'unsafe-inline'" not in response.headers["content-security-policy"].partition("style-src")[0]


@pytest.mark.parametrize("page", PAGES)
async def test_the_files_of_a_page_are_there_and_kept_forever(page: str) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]+)"', (await ask(APP, "GET", page)).text)
    assert len(addresses) >= 2
    for address in addresses:
        response = await ask(APP, "GET", address)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_the_picture_from_elsewhere_is_taken_out_of_redoc() -> None:
    kept = (STATIC / "redoc/redoc.standalone.js").read_bytes()
    served = (await ask(APP, "GET", "/docs/assets/redoc.standalone.js")).content
    assert b"cdn.redoc.ly" in kept
    assert b"cdn.redoc.ly" not in served


@pytest.mark.parametrize("name", ["README.md", "..%2Fdocs.py", "LICENSE", ""])
async def test_other_files_are_not_served(name: str) -> None:
    response = await ask(APP, "GET", f"/docs/assets/{name}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_the_document_is_the_same_bytes_at_both_addresses() -> None:
    first = await ask(APP, "GET", "/openapi.json")
    second = await ask(APP, "GET", "/api/v1/openapi.json")
    assert first.content == second.content
    assert first.json()["openapi"].startswith("3.1")


@pytest.mark.parametrize("address", [*PAGES, "/openapi.json", "/api/v1/openapi.json", "/docs/assets/swagger-ui.css"])
async def test_production_has_none_of_it(address: str) -> None:
    assert (await ask(build(environment="production"), "GET", address)).status_code == 404


@pytest.mark.parametrize("folder", ["swagger-ui", "redoc"])
def test_foreign_files_keep_their_licence(folder: str) -> None:
    assert (STATIC / folder / "LICENSE").stat().st_size > 500
