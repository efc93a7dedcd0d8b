"""One worker's life, started by hand as `uvicorn app.main:app` does, and what it does while the database is away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.application.tenancy.contracts import Role
from app.first_data import DEMO_EMAIL, DEMO_PASSWORD, DEMO_TENANT
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.supervision import SUPERVISED
from app.main import create_app
from app.shared.errors import Unavailable
from app.shared.settings import Environment, Settings, SettingsFault
from app.startup import lifespan
from app.workers import kept_up
from tests.support.embedded import residents
from tests.support.system import Organizer, System

LIVE, READY, HEALTH = "/health/live", "/health/ready", "/health"
PATIENCE = 20


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISED, raising=False)


def on(addresses: Addresses, settings: Settings, **more: object) -> Settings:
    """The same settings with a database of their own."""
    given = {
        "database_url": SecretStr(addresses.app),
        "worker_database_url": SecretStr(addresses.worker),
        "migration_database_url": SecretStr(addresses.owner),
    }
    return settings.model_copy(update=given | more)


@asynccontextmanager
async def living(settings: Settings) -> AsyncGenerator[tuple[FastAPI, httpx.AsyncClient]]:
    app = create_app(settings)
    async with lifespan(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield app, client


async def until(client: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    async with asyncio.timeout(PATIENCE):
        while (response := await client.get(path)).status_code != status:
            pass  # each request asks the database
    return response


async def test_by_hand_on_an_empty_folder_everything_is_made_and_the_demo_sells(
    settings: Settings, data_dir: Path
) -> None:
    own = settings.model_copy(update={"data_dir": data_dir, "demo_data": True})
    async with living(own) as (_, client):
        assert (await client.get(READY)).status_code == 200
        body = {"email": DEMO_EMAIL, "password": DEMO_PASSWORD}
        signed_in = await client.post("/api/v1/auth/login", json=body)
        token = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        listed = (await client.get("/api/v1/products", headers={"X-Tenant-ID": DEMO_TENANT})).json()["items"]
        assert len(listed) == 3
        wanted = {"product_id": listed[0]["id"], "quantity": 1}
        order = {"customer": {"email": "a@example.com", "name": "A"}, "items": [wanted]}
        assert (await client.post("/api/v1/orders", json=order, headers=token)).status_code == 201
    assert residents(data_dir) == []


async def test_the_database_goes_away_and_comes_back_without_a_restart(
    settings: Settings, embedded_server: EmbeddedServer, data_dir: Path
) -> None:
    own = on(embedded_server.addresses(), settings)
    async with living(own) as (_, client):
        assert (await client.get(READY)).status_code == 200
        await asyncio.to_thread(embedded_server.leave)
        away = await until(client, READY, 503)
        assert (away.json()["code"], away.headers["Retry-After"]) == ("unavailable", "1")
        assert (await client.get(LIVE)).status_code == 200
        health = (await client.get(HEALTH)).json()
        assert (health["status"], health["database"]["ok"], health["cache"]["ok"]) == ("degraded", False, True)
        for method, path, body in (
            ("GET", "/api/v1/products", None),
            ("POST", "/api/v1/auth/login", {"email": "a@example.com", "password": "a long enough phrase"}),
        ):
            started = asyncio.get_running_loop().time()
            refused = await client.request(method, path, json=body)
            assert asyncio.get_running_loop().time() - started < 1
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert "postgres" not in refused.text.lower()
        await asyncio.to_thread(embedded_server.join)
        assert (await until(client, READY, 200)).json() == {"status": "ok"}
        assert (await client.get("/api/v1/products")).status_code == 200


async def test_a_worker_starts_although_the_database_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under the supervisor, in production: readiness tells, and the worker is there when the database returns."""
    monkeypatch.setenv(SUPERVISED, str(os.getppid()))
    nowhere = Addresses(*(f"postgresql://x@/x?host=/nonexistent&port={n}" for n in (1, 2, 3, 4)))
    async with living(on(nowhere, settings, **PRODUCTION)) as (_, client):
        assert (await client.get(READY)).status_code == 503
        assert (await client.get(LIVE)).status_code == 200
    told = {json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()}
    assert {"database_away", "job_waits_for_database"} <= told


PRODUCTION: dict[str, object] = {
    "environment": Environment.PRODUCTION,
    "password_rounds": 12,
    "allowed_origins": "https://shop.example",
}


async def test_production_refuses_a_database_that_is_unfit(settings: Settings, addresses: Addresses) -> None:
    unfit = replace(addresses, app=addresses.owner)
    with pytest.raises(SettingsFault, match="DATABASE_URL: its role is above row-level security"):
        async with living(on(unfit, settings, **PRODUCTION)):
            pass


async def test_production_serves_a_fit_one_and_makes_nothing(settings: Settings, addresses: Addresses) -> None:
    async with living(on(addresses, settings, **PRODUCTION)) as (_, client):
        assert (await client.get(READY)).status_code == 200
        assert (await client.get(HEALTH)).json()["environment"] == "production"


@pytest.fixture
def server_s_handler() -> Generator[tuple[asyncio.Event, Callable[..., None]]]:
    """Stands where uvicorn's handler does."""
    called = asyncio.Event()
    before = signal.getsignal(signal.SIGTERM)

    def handler(number: int, frame: FrameType | None) -> None:
        called.set()

    signal.signal(signal.SIGTERM, handler)
    yield called, handler
    signal.signal(signal.SIGTERM, before)


async def test_at_sigterm_readiness_fails_first_and_then_the_server_stops(
    settings: Settings, addresses: Addresses, server_s_handler: tuple[asyncio.Event, Callable[..., None]]
) -> None:
    stopping, handler = server_s_handler
    async with living(on(addresses, settings, drain_seconds=600)) as (app, client):
        assert (await client.get(READY)).status_code == 200
        signal.raise_signal(signal.SIGTERM)
        assert app.state.draining
        draining = await client.get(READY)
        assert (draining.status_code, draining.json()["code"]) == (503, "unavailable")
        assert "shutting down" in draining.json()["detail"]
        assert (await client.get("/api/v1/products")).status_code == 200
        assert not stopping.is_set()
    assert signal.getsignal(signal.SIGTERM) is handler


async def test_without_a_time_to_drain_the_server_stops_at_once(
    settings: Settings, addresses: Addresses, server_s_handler: tuple[asyncio.Event, Callable[..., None]]
) -> None:
    stopping, _ = server_s_handler
    async with living(on(addresses, settings)):
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(stopping.wait(), PATIENCE)


@pytest.fixture
def no_handler() -> Generator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("no_handler")
async def test_where_nobody_handles_the_signal_it_is_left_alone(settings: Settings, addresses: Addresses) -> None:
    async with living(on(addresses, settings)) as (app, _):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert app.state.draining is False


async def test_a_restart_forgives_no_revoked_token(
    system: System, organizer: Organizer, settings: Settings, addresses: Addresses, tmp_path: Path
) -> None:
    """What ended before is known before the first request, not half a second later."""
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    assert (await system.client.post("/api/v1/auth/logout", headers=person.headers)).status_code == 204
    async with living(on(addresses, settings, data_dir=tmp_path / "again")) as (_, client):
        response = await client.get("/api/v1/auth/me", headers=person.headers)
        assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


async def test_a_job_that_fails_is_logged_and_tried_again() -> None:
    outcomes: list[Exception | None] = [Unavailable("away"), ValueError("a defect"), None]
    done = asyncio.Event()

    async def job() -> None:
        outcome = outcomes.pop(0)
        if outcome is None:
            done.set()
            await asyncio.Event().wait()
        else:
            raise outcome

    with capture_logs() as logs:
        task = asyncio.create_task(kept_up("tested", job, 0))
        await asyncio.wait_for(done.wait(), PATIENCE)
        task.cancel()
    told = [(entry["event"], entry["work"]) for entry in logs]
    assert told == [("work_waits_for_database", "tested"), ("work_failed", "tested")]
