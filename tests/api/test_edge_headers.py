"""Security headers and CORS."""

from __future__ import annotations

from typing import Any

import pytest

from app.shared.settings import CspMode
from tests.unit.presentation.tiny import THINGS, ask, build

SOMEBODY = "00000000-0000-0000-0000-000000000000"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
THING = {"name": "Poster", "price": {"amount": 1}}


@pytest.mark.parametrize(
    ("mode", "policy"),
    [
        (CspMode.STRICT, "default-src 'none';frame-ancestors 'none'"),
        (CspMode.RELAXED, "default-src 'self';frame-ancestors 'none'"),
        (CspMode.DISABLED, None),
    ],
)
async def test_the_content_policy_follows_the_setting(mode: CspMode, policy: str | None) -> None:
    app = build(csp_mode=mode)
    assert (await ask(app, "GET", THINGS)).headers.get("content-security-policy") == policy
    docs = (await ask(app, "GET", "/docs")).headers
    assert ("content-security-policy" in docs) is (policy is not None)
    assert docs["cross-origin-opener-policy"] == "same-origin"


async def test_only_production_asks_for_https_forever() -> None:
    assert "strict-transport-security" not in (await ask(build(), "GET", THINGS)).headers
    production = await ask(build(environment="production"), "GET", THINGS)
    assert production.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"


async def test_what_a_route_sets_wins() -> None:
    response = await ask(build(), "GET", f"{THINGS}/{SOMEBODY}")
    assert response.headers.get_list("cache-control") == ["private, no-cache"]


SHOP = {"origin": "https://shop.test"}
PREFLIGHT = {**SHOP, "access-control-request-method": "PATCH", "access-control-request-headers": "authorization"}


@pytest.mark.parametrize(
    ("given", "origin", "credentials"),
    [
        ({}, "*", None),
        ({"allowed_origins": "https://shop.test"}, "https://shop.test", "true"),
        ({"allowed_origins": "https://other.test"}, None, None),
        ({"allowed_origins": "*,https://shop.test"}, "*", None),
        ({"environment": "production"}, None, None),
    ],
)
async def test_only_listed_origins_may_read_and_credentials_never_go_with_a_star(
    given: dict[str, Any], origin: str | None, credentials: str | None
) -> None:
    app = build(**given)
    for response in (
        await ask(app, "GET", THINGS, headers=SHOP),
        await ask(app, "GET", "/plain/crash", headers=SHOP),
        await ask(app, "POST", THINGS, content=b"x" * 20_000, headers=SHOP),
        await ask(app, "OPTIONS", THINGS, headers=PREFLIGHT),
    ):
        assert response.headers.get("access-control-allow-origin") == origin
        if origin:
            assert response.headers.get("access-control-allow-credentials") == credentials


async def test_scripts_may_read_the_headers_they_need() -> None:
    response = await ask(build(), "GET", THINGS, headers=SHOP)
    exposed = set(response.headers["access-control-expose-headers"].split(", "))
    assert {"ETag", "Location", "Retry-After", "X-Request-ID", "Idempotency-Replayed", "RateLimit"} <= exposed


async def test_a_refused_preflight_is_a_problem() -> None:
    response = await ask(build(allowed_origins="https://other.test"), "OPTIONS", THINGS, headers=PREFLIGHT)
    assert (response.status_code, response.json()["code"]) == (400, "cors_refused")
    assert response.json()["request_id"] == response.headers["x-request-id"]
