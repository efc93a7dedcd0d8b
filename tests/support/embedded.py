"""An embedded server per test, and what tests do to it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.infrastructure.database.embedded import EmbeddedServer

KILL_SECONDS = 30


@contextmanager
def sharing(folder: Path) -> Generator[EmbeddedServer]:
    server = EmbeddedServer(folder)
    server.join()
    try:
        yield server
    finally:
        server.leave()


def fetch(dsn: str, statement: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def residents(folder: Path) -> list[int]:
    """Every PostgreSQL process that works in this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd() == str(folder / "postgres"):
                found.append(process.pid)
    return found


def pid_file(folder: Path) -> Path:
    return folder / "postgres" / "postmaster.pid"


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int(pid_file(folder).read_text().split()[0]))


def kill_postmaster(folder: Path) -> None:
    """Returns when it is dead; a zombie is, though its pid stays until somebody reaps it."""
    process = postmaster(folder)
    process.kill()
    deadline = time.monotonic() + KILL_SECONDS
    while process.pid in residents(folder):
        assert time.monotonic() < deadline, "a killed postmaster is still there"
        time.sleep(0.01)


def write_row(server: EmbeddedServer) -> None:
    fetch(server.addresses().owner, "CREATE TABLE kept AS SELECT 7 AS x")


def kept_row(server: EmbeddedServer) -> Any:
    return fetch(server.addresses().owner, "SELECT x FROM kept")


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose first start is over: copying it takes a third of the time of making one."""
    folder = tmp_path_factory.mktemp("made")
    with sharing(folder):
        pass
    return folder / "postgres"


@pytest.fixture
def data_dir(initialised: Path, tmp_path: Path) -> Path:
    shutil.copytree(initialised, tmp_path / "data" / "postgres")
    return tmp_path / "data"


@pytest.fixture
def embedded_server(data_dir: Path) -> Generator[EmbeddedServer]:
    server = EmbeddedServer(data_dir)
    server.join()
    yield server
    server.leave()
    assert residents(data_dir) == []
