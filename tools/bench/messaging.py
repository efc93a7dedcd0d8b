"""From commit to reaction and to webhook, over PostgreSQL and over RabbitMQ, side by side in one run.

`python -m tools.bench.messaging` (RABBITMQ_URL, or `--rabbitmq-url`; without one, PostgreSQL only)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import UUID, uuid4

import typer

from app.application.events import PublishedEvent
from app.application.ordering.commands.place_order import PlaceOrder
from app.application.ordering.quote import Wanted
from app.application.ports import IdSource
from app.application.signals import Signals, Topic
from app.application.webhooks.commands.create_webhook import CreateWebhook
from app.container import Application
from app.domain.ordering.order import Customer
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.dispatch import Routes, Subscriber
from app.infrastructure.messaging.broker import Broker
from app.infrastructure.messaging.dead_letters import DeadLetters
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.outbox import Outbox
from app.infrastructure.messaging.postgres_transport import PostgresTransport
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.relay import GROUP, Relay
from app.infrastructure.messaging.runner import Runner
from app.infrastructure.messaging.transport import PARTITIONS, Subscription, Transport
from app.infrastructure.messaging.wiring import Messaging
from app.infrastructure.observability.logs import configure_logs
from app.shared.tenant_context import RequestContext, system_context
from app.startup import opened
from app.workers import working
from tools.bench.client import percentile
from tools.bench.database import owner
from tools.bench.fleet import Fleet, fleet
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.webhooks import Shop, listening
from tools.bench.world import World

READY_SECONDS = 30.0
LONGEST = 600.0
_BACKLOG = """
    WITH made AS (SELECT gen_random_uuid() AS id, gen_random_uuid() AS message FROM generate_series(1, $2::integer)),
    told AS (
        INSERT INTO events (tenant_id, stream_id, version, stream, type, data, metadata, occurred_at)
        SELECT $1::uuid, id, 1, 'order', 'order.placed',
            jsonb_build_object('number', 'HT-BENCH-00001', 'note', repeat('x', 300)),
            jsonb_build_object('actor_id', $1::uuid::text, 'actor_kind', 'user', 'request_id', 'bench'), now() FROM made
    )
    INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at)
    SELECT $1::uuid, message, id, 1, 'order.placed', 'bench', now() FROM made
"""
_MESSAGE_OF = "SELECT stream_id, id FROM outbox WHERE stream_id = ANY($1) AND version = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Events a second, medians of the rounds; milliseconds from commit to the webhook's arrival."""

    published_rate: float
    handled_rate: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class Counting:
    """A subscriber that does nothing but count."""

    seen: int = 0

    async def react(self, _: PublishedEvent) -> None:
        self.seen += 1


async def compared(
    folder: Path, tell: Callable[[str], None], *, backlog: int, rounds: int, orders: int, rate: float, url: str | None
) -> dict[str, Measured]:
    async with fleet(folder, webhook_allow_private=True) as ours:
        configure_logs(ours.settings)
        carriers = {"postgres": None} | ({"rabbitmq": url} if url else {})
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in carriers}
        late: dict[str, list[float]] = {}
        for turn in range(rounds):
            for name, broker in carriers.items():
                tell(f"{name}: {backlog} events, round {turn + 1} …")
                rates[name].append(await _throughput(ours, backlog, broker))
        for name, broker in carriers.items():
            tell(f"{name}: {orders} orders at {rate:g} a second, each to a webhook …")
            late[name] = await _latencies(ours, orders, rate, broker)
    return {
        name: Measured(
            published_rate=median(published for published, _ in rates[name]),
            handled_rate=median(handled for _, handled in rates[name]),
            p50_ms=percentile(late[name], 50),
            p99_ms=percentile(late[name], 99),
        )
        for name in carriers
    }


async def _throughput(ours: Fleet, backlog: int, broker: str | None) -> tuple[float, float]:
    """Published and handled, a second, from a backlog that is there when the leases are held."""
    counting, routes = Counting(), Routes()
    routes.policy("counter", {"*"}, lambda _: counting)
    async with opened(ours.settings, ours.addresses) as application:
        async with owner(ours.addresses) as connection:
            await connection.execute("UPDATE outbox SET published_at = now() WHERE published_at IS NULL")
        async with _carried(application, routes.subscribers, broker) as messaging:
            async with asyncio.timeout(READY_SECONDS):
                while len(messaging.leases.held(GROUP)) < PARTITIONS:  # noqa: ASYNC110 — its own task takes them
                    await asyncio.sleep(0.05)
            await _fill(ours.addresses, ours.world, 1)
            await _worked_off(ours.addresses, counting, 1, 0.0)  # queues are declared, plans are made
            counting.seen = 0
            await _fill(ours.addresses, ours.world, backlog)
            started = time.perf_counter()
            messaging.relay.wake()
            return await _worked_off(ours.addresses, counting, backlog, started)


async def _fill(addresses: Addresses, world: World, backlog: int) -> None:
    async with owner(addresses) as connection:
        await connection.execute(_BACKLOG, world.tenant_id, backlog)


async def _worked_off(addresses: Addresses, counting: Counting, backlog: int, started: float) -> tuple[float, float]:
    published = 0.0
    async with asyncio.timeout(LONGEST), owner(addresses) as connection:
        while counting.seen < backlog or not published:
            await asyncio.sleep(0.02)
            if not published and not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"
            ):
                published = time.perf_counter()
    return backlog / (published - started), backlog / (time.perf_counter() - started)


async def _latencies(ours: Fleet, orders: int, rate: float, broker: str | None) -> list[float]:
    """Milliseconds, sorted."""
    committed: dict[UUID, float] = {}
    async with opened(ours.settings, ours.addresses) as application, listening() as shop:
        context = system_context(ours.world.tenant_id, "bench")
        hook = CreateWebhook(url=shop.url, events=("order.*",), description="")
        await application.mediator.send(hook, context)
        subscribers = application.messaging.subscribers
        async with (
            _carried(application, subscribers, broker, start=False) as messaging,
            working(replace(application, messaging=messaging)),
        ):
            await _placed(application, ours.world, context, 1, rate, committed)
            await _arrived(shop, 1)  # connections and plans are made
            committed.clear()
            await _placed(application, ours.world, context, orders, rate, committed)
            await _arrived(shop, orders + 1)
        async with owner(ours.addresses) as connection:
            message_of = dict(await connection.fetch(_MESSAGE_OF, list(committed)))
            await connection.execute("DELETE FROM webhook_deliveries; DELETE FROM webhook_endpoints")
    return sorted((shop.arrived[str(message_of[order])] - at) * 1_000 for order, at in committed.items())


async def _placed(
    application: Application,
    world: World,
    context: RequestContext,
    count: int,
    rate: float,
    committed: dict[UUID, float],
) -> None:
    async def one() -> None:
        command = PlaceOrder(
            buyer_id=world.customer_id,
            customer=Customer("buyer@example.com", "A Buyer"),
            items=(Wanted(product_id=world.hot, quantity=1),),  # type: ignore[arg-type]
        )
        view = await application.mediator.send(command, context)
        committed[view.id] = time.perf_counter()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
            await asyncio.sleep(1 / rate)


async def _arrived(shop: Shop, count: int) -> None:
    async with asyncio.timeout(LONGEST):
        while len(shop.arrived) < count:  # noqa: ASYNC110 — until all have come
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _carried(
    application: Application, subscribers: Mapping[str, Subscriber], broker: str | None, *, start: bool = True
) -> AsyncGenerator[Messaging]:
    """Relay and subscribers on this transport; on a broker under names of their own, which are deleted afterwards."""
    database, container = application.database, application.container
    ids: IdSource = container.resolve(IdSource)
    signals: Signals = container.resolve(Signals)
    topology = Topology(prefix=f"bench-{uuid4().hex[:8]}")
    leases, letters = Leases(database, ids.new(), kind="worker"), DeadLetters(database, ids)
    subscriptions = [Subscription(name=name, types=one.types) for name, one in subscribers.items()]
    transport: Transport = (
        PostgresTransport(database, leases, signals, subscriptions, letters.bury)
        if broker is None
        else RabbitTransport(broker, subscriptions, topology=topology)
    )
    relay = Relay(Outbox(database, subscribers), transport, leases)
    signals.listen(Topic.OUTBOX, relay.wake)
    messaging = Messaging(
        holder=ids.new(), leases=leases, relay=relay, transport=transport, subscriptions=subscriptions,
        subscribers=subscribers, dead_letters=letters,
        runner=Runner(database, application.mediator, ids, signals, letters),
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_forget, broker, topology, [one.name for one in subscriptions])
        stack.push_async_callback(transport.close)
        works = messaging.works() if start else []
        tasks: list[asyncio.Task[None]] = [asyncio.create_task(run()) for _, run in works]  # type: ignore[arg-type]
        stack.push_async_callback(partial(asyncio.gather, *tasks, return_exceptions=True))
        for task in tasks:
            stack.callback(task.cancel)
        yield messaging


async def _forget(broker: str | None, topology: Topology, subscribers: list[str]) -> None:
    if broker is None:
        return
    connection = Broker(broker, purpose="bench")
    with suppress(Exception):
        async with connection.channel() as channel:
            await topology.delete_all(channel, subscribers)
    await connection.close()


def command(
    backlog: Annotated[int, typer.Option(min=1, help="Events that wait when the relay begins.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    orders: Annotated[int, typer.Option(min=1, help="Orders whose webhooks are timed.")] = 600,
    rate: Annotated[float, typer.Option(min=0.1, help="Orders a second.")] = 20.0,
    rabbitmq_url: Annotated[str | None, typer.Option(envvar="RABBITMQ_URL")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Relay throughput and latency from commit to webhook, in one process, on each transport in turn."""
    found = in_scratch(
        lambda folder, tell: compared(
            folder, tell, backlog=backlog, rounds=rounds, orders=orders, rate=rate, url=rabbitmq_url
        )
    )
    figures: dict[str, object] = {name: asdict(one) for name, one in found.items()}
    if "rabbitmq" in found:
        ours, other = asdict(found["postgres"]), asdict(found["rabbitmq"])
        figures["rabbitmq against postgres"] = {name: other[name] / ours[name] for name in ours}
    conclude(figures, [], json)


if __name__ == "__main__":
    serve_command(command)
