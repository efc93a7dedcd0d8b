"""Two machines, one in use and one empty: databases of the session's server, or servers of a test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import Settings, load_settings
from tests.support.postgres import new_database
from tests.support.system import System, running
from tools.backups.verbs import run

Cli = Callable[..., Awaitable[tuple[int, str, str]]]
On = Callable[[Addresses], None]


@pytest.fixture
def clean_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable of ours is set but DATA_DIR; returns that folder."""
    for name in Settings.model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def cli(clean_settings: Path, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Returns the exit code, stdout and the error on stderr of one verb; progress is left out."""

    async def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = await asyncio.to_thread(run, [str(argument) for argument in arguments])
        said = capfd.readouterr()
        return code, said.out, "".join(line for line in said.err.splitlines(keepends=True) if line[0] != " ")

    return call


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> On:
    """From here on the tool works on this database."""
    return lambda addresses: monkeypatch.setenv("MIGRATION_DATABASE_URL", addresses.owner)


def _name() -> str:
    return f"backup_{uuid4().hex}"


@pytest.fixture
def source(addresses: Addresses, database_server: EmbeddedServer) -> Addresses:
    return new_database(database_server, _name())


@pytest.fixture
def empty(database_server: EmbeddedServer) -> Addresses:
    """A database with the three roles and nothing in it."""
    return another_empty(database_server)


def another_empty(server: EmbeddedServer) -> Addresses:
    name = _name()
    bootstrap(server.superuser_dsn(), name)
    return server.addresses(name)


@pytest.fixture
def machine(clean_settings: Path) -> Settings:
    """Settings as the tool reads them, with passwords that are quick to check and a generated signing key."""
    return machine_at(clean_settings)


def machine_at(folder: Path) -> Settings:
    return load_settings(
        _env_file=None, data_dir=folder, password_rounds=4, demo_data=False, database_pool_size=5, max_overflow=5,
        log_level="WARNING",
    )  # fmt: skip


@pytest.fixture
async def shop(machine: Settings, source: Addresses) -> AsyncGenerator[System]:
    """The application at work on the source."""
    async with running(machine, source) as system:
        yield system


async def fetch(dsn: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def tables(dsn: str) -> int:
    """How many there are; a database that was left empty has none."""
    [(count,)] = await fetch(dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert isinstance(count, int)
    return count


def refused(result: tuple[int, str, str]) -> str:
    """The one line that a failure is allowed."""
    code, _, err = result
    assert code == 1, result
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err
