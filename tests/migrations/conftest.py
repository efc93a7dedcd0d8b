"""A PostgreSQL for this folder's tests, a fresh database for each, and revisions of a test's own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.infrastructure.database import migrations
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import ROOT, Settings
from tools.migrate_verbs import run

Ask = Callable[[str], list[Any]]
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def database(database_server: EmbeddedServer) -> Addresses:
    """A database with the three roles and nothing in it."""
    name = f"test_{uuid4().hex}"
    bootstrap(database_server.superuser_dsn(), name)
    return database_server.addresses(name)


@pytest.fixture
def ask(database: Addresses) -> Ask:
    """Runs SQL as the owner and returns the rows."""

    async def fetch(sql: str) -> list[Any]:
        connection = await asyncpg.connect(database.owner)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    return lambda sql: asyncio.run(fetch(sql))


@pytest.fixture
def revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty versions folder that stands in for the checkout's, under the checkout's own env.py."""
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(ROOT / "migrations" / name, versions.parent)
    monkeypatch.setattr(migrations, "ALEMBIC_INI", tmp_path / "alembic.ini")
    return versions


@pytest.fixture
def clean_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable of ours is set; returns the path that `.env` would have."""
    for name in Settings.model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    return tmp_path / ".env"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], clean_settings: Path) -> Cli:
    """Returns the exit code, stdout and stderr of one verb."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def set_addresses(monkeypatch: pytest.MonkeyPatch, addresses: Addresses) -> None:
    monkeypatch.setenv("DATABASE_URL", addresses.app)
    monkeypatch.setenv("WORKER_DATABASE_URL", addresses.worker)
    monkeypatch.setenv("MIGRATION_DATABASE_URL", addresses.owner)


@pytest.fixture
def configured(cli: Cli, database: Addresses, monkeypatch: pytest.MonkeyPatch) -> Cli:
    set_addresses(monkeypatch, database)
    return cli


def refused(result: tuple[int, str, str]) -> str:
    """The one line that a failure is allowed."""
    code, _, err = result
    assert code != 0
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'table%' ORDER BY 1"


def tables(ask: Ask) -> list[str]:
    return [row["tablename"] for row in ask(TABLES)]
