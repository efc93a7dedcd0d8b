"""RabbitMQ absent, stopped, killed, hung; a consumer killed in the middle: nothing is lost, order is kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.transport import ALL, PARTITIONS, Message, Subscription
from app.infrastructure.signals.carrier import CarriedSignals
from app.infrastructure.signals.rabbitmq import RabbitCarrier
from app.shared.errors import Unavailable
from app.shared.settings import ROOT
from tests.faults.rabbit_consumer import SUBSCRIPTION as MORTAL
from tests.support.rabbitmq import MISSING, RabbitServer, can_have_broker
from tests.support.travelling import Recorder, in_background, message, published, running, until

pytestmark = [pytest.mark.faults, pytest.mark.service("rabbitmq")]

BOUND = 12.0
"""Seconds for a call that may take five; far above, so that only one that really waits fails."""
EVERYTHING = Subscription(name="everything", types=ALL)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[RabbitServer]:
    """One for all tests here; each leaves it running."""
    if not can_have_broker():
        pytest.skip(MISSING)
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start_blocking()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def transport_on(server: RabbitServer, prefix: str) -> AsyncGenerator[RabbitTransport]:
    transport = RabbitTransport(server.url, [EVERYTHING], topology=Topology(prefix=prefix))
    try:
        yield transport
    finally:
        await transport.close()


def many(count: int, first: int = 0) -> list[Message]:
    return [message(n, partition=n % PARTITIONS) for n in range(first, first + count)]


def in_order(count: int) -> dict[int, list[int]]:
    return {p: list(range(p, count, PARTITIONS)) for p in range(PARTITIONS)}


async def relay(transport: RabbitTransport, messages: list[Message]) -> None:
    for start in range(0, len(messages), 40):
        await published(transport, messages[start : start + 40])


async def refused(transport: RabbitTransport) -> None:
    async with asyncio.timeout(BOUND):
        with pytest.raises(Unavailable):
            await transport.publish([message(0)])


async def test_absent_at_the_start_it_is_waited_for(broker: RabbitServer, broker_prefix: str) -> None:
    broker.stop()
    recorder = Recorder()
    try:
        async with transport_on(broker, broker_prefix) as transport, running(transport, EVERYTHING, recorder):
            await refused(transport)
            async with asyncio.timeout(BOUND):
                with pytest.raises(Unavailable):
                    await transport.depth()
            await broker.start()
            await relay(transport, many(80))
            await until(lambda: recorder.distinct == 80)
    finally:
        if not broker.running:
            await broker.start()
    assert recorder.by_partition() == in_order(80)


@pytest.mark.parametrize("way", ["stopped", "killed"])
async def test_what_was_confirmed_survives(broker: RabbitServer, broker_prefix: str, way: str) -> None:
    recorder = Recorder(seconds=0.001)
    async with transport_on(broker, broker_prefix) as transport:
        await relay(transport, many(400))
        await asyncio.to_thread(broker.stop)  # a queue is a second old before RabbitMQ 3.10 has its name on disk
        await broker.start()
        async with running(transport, EVERYTHING, recorder):
            more = asyncio.create_task(relay(transport, many(800, first=400)))
            await until(lambda: recorder.distinct > 100)
            await asyncio.to_thread(broker.stop if way == "stopped" else broker.kill)
            await refused(transport)
            await broker.start()
            await more
            await until(lambda: recorder.distinct == 1_200)
    assert recorder.by_partition() == in_order(1_200)


async def test_a_hung_broker_holds_up_nobody_and_goes_on_where_it_was(broker: RabbitServer, broker_prefix: str) -> None:
    recorder = Recorder()
    async with transport_on(broker, broker_prefix) as transport, running(transport, EVERYTHING, recorder):
        await relay(transport, many(80))
        await until(lambda: recorder.distinct == 80)
        broker.hang()
        try:
            for _ in range(2):
                await refused(transport)
        finally:
            broker.resume()
        await relay(transport, many(80, first=80))
        await until(lambda: recorder.distinct == 160)
    assert recorder.by_partition() == in_order(160)


async def test_a_hung_broker_lets_a_process_end(broker: RabbitServer, broker_prefix: str) -> None:
    recorder = Recorder()
    async with transport_on(broker, broker_prefix) as transport:
        async with running(transport, EVERYTHING, recorder):
            await relay(transport, many(8))
            await until(lambda: recorder.distinct == 8)
            broker.hang()
        async with asyncio.timeout(BOUND):
            await transport.close()
        broker.resume()


async def test_after_a_consumer_was_killed_another_goes_on_in_order(
    broker: RabbitServer, broker_prefix: str, tmp_path: Path
) -> None:
    notes, recorder = tmp_path / "notes", Recorder()
    transport = RabbitTransport(broker.url, [MORTAL], topology=Topology(prefix=broker_prefix))
    await transport.publish([message(n) for n in range(100)])
    words = [sys.executable, "-m", "tests.faults.rabbit_consumer", broker.url, broker_prefix, str(notes), "60"]
    with subprocess.Popen(words, cwd=ROOT) as process:  # noqa: ASYNC220 — it starts at once
        await until(lambda: notes.exists() and "hung" in notes.read_text())
        async with running(transport, MORTAL, recorder):
            process.kill()
            await until(lambda: 99 in recorder.versions())
    await transport.close()

    before = [int(line) for line in notes.read_text().split() if line != "hung"]
    assert before == list(range(60))
    first = recorder.versions()[0]
    assert first <= 60, "what was not acknowledged comes again"
    assert recorder.versions() == list(range(first, 100))


async def test_signals_outlive_a_hung_and_a_restarted_broker(broker: RabbitServer) -> None:
    signals = CarriedSignals(RabbitCarrier(broker.url, exchange="faults.signals"), echo=1.0, idle=0.2)
    async with in_background(signals.run()):
        await until(signals.up.is_set)
        broker.hang()
        await until(lambda: not signals.up.is_set())
        broker.resume()
        await until(signals.up.is_set)
        await asyncio.to_thread(broker.stop)
        await until(lambda: not signals.up.is_set())
        await broker.start()
        await until(signals.up.is_set)
