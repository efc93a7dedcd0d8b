from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.infrastructure.cache.direct import DirectCache
from tests.unit.cache.fakes import MINUTES, HotBench, disk_cache


@pytest.fixture
async def bench() -> AsyncIterator[HotBench]:
    made = HotBench()
    yield made
    await made.hot.close()


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[DirectCache]:
    """A disk cache that holds one entry and has its file open for reading and for writing."""
    made = disk_cache(tmp_path)
    await made.set("k", b"page", MINUTES)
    assert await made.get("k") == b"page"
    yield made
    await made.close()
