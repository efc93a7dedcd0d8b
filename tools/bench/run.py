"""Puts the stage up, plays the scenarios, takes it down again."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings, load_settings
from tools.bench.client import BuiltIn
from tools.bench.constant import PAGE
from tools.bench.database import database, owner
from tools.bench.load import Client
from tools.bench.report import machine
from tools.bench.scenarios import SCENARIOS, Outcome, Stage
from tools.bench.servers import serving
from tools.bench.world import World, found_world
from tools.bench.wrk import Wrk

HOLD_MINUTES = 1_440
"""Longer than any run: an order that expires in the middle would be counted as a difference."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`only` empty means every scenario."""

    seconds: float = 5.0
    rounds: int = 3
    connections: int = 64
    workers: int = 2
    large_table: int = 100_000
    only: Sequence[str] = ()
    built_in_client: bool = False

    @property
    def scenarios(self) -> list[str]:
        return [name for name in SCENARIOS if not self.only or name in self.only]


@dataclass(frozen=True, slots=True)
class Result:
    outcomes: Mapping[str, Outcome]
    machine: Mapping[str, Any]


async def run(options: Options, tell: Tell) -> Result:
    """Raises DatabaseInUse, NotServing, WrkFailed, and what the embedded server raises."""
    with tempfile.TemporaryDirectory(prefix="hello-bench-") as folder:
        async with _stage(options, Path(folder), tell) as (stage, facts):
            outcomes: dict[str, Outcome] = {}
            for name in options.scenarios:
                tell(f"Measuring {name} …")
                outcomes[name] = await SCENARIOS[name](stage)
            return Result(outcomes, facts)


@asynccontextmanager
async def _stage(options: Options, folder: Path, tell: Tell) -> AsyncGenerator[tuple[Stage, dict[str, Any]]]:
    settings = _settings(options, folder)
    client: Client = BuiltIn() if options.built_in_client else Wrk.found(folder) or BuiltIn()
    async with AsyncExitStack() as stack:
        tell("Preparing a database …")
        addresses = await stack.enter_async_context(database(settings))
        world = await found_world(settings, addresses)
        facts = machine(client.name, await _postgres(addresses))
        tell("Starting the application and what it is measured against …")
        ports = await _servers(options, settings, addresses, folder, world, stack)
        stage = Stage(
            client=client,
            world=world,
            addresses=addresses,
            ours=ports[0],
            floor=ports[1],
            constant=ports[2],
            connections=options.connections,
            seconds=options.seconds,
            rounds=options.rounds,
            large_table=options.large_table,
        )
        yield stage, facts


def _settings(options: Options, folder: Path) -> Settings:
    return load_settings(
        data_dir=folder / "data",
        secret_key=secrets.token_urlsafe(48),
        demo_data=False,
        workers=options.workers,
        order_hold_minutes=HOLD_MINUTES,
        log_level="WARNING",
    )


async def _servers(
    options: Options, settings: Settings, addresses: Addresses, folder: Path, world: World, stack: AsyncExitStack
) -> tuple[int, int, int]:
    """The application as start.sh runs it, access log and all; then the floor and the constant page."""
    page = folder / "page.json"
    environment = _environment(settings, addresses) | {PAGE: str(page)}

    async def start(target: str, ready: str, log: str) -> int:
        served = serving(target, ready=ready, workers=options.workers, environment=environment, log=folder / log)
        return await stack.enter_async_context(served)

    ours = await start("app.main:app", "/health/ready", "app.log")
    floor = await start("--factory tools.bench.floor:make_app", "/ready", "floor.log")
    page.write_bytes(await _fetch_page(ours, world))
    return ours, floor, await start("--factory tools.bench.constant:make_app", "/ready", "constant.log")


def _environment(settings: Settings, addresses: Addresses) -> dict[str, str]:
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return {
        "DATABASE_URL": addresses.app,
        "WORKER_DATABASE_URL": addresses.worker,
        "MIGRATION_DATABASE_URL": addresses.owner,
        "DATA_DIR": str(settings.data_dir),
        "SECRET_KEY": key,
        "ORDER_HOLD_MINUTES": str(settings.order_hold_minutes),
        "LOG_LEVEL": "INFO",
    }


async def _fetch_page(port: int, world: World) -> bytes:
    """The very bytes our product page has, for the constant answer to be no shorter."""
    headers = {"Authorization": f"Bearer {world.customer_token()}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/api/v1/products/{world.hot}")
        return answer.raise_for_status().content


async def _postgres(addresses: Addresses) -> str:
    async with owner(addresses) as connection:
        return str(await connection.fetchval("SHOW server_version"))
