"""One start of the whole thing in a process of its own, and ways to look at it from outside."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil

from app.shared.settings import ROOT

PATIENCE = 30
direct = build_opener(ProxyHandler({}))


class Started:
    """One ./start.sh, without its shell."""

    def __init__(self, data: Path, port: int, **environment: str) -> None:
        self.data, self.port = data, port
        self.log = data.parent / f"log-{time.monotonic_ns()}"
        given = {
            "DATA_DIR": str(data),
            "PORT": str(port),
            "DATABASE_URL": "",
            "ENVIRONMENT": "development",
            **environment,
        }
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "tests.faults.stand_in"],
                cwd=ROOT, env={**os.environ, **given}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.log.read_text()

    def ready(self) -> Started:
        until(lambda: "is ready at" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        return self

    def ended(self) -> int:
        code: int = self.process.wait(PATIENCE)
        return code

    def get(self, path: str) -> str:
        with direct.open(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
            body: bytes = answer.read()
            return body.decode()

    def application(self) -> list[psutil.Process]:
        """uvicorn's first process, then its workers."""
        found = [child for child in self.process.children() if "uvicorn" in child.cmdline()]
        return found + [grand for child in found for grand in child.children()]

    def end(self) -> None:
        for process in [self.process, *self.application()] if self.process.poll() is None else []:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        self.process.wait(PATIENCE)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    """A zombie is gone, it only waits for somebody to reap it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
