"""The lane alone: who waits for whom, who shares a batch, and what becomes of those who give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from app.infrastructure.database import lane as lane_module
from app.infrastructure.database.lane import Lane
from app.infrastructure.database.pipeline import Failure, Outcome
from app.shared.errors import Forbidden, Overloaded
from app.shared.mediator import Command, Envelope
from tests.support.builders import a_context

ONE, TWO = uuid4(), uuid4()
WHOSE: ContextVar[str] = ContextVar("WHOSE", default="nobody's")


@dataclass(frozen=True, slots=True)
class Note(Command[str]):
    text: str


def note(text: str, tenant: UUID | None = ONE) -> Envelope:
    return Envelope(Note(text), a_context(tenant))


def text_of(envelope: Envelope) -> str:
    message = envelope.message
    assert isinstance(message, Note)
    return message.text


@dataclass
class Runner:
    """Runs a batch when `go` is set, and remembers all batches."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[list[Envelope]] = field(default_factory=list)
    context_seen: set[str] = field(default_factory=set)

    async def __call__(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        self.batches.append(list(envelopes))
        self.context_seen.add(WHOSE.get())
        self.started.set()
        await self.go.wait()
        return [self._answer(text_of(envelope)) for envelope in envelopes]

    def _answer(self, text: str) -> Outcome:
        return Failure(Forbidden("no")) if text == "refuse" else f"done {text}"

    @property
    def texts(self) -> list[list[str]]:
        return [[text_of(envelope) for envelope in batch] for batch in self.batches]


async def under_way(runner: Runner, lane: Lane, *envelopes: Envelope) -> list[asyncio.Task[Outcome]]:
    """The first is in flight, the others wait."""
    tasks = [asyncio.create_task(lane.submit(envelope)) for envelope in envelopes]
    await runner.started.wait()
    return tasks


async def test_those_who_arrive_while_one_is_in_flight_share_the_next_batch_in_order() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    first = await under_way(runner, lane, note("a"))
    others = [asyncio.create_task(lane.submit(note(text))) for text in "bcd"]
    await asyncio.sleep(0)
    runner.go.set()

    assert await asyncio.gather(*first, *others) == ["done a", "done b", "done c", "done d"]
    assert runner.texts == [["a"], ["b", "c", "d"]]


async def test_tenants_never_share_a_batch_and_do_not_wait_for_each_other() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    tasks = [asyncio.create_task(lane.submit(note(str(n), tenant))) for n in range(10) for tenant in (ONE, TWO, None)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert {batch[0].context.tenant_id for batch in runner.batches} == {ONE, TWO, None}
    runner.go.set()
    await asyncio.gather(*tasks)

    assert all(len({envelope.context.tenant_id for envelope in batch}) == 1 for batch in runner.batches)


async def test_a_batch_is_never_larger_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "MAX_BATCH", 3)
    runner = Runner()
    runner.go.set()
    lane = Lane(runner, max_queued=100)

    await asyncio.gather(*(lane.submit(note(str(n))) for n in range(8)))

    assert [len(batch) for batch in runner.batches] == [3, 3, 2]


async def test_a_refusal_reaches_its_own_caller_only() -> None:
    runner = Runner()
    runner.go.set()
    lane = Lane(runner, max_queued=100)

    answers = await asyncio.gather(*(lane.submit(note(t)) for t in ("a", "refuse", "b")), return_exceptions=True)

    assert [answers[0], answers[2]] == ["done a", "done b"]
    assert isinstance(answers[1], Forbidden)


async def test_what_a_whole_batch_fails_with_reaches_everybody_in_it() -> None:
    async def broken(envelopes: Sequence[Envelope]) -> list[Outcome]:
        raise OSError("away")

    lane = Lane(broken, max_queued=100)

    answers = await asyncio.gather(*(lane.submit(note(t)) for t in "ab"), return_exceptions=True)

    assert [str(answer) for answer in answers] == ["away", "away"]
    await lane.drain()


async def test_the_batch_runs_in_no_callers_context() -> None:
    runner = Runner()
    runner.go.set()
    WHOSE.set("mine")

    await Lane(runner, max_queued=1).submit(note("a"))

    assert runner.context_seen == {"nobody's"}


async def test_a_caller_who_leaves_the_queue_takes_no_part_in_a_batch() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    tasks = await under_way(runner, lane, note("a"))
    leaving, staying = (asyncio.create_task(lane.submit(note(text))) for text in ("leaves", "stays"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait((leaving,))
    runner.go.set()

    assert await asyncio.gather(*tasks, staying) == ["done a", "done stays"]
    assert runner.texts == [["a"], ["stays"]]


async def test_a_batch_that_everybody_left_is_not_run() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    [first] = await under_way(runner, lane, note("a"))
    leaving = [asyncio.create_task(lane.submit(note(text))) for text in "bc"]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    runner.go.set()
    await first
    await lane.drain()

    assert runner.texts == [["a"]]
    assert lane._queues == {}


async def test_a_caller_who_leaves_while_in_flight_harms_nobody_in_the_batch() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    leaving, staying = await under_way(runner, lane, note("a"), note("b"))
    leaving.cancel()
    await asyncio.wait((leaving,))
    runner.go.set()

    assert await staying == "done b"


async def test_too_many_waiting_are_turned_away_until_the_queue_is_shorter() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=2)
    tasks = await under_way(runner, lane, note("a"))
    tasks += [asyncio.create_task(lane.submit(note(text))) for text in "bc"]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refusal:
        await lane.submit(note("d"))
    assert refusal.value.retry_after == 1
    runner.go.set()
    await asyncio.gather(*tasks)

    assert await lane.submit(note("d")) == "done d"


async def test_one_tenants_rush_turns_nobody_else_away_until_all_queues_together_are_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane_module, "TENANTS_RUSHING", 2)
    runner = Runner()
    lane = Lane(runner, max_queued=2)
    tasks = await under_way(runner, lane, note("in flight", ONE))
    tasks += [asyncio.create_task(lane.submit(note(str(n), tenant))) for tenant in (ONE, TWO) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await lane.submit(note("of a full queue", ONE))
    with pytest.raises(Overloaded):
        await lane.submit(note("of a third tenant", uuid4()))
    runner.go.set()

    assert len(await asyncio.gather(*tasks)) == 5


async def test_draining_waits_for_all_that_was_submitted() -> None:
    runner = Runner()
    lane = Lane(runner, max_queued=100)
    tasks = await under_way(runner, lane, note("a"), note("b", TWO))
    draining = asyncio.create_task(lane.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    runner.go.set()
    await draining

    assert all(task.done() for task in tasks)
    await lane.drain()
