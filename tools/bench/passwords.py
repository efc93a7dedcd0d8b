"""What one sign-in costs at the least: the check of its password, and nothing else."""

from __future__ import annotations

import asyncio
import time

from passlib.hash import bcrypt_sha256

from app.shared.settings import load_settings
from tools.bench.client import percentile
from tools.bench.load import Measured


async def check_passwords(password: str, *, seconds: float) -> Measured:
    """One after another, at the rounds the application is set to."""
    return await asyncio.to_thread(_check, password, seconds)


def _check(password: str, seconds: float) -> Measured:
    stored = bcrypt_sha256.using(rounds=load_settings().password_rounds).hash(password)
    times: list[float] = []
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + seconds or not times:
        bcrypt_sha256.verify(password, stored)
        times.append(time.perf_counter() - now)
    times.sort()
    spent = time.perf_counter() - started
    p50, p99 = percentile(times, 50) * 1_000, percentile(times, 99) * 1_000
    return Measured(answers=len(times), refused=0, broken=0, seconds=spent, p50_ms=p50, p99_ms=p99)
