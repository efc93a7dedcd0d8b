"""More than the application can do: it goes on serving, says so to the rest, and what it placed is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench.load import Load
from tools.bench.open_loop import OpenLoop
from tools.bench.overload import overload
from tools.bench.soak import BOUNDS, soak, trend_of

pytestmark = pytest.mark.faults


async def test_ten_times_the_load_is_served_or_shed_and_the_books_agree(data_dir: Path) -> None:
    """Briefly: `python -m tools.bench.overload` has the figures."""
    found = await overload(data_dir, print, seconds=1.5, connections=8, most_open=200, built_in=True)
    assert found.faults == []
    assert found.closed.goodput > 0
    assert found.open.goodput > 0
    assert set(found.open.live) == {200}
    assert found.open.recovered_after < 20


async def test_a_client_that_finds_nobody_says_so() -> None:
    load = Load(port=1, path="/", bodies=(b"{}",), seconds=0.1)
    loop = OpenLoop(load, 100.0)
    await loop.run()
    assert set(loop.told) == {"broken"}


async def test_a_soak_measures_all_it_judges(data_dir: Path) -> None:
    """Ten seconds show that it works, not that anything is flat: `python -m tools.bench.soak`."""
    found = await soak(data_dir, print, seconds=10, every=1, clients=4)
    assert [fault for fault in found.faults if "is not flat" not in fault] == []
    assert set(found.trends) == set(BOUNDS)
    assert found.orders > 0
    assert found.trends["api_mb"].mean > 50
    assert found.trends["connections"].mean >= 1


def test_what_grows_is_not_flat() -> None:
    """The twin: one megabyte a second."""
    steady = [{"at": float(second), "api_mb": 300.0} for second in range(60)]
    growing = [{"at": float(second), "api_mb": 300.0 + second} for second in range(60)]
    assert trend_of("api_mb", steady).flat
    assert not trend_of("api_mb", growing).flat
