"""GET /metrics: who may read it, and what it says."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from app.infrastructure.observability.catalogue import METRICS
from app.presentation.service import METRICS_TEXT
from app.shared.settings import Environment
from tests.support.system import Organizer, System

TOKEN = "canary-metrics-token"


async def scrape(system: System) -> dict[str, float]:
    """By series, as `name{labels}`."""
    answer = await system.client.get("/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def given(system: System, **values: Any) -> None:
    system.app.state.settings = system.settings.model_copy(update=values)


async def ask(system: System, **headers: str) -> httpx.Response:
    return await system.client.get("/metrics", headers=headers)


async def test_development_shows_them_to_anybody_in_prometheus_own_format(system: System) -> None:
    answer = await ask(system)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == METRICS_TEXT
    families = set(re.findall(r"^# TYPE (\S+) ", answer.text, re.MULTILINE))
    assert families == {metric.name for metric in METRICS}


async def test_production_has_none_without_a_token(system: System) -> None:
    given(system, environment=Environment.PRODUCTION, metrics_token=None)
    answer = await ask(system)
    assert (answer.status_code, answer.json()["code"]) == (404, "metrics_closed")


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", f"bearer {TOKEN}", f"Bearer {TOKEN} ", f"Basic {TOKEN}", TOKEN, "Bearer "]
)
async def test_a_token_that_is_set_must_be_sent_exactly(
    system: System, environment: Environment, header: str | None
) -> None:
    given(system, environment=environment, metrics_token=SecretStr(TOKEN))
    answer = await ask(system, **({} if header is None else {"Authorization": header}))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


async def test_the_token_opens_them(system: System) -> None:
    given(system, environment=Environment.PRODUCTION, metrics_token=SecretStr(TOKEN))
    answer = await ask(system, Authorization=f"Bearer {TOKEN}")
    assert answer.status_code == 200
    assert TOKEN not in answer.text


async def test_requests_are_counted_by_template_method_and_class_of_status(system: System) -> None:
    paths = ["/health/live", "/health/live", f"/api/v1/products/{uuid4()}", f"/wp-admin/{uuid4()}", "/nothing"]
    for path in paths:
        await system.client.get(path)
    await system.client.request("BREW", "/health/live")

    seen = await scrape(system)
    counted = {name: value for name, value in seen.items() if name.startswith("hello_http_requests_total")}
    assert counted == {
        'hello_http_requests_total{method="GET",route="/health/live",status="2xx"}': 2,
        'hello_http_requests_total{method="GET",route="/api/v1/products/{product_id}",status="4xx"}': 1,
        'hello_http_requests_total{method="GET",route="unknown",status="4xx"}': 2,
        'hello_http_requests_total{method="unknown",route="/health/live",status="4xx"}': 1,
    }
    duration = 'hello_http_request_duration_seconds_{}{{method="GET",route="/health/live"}}'
    assert seen[duration.format("count")] == 2
    assert 0 < seen[duration.format("sum")] < 10
    assert seen["hello_http_requests_in_flight"] == 1


async def test_what_strangers_send_is_never_a_label(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    canary = f"canary-{uuid4().hex}"
    named = {"X-Request-ID": canary, "User-Agent": canary}
    await system.place(organizer.owner, product.id, 1, **named)
    await system.client.get(f"/api/v1/{canary}?q={canary}")

    text = (await ask(system)).text
    for secret in (canary, str(organizer.tenant_id), organizer.slug, organizer.owner.email, str(product.id)):
        assert secret not in text


async def test_pools_tell_how_many_connections_there_may_be_and_are_in_use(system: System) -> None:
    async with system.application.database.transaction(None):
        seen = await scrape(system)
    most = system.settings.database_pool_size + system.settings.max_overflow
    assert seen['hello_database_connections_max{role="app"}'] == most
    assert seen['hello_database_connections_in_use{role="app"}'] == 1
    assert seen['hello_database_connections_awaited{role="app"}'] == 0
    assert (await scrape(system))['hello_database_connections_in_use{role="app"}'] == 0
