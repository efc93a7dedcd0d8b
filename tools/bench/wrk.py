"""Load from wrk (https://github.com/wg/wrk), the client that costs the measured servers least."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from pathlib import Path

from tools.bench.load import Load, Measured

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "RESULT "


class WrkFailed(Exception):
    """wrk ended without a result; the message holds what it said."""


class Wrk:
    name = "wrk"

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    @classmethod
    def found(cls, folder: Path) -> Wrk | None:
        program = shutil.which("wrk")
        return cls(program, folder) if program else None

    async def run(self, load: Load) -> Measured:
        """wrk takes whole seconds. Raises WrkFailed."""
        command = [
            *(self._program, "-t", "1", "-c", str(load.connections), "-d", f"{max(1, round(load.seconds))}s"),
            *("--timeout", "30s", "-s", str(SCRIPT), f"http://127.0.0.1:{load.port}{load.path}"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **self._orders(load)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return read_result(output.decode(errors="replace"))

    def _orders(self, load: Load) -> dict[str, str]:
        return {
            "BENCH_METHOD": load.method,
            "BENCH_PATH": load.path,
            "BENCH_HOST": f"127.0.0.1:{load.port}",
            "BENCH_TOKEN": load.token,
            "BENCH_KEYED": "1" if load.keyed else "0",
            "BENCH_RUN": secrets.token_hex(8),
            "BENCH_SEED": str(secrets.randbelow(1_000_000)),
            "BENCH_BODIES": self._bodies(load),
        }

    def _bodies(self, load: Load) -> str:
        if not load.bodies:
            return ""
        file = self._folder / "bodies"
        file.write_bytes(b"\n".join(load.bodies) + b"\n")
        return str(file)


def read_result(output: str) -> Measured:
    """Raises WrkFailed when there is no result in what wrk printed."""
    for line in output.splitlines():
        if line.startswith(MARK):
            return Measured(**json.loads(line.removeprefix(MARK)))
    raise WrkFailed(f"wrk gave no result; it said: {output.strip() or 'nothing'}")
