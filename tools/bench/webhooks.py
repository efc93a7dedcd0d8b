"""From commit to receiver, with and without a neighbour that hangs: `python -m tools.bench.webhooks`.

One run, on an embedded PostgreSQL of its own: deliveries are committed as the policy commits them, a real sender claims
and posts them to a receiver on this machine. The neighbour's endpoint takes requests and never answers. Turns with and
without it alternate, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from app.application.events import PublishedEvent
from app.application.tenancy.commands.create_tenant import CreateTenant
from app.application.webhooks.commands.create_webhook import CreateWebhook
from app.container import Application, bind_all, webhook_parts
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.migrations import upgrade_to_head
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.messaging.lanes import LaneRunner
from app.infrastructure.webhooks.wiring import IN_FLIGHT, PER_ENDPOINT, webhook_sender
from app.shared.ids import NOBODY, TenantId
from app.shared.settings import load_settings
from app.shared.tenant_context import system_context
from app.startup import opened

HANG_SECONDS = 60
BACKLOG = 500
"""Messages that wait for the endpoint that hangs."""


@dataclass
class Shop:
    """Notes when each message arrived, by its id."""

    arrived: dict[str, float] = field(default_factory=dict)
    hangs: bool = False
    url: str = ""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
                await reader.readexactly(int(headers["content-length"]))
                self.arrived[headers["webhook-id"]] = time.perf_counter()
                if self.hangs:
                    await reader.read()  # until the sender gives up
                    break
                writer.write(b"HTTP/1.1 204 Done\r\n\r\n")
        self._open.discard(writer)
        writer.close()

    def hang_up(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def listening(*, hangs: bool = False) -> AsyncGenerator[Shop]:
    shop = Shop(hangs=hangs)
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    shop.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield shop
    finally:
        shop.hang_up()
        server.close()


@dataclass
class Bench:
    application: Application

    def __post_init__(self) -> None:
        self.parts = webhook_parts(self.application.container)
        policy = bind_all(self.application.container).subscribers["webhooks"].policy
        assert policy is not None  # noqa: S101 — bound just before
        self.policy = policy

    async def tenant(self, url: str) -> TenantId:
        home, slug = system_context(TenantId(UUID(int=0)), "bench"), f"b-{uuid4().hex[:20]}"
        tenant = await self.application.mediator.send(CreateTenant(slug=slug, name=slug, owner_id=None), home)
        hook = CreateWebhook(url=url, events=("*",), description="")
        await self.application.mediator.send(hook, system_context(tenant.id, "bench"))
        return tenant.id

    async def commit(self, tenant_id: TenantId, count: int) -> tuple[list[str], float]:
        """The messages' ids, and when they were committed."""
        events = [_event(tenant_id, self.parts.ids.new()) for _ in range(count)]
        async with self.application.database.transaction(tenant_id) as connection:
            work = UnitOfWork(connection, tenant_id, self.parts.ids)
            for event in events:
                await self.policy(Scope(work, system_context(tenant_id, "bench"))).react(event)
            writes = Writes(connection)
            await work.flush(writes)
            await writes.send()
        return [str(event.id) for event in events], time.perf_counter()

    @asynccontextmanager
    async def sending(self) -> AsyncGenerator[LaneRunner[object]]:
        application = self.application
        settings = application.settings.model_copy(update={"webhook_timeout_seconds": float(HANG_SECONDS)})
        sender = webhook_sender(settings, application.database, application.mediator, self.parts)
        runner: LaneRunner[object] = LaneRunner(sender, most=IN_FLIGHT, per_lane=PER_ENDPOINT)  # type: ignore[arg-type]
        running = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await sender.close()


def _event(tenant_id: TenantId, id_: UUID) -> PublishedEvent:
    return PublishedEvent(
        id=id_,
        tenant_id=tenant_id,
        type="order.placed",
        stream="order",
        stream_id=uuid4(),
        version=1,
        occurred_at=datetime.now(UTC),
        request_id="bench",
        actor_id=NOBODY,
        actor_kind="system",
        data={"number": "HT-BENCH-00001"},
    )


async def measure(
    bench: Bench, healthy: Shop, tenant_id: TenantId, wake: Callable[[], None], count: int
) -> list[float]:
    """Milliseconds from commit to receiver, one message after the other."""
    took = []
    for _ in range(count):
        (message,), committed = await bench.commit(tenant_id, 1)
        wake()
        async with asyncio.timeout(30):
            while message not in healthy.arrived:  # noqa: ASYNC110 — a turn of the loop, not a wait
                await asyncio.sleep(0)
        took.append((healthy.arrived[message] - committed) * 1_000)
        await asyncio.sleep(0.01)
    return took


async def run(bench: Bench, rounds: int, count: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"alone": [], "beside one that hangs": []}
    async with listening() as healthy:
        tenant_id = await bench.tenant(healthy.url)
        async with bench.sending() as runner:
            await measure(bench, healthy, tenant_id, runner.wake, 20)  # connections and plans are made
        for _ in range(rounds):
            async with bench.sending() as runner:
                took["alone"] += await measure(bench, healthy, tenant_id, runner.wake, count)
            async with listening(hangs=True) as hanging, bench.sending() as runner:
                await bench.commit(await bench.tenant(hanging.url), BACKLOG)
                runner.wake()
                while len(hanging.arrived) < PER_ENDPOINT:  # noqa: ASYNC110 — until its lane is full
                    await asyncio.sleep(0.01)
                took["beside one that hangs"] += await measure(bench, healthy, tenant_id, runner.wake, count)
                assert len(hanging.arrived) == PER_ENDPOINT  # noqa: S101 — it did hang all the time
    return took


async def throughput(bench: Bench, count: int) -> float:
    """Deliveries per second to one healthy endpoint, all of them waiting at the beginning."""
    async with listening() as healthy, bench.sending() as runner:
        await bench.commit(await bench.tenant(healthy.url), count)
        started = time.perf_counter()
        runner.wake()
        while len(healthy.arrived) < count:  # noqa: ASYNC110 — until all have come
            await asyncio.sleep(0.01)
        return count / (time.perf_counter() - started)


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def main(rounds: int, count: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="hello-bench-") as folder:
        server = EmbeddedServer(Path(folder), max_connections=100)
        await asyncio.to_thread(server.join)
        try:
            addresses = server.addresses()
            await asyncio.to_thread(upgrade_to_head, addresses.owner)
            settings = load_settings(_env_file=None, data_dir=Path(folder), webhook_allow_private=True, demo_data=False)
            async with opened(settings, addresses) as application:
                bench = Bench(application)
                took = await run(bench, rounds, count)
                rate = await throughput(bench, 1_000)
        finally:
            await asyncio.to_thread(server.leave)
    for name, values in took.items():
        p50, p99 = percentile(values, 50), percentile(values, 99)
        print(f"{name:<22} n={len(values):<5} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms")
    print(f"one healthy endpoint, {PER_ENDPOINT} at a time: {rate:.0f} deliveries/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--count", type=int, default=100, help="messages per turn")
    given = parser.parse_args()
    asyncio.run(main(given.rounds, given.count))
