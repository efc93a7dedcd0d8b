"""Redis stops, hangs and comes back while buyers read a page that staff keep changing on another worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from app.application.cache import CacheStats, ManagedCache
from app.application.tenancy.contracts import Role
from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings
from tests.support.redis import RedisServer
from tests.support.system import System, running

pytestmark = pytest.mark.faults

OLDEST = 1.0
"""Seconds: what DESIGN section 6 allows shop callers."""
READERS = 8
SECONDS = 1.2


@dataclass(slots=True)
class Watch:
    """What readers were told, and when staff had made it true."""

    committed: dict[str, float] = field(default_factory=dict)
    answers: list[tuple[float, int, str]] = field(default_factory=list)

    @property
    def oldest(self) -> float:
        """How long before the request an answer had been overtaken by the next change, at worst; in seconds."""
        stamps = list(self.committed)
        overtaken = {stamp: self.committed[later] for stamp, later in pairwise(stamps)}
        return max((asked - overtaken[name] for asked, _, name in self.answers if name in overtaken), default=0.0)


@pytest.fixture
async def workers(
    settings: Settings, addresses: Addresses, redis_server: RedisServer, tmp_path: Path
) -> AsyncGenerator[tuple[System, System]]:
    """Two processes' worth of the application over one Redis and one database."""
    shared = settings.model_copy(update={"redis_url": SecretStr(redis_server.url)})
    apart = shared.model_copy(update={"data_dir": tmp_path / "second"})
    async with running(shared, addresses) as one, running(apart, addresses) as two:
        yield one, two


def stats(system: System) -> CacheStats:
    cache: ManagedCache = system.application.container.resolve(ManagedCache)
    return cache.stats()


async def phase(
    workers: tuple[System, System], product_id: UUID, writer: dict[str, str], reader: dict[str, str]
) -> Watch:
    watch, path = Watch(), f"/api/v1/products/{product_id}"
    until = time.monotonic() + SECONDS

    async def change() -> None:
        while time.monotonic() < until:
            name = f"at {time.monotonic_ns()}"
            answer = await workers[0].client.patch(path, json={"name": name}, headers=writer)
            assert answer.status_code == 200
            watch.committed[name] = time.monotonic()
            await asyncio.sleep(0.02)

    async def read() -> None:
        while time.monotonic() < until:
            asked = time.monotonic()
            answer = await workers[1].client.get(path, headers=reader)
            watch.answers.append((asked, answer.status_code, answer.json().get("name", "")))
            await asyncio.sleep(0.005)  # a page from memory never waits: without this the writer would never run

    await asyncio.gather(change(), *(read() for _ in range(READERS)))
    return watch


async def test_no_request_fails_and_no_answer_is_too_old(
    workers: tuple[System, System], redis_server: RedisServer
) -> None:
    organizer = await workers[0].organizer()
    product = await workers[0].product(organizer)
    buyer = (await workers[0].person(organizer.tenant_id, Role.CUSTOMER)).headers

    async def told() -> Watch:
        return await phase(workers, product.id, organizer.owner.headers, buyer)

    watches = [await told()]
    before = stats(workers[1])
    redis_server.hang()
    watches.append(await told())
    redis_server.resume()
    watches.append(await told())
    redis_server.stop()
    watches.append(await told())
    await redis_server.start()
    await asyncio.sleep(1.5)  # the probe, once a second, finds it again
    watches.append(await told())
    after = stats(workers[1])

    assert {status for watch in watches for _, status, _ in watch.answers} == {200}
    assert all(len(watch.answers) > READERS and len(watch.committed) > 1 for watch in watches)
    assert max(watch.oldest for watch in watches) > 0  # answers came from a cache at all
    assert max(watch.oldest for watch in watches) <= OLDEST
    assert after.takeovers >= 1
    assert after.hits + after.misses > before.hits + before.misses
    assert after.active == before.active
