"""Two real workers: whichever answers /metrics, it tells of both, and of one that was killed."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.infrastructure.observability.tally import LAYOUT
from app.shared.settings import ROOT
from tests.support.started import Started, free_port, gone, until

ASKED = 40
LIVE = r'hello_http_requests_total\{method="GET",route="/health/live",status="2xx"\} (\S+)'


class Served(Started):
    """The real thing, as ./start.sh runs it, with two workers."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.log = data.parent / f"log-{time.monotonic_ns()}"
        given = {"DATA_DIR": str(data), "PORT": str(port), "WORKERS": "2", "DATABASE_URL": "", "LOG_LEVEL": "WARNING"}
        given |= {"ENVIRONMENT": "development", "DEMO_DATA": "false", "DATABASE_POOL_SIZE": "5", "MAX_OVERFLOW": "5"}
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [sys.executable, str(ROOT / "tools" / "serve.py")],
                cwd=ROOT, env={**os.environ, **given}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    started = Served(tmp_path / "data", free_port()).ready()
    yield started
    started.end()


def counted(started: Started) -> float:
    found = re.search(LIVE, started.get("metrics"))
    return float(found[1]) if found else 0.0


def value(started: Started, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", started.get("metrics"), re.MULTILINE)
    assert found, name
    return float(found[1])


def workers(started: Started) -> list[psutil.Process]:
    """Without the resource tracker, which is a child of uvicorn's as well."""
    found = [process for process in started.application()[1:] if not gone(process)]
    return [process for process in found if "spawn_main" in " ".join(process.cmdline())]


def test_counts_add_up_whoever_answers_and_outlive_a_killed_worker(started: Started) -> None:
    before = counted(started)
    for _ in range(ASKED):
        started.get("health/live")
    assert {counted(started) for _ in range(10)} == {before + ASKED}
    until(lambda: value(started, "hello_processes") == 2)

    victim = workers(started)[0]
    victim.kill()
    until(lambda: gone(victim) and len(workers(started)) == 2)
    until(lambda: value(started, "hello_processes") == 2)
    for _ in range(ASKED):
        started.get("health/live")
    assert {counted(started) for _ in range(10)} == {before + 2 * ASKED}
    assert len(list((started.data / LAYOUT).glob("*.values"))) == 2
