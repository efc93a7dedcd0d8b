"""Many at once, few in each lane, and nobody waits for somebody else's slowness."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.infrastructure.messaging.lanes import LaneRunner
from app.shared.errors import Unavailable
from tests.support.peers import until

Item = tuple[str, int]


@dataclass
class Sent:
    """Rows by lane. `open` lanes are sent through at once, the others hang until they are opened."""

    due: list[Item]
    open: set[str] = field(default_factory=set)
    per_claim: int | None = None
    faults: list[Exception] = field(default_factory=list)
    bad: set[Item] = field(default_factory=set)
    name: str = "test"
    sent: list[Item] = field(default_factory=list)
    claims: list[tuple[int, set[Hashable]]] = field(default_factory=list)
    flying: Counter[str] = field(default_factory=Counter)
    most_flying: Counter[str] = field(default_factory=Counter)
    most_in_all: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def claim(self, most: int, full: Collection[Hashable]) -> Sequence[Item]:
        self.claims.append((most, set(full)))
        if self.faults:
            raise self.faults.pop()
        found = [item for item in self.due if item[0] not in full][:most]
        if self.per_claim is not None:
            seen: Counter[str] = Counter()
            few = []
            for item in found:
                seen[item[0]] += 1
                if seen[item[0]] <= self.per_claim:
                    few.append(item)
            found = few
        self.due = [item for item in self.due if item not in found]
        return found

    def lane(self, item: Item) -> str:
        return item[0]

    async def send(self, item: Item) -> None:
        lane = item[0]
        self.flying[lane] += 1
        self.most_flying[lane] = max(self.most_flying[lane], self.flying[lane])
        self.most_in_all = max(self.most_in_all, self.flying.total())
        try:
            async with self.changed:
                await self.changed.wait_for(lambda: lane in self.open)
            if item in self.bad:
                raise (Unavailable("away") if item[1] % 2 else RuntimeError("a defect"))
            self.sent.append(item)
        finally:
            self.flying[lane] -= 1

    async def let(self, *lanes: str) -> None:
        async with self.changed:
            self.open.update(lanes)
            self.changed.notify_all()

    async def until_sent(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.sent) >= count

        await until(enough, f"{count} sent")


def rows(lane: str, count: int) -> list[Item]:
    return [(lane, number) for number in range(count)]


@asynccontextmanager
async def at_work(outgoing: Sent, **limits: float) -> AsyncGenerator[LaneRunner[Item]]:
    runner = LaneRunner(outgoing, **limits)  # type: ignore[arg-type]
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_everything_due_is_sent() -> None:
    outgoing = Sent(rows("a", 20) + rows("b", 20), open={"a", "b"})
    async with at_work(outgoing, most=4, per_lane=2):
        await outgoing.until_sent(40)

    assert sorted(outgoing.sent) == sorted(rows("a", 20) + rows("b", 20))
    assert outgoing.most_in_all <= 4


@pytest.mark.parametrize("per_claim", [None, 1, 5])
async def test_no_lane_gets_more_than_its_share_whatever_a_claim_brings(per_claim: int | None) -> None:
    outgoing = Sent(rows("slow", 30) + rows("quick", 30), open={"quick"}, per_claim=per_claim)
    async with at_work(outgoing, most=16, per_lane=3):
        await outgoing.until_sent(30)
        assert outgoing.flying["slow"] == 3
        await outgoing.let("slow")
        await outgoing.until_sent(60)

    assert outgoing.most_flying["slow"] == 3
    assert outgoing.most_flying["quick"] <= 3
    assert [item for item in outgoing.sent if item[0] == "slow"] == rows("slow", 30), "each lane in its order"


async def test_a_hanging_lane_keeps_back_no_other() -> None:
    outgoing = Sent(rows("hangs", 64) + rows("healthy", 50), open={"healthy"})
    async with at_work(outgoing, most=8, per_lane=4):
        await outgoing.until_sent(50)

    assert {lane for lane, _ in outgoing.sent} == {"healthy"}


async def test_full_lanes_are_not_asked_for() -> None:
    outgoing = Sent(rows("hangs", 10) + rows("healthy", 10), open={"healthy"})
    async with at_work(outgoing, most=8, per_lane=2):
        await outgoing.until_sent(10)

    assert outgoing.claims[0] == (8, set())
    assert all("hangs" in full for _, full in outgoing.claims[1:])


async def test_with_everything_in_flight_nothing_is_asked_for() -> None:
    outgoing = Sent(rows("a", 2) + rows("b", 2))
    async with at_work(outgoing, most=4, per_lane=4, every=0.001) as runner:

        async def all_fly() -> bool:
            return outgoing.flying.total() == 4

        await until(all_fly)
        before = len(outgoing.claims)
        runner.wake()
        await asyncio.sleep(0.02)

    assert len(outgoing.claims) <= before + 1
    assert all(most > 0 for most, _ in outgoing.claims)


async def test_a_send_that_fails_stops_no_other() -> None:
    bad = {("a", 1), ("a", 2), ("b", 0)}
    outgoing = Sent(rows("a", 5) + rows("b", 5), open={"a", "b"}, bad=bad)
    async with at_work(outgoing, most=2, per_lane=1):
        await outgoing.until_sent(7)

    assert sorted(outgoing.sent) == sorted({*rows("a", 5), *rows("b", 5)} - bad)


async def test_a_claim_that_fails_is_made_again() -> None:
    outgoing = Sent(rows("a", 3), open={"a"}, faults=[RuntimeError("a defect"), Unavailable("away")])
    async with at_work(outgoing, every=0.001):
        await outgoing.until_sent(3)

    assert outgoing.faults == []


async def test_it_need_not_wait_for_its_turn_when_it_is_woken() -> None:
    outgoing = Sent([], open={"a"})
    async with at_work(outgoing, every=3600) as runner:

        async def looked() -> bool:
            return len(outgoing.claims) > 0

        await until(looked)
        outgoing.due = rows("a", 1)
        runner.wake()
        await outgoing.until_sent(1)


async def test_it_looks_by_itself_too() -> None:
    outgoing = Sent([], open={"a"})
    async with at_work(outgoing, every=0.001):
        await asyncio.sleep(0)
        outgoing.due = rows("a", 1)
        await outgoing.until_sent(1)


async def test_stopped_it_leaves_nothing_running() -> None:
    outgoing = Sent(rows("a", 4))
    async with at_work(outgoing, per_lane=2):

        async def two_fly() -> bool:
            return outgoing.flying["a"] == 2

        await until(two_fly)

    assert outgoing.flying["a"] == 0
    assert outgoing.sent == []
