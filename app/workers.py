"""What works in the background: relay, subscribers, schedules, senders; beside the API, or in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from app.application.files.ports import Storage
from app.application.notifications.ports import MailGateway, SmsGateway
from app.application.ports import Clock, IdSource
from app.application.signals import Signals, Topic
from app.container import Application, webhook_parts
from app.infrastructure.database.clean_up import clean_up
from app.infrastructure.files.sweep import sweep_orphans
from app.infrastructure.messaging.retention import forget_old, kept_days
from app.infrastructure.messaging.schedules import Schedule, Scheduler
from app.infrastructure.notifications.clean_up import clean_up_messages
from app.infrastructure.notifications.sending import MessageSending
from app.infrastructure.ordering.expiry import expire_due_orders
from app.infrastructure.signals.carrier import CarriedSignals
from app.infrastructure.webhooks.upkeep import forget_deliveries
from app.infrastructure.webhooks.wiring import webhook_lanes, webhook_sender
from app.shared.errors import Unavailable

EXPIRY_SECONDS = 1.0
CLEAN_UP_SECONDS = 3_600.0
RESTART_SECONDS = 1.0

_log = structlog.get_logger("hello_ticket")

Work = tuple[str, Callable[[], Awaitable[None]]]


def schedules_of(application: Application) -> list[Schedule]:
    """Everything that is due again and again, for all tenants."""
    database, mediator = application.database, application.mediator
    ids: IdSource = application.container.resolve(IdSource)
    clock: Clock = application.container.resolve(Clock)
    storage: Storage = application.container.resolve(Storage)
    settings = application.settings
    kept = kept_days(settings)
    messages = settings.keep_messages_days
    return [
        Schedule(name="expiry", every=EXPIRY_SECONDS, run=lambda _: expire_due_orders(database, mediator, ids)),
        Schedule(name="clean_up", every=CLEAN_UP_SECONDS, run=lambda _: clean_up(database)),
        Schedule(name="retention", every=CLEAN_UP_SECONDS, run=lambda _: forget_old(database, kept)),
        Schedule(
            name="messages",
            every=CLEAN_UP_SECONDS,
            run=lambda _: clean_up_messages(database, keep_days=messages),
        ),
        Schedule(
            name="deliveries",
            every=CLEAN_UP_SECONDS,
            run=lambda _: forget_deliveries(database, settings.keep_deliveries_days),
        ),
        Schedule(name="orphans", every=CLEAN_UP_SECONDS, run=lambda _: sweep_orphans(database, storage, clock)),
    ]


@asynccontextmanager
async def linked(application: Application) -> AsyncGenerator[None]:
    """Signals go to the other processes and come from them meanwhile; every process wants that."""
    signals: CarriedSignals = application.container.resolve(CarriedSignals)
    task = asyncio.create_task(kept_up("signals", signals.run), name="signals")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def working(application: Application) -> AsyncGenerator[None]:
    """Runs all of it meanwhile; at the end what is in flight is cancelled and its leases are given back."""
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(kept_up(name, run), name=name) for name, run in _works(application, stack)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _works(application: Application, stack: AsyncExitStack) -> list[Work]:
    messaging = application.messaging
    scheduler = Scheduler(application.database, messaging.holder, schedules_of(application))
    return [("schedules", scheduler.run), *_senders(application, stack), *messaging.works()]


def _senders(application: Application, stack: AsyncExitStack) -> list[Work]:
    """What leaves the system: webhooks, mail, texts. `stack` closes their connections."""
    container, database, mediator = application.container, application.database, application.mediator
    signals: Signals = container.resolve(Signals)
    posting = webhook_sender(application.settings, database, mediator, webhook_parts(container))
    stack.push_async_callback(posting.close)
    webhooks = webhook_lanes(posting)
    signals.listen(Topic.WEBHOOKS, webhooks.wake)
    messages = MessageSending(
        *(application.settings, database, mediator, container.resolve(Clock), signals),
        *(container.resolve(MailGateway), container.resolve(SmsGateway)),
    )
    stack.push_async_callback(messages.close)
    return [("webhooks", webhooks.run), ("messages", messages.run)]


async def kept_up(name: str, run: Callable[[], Awaitable[object]], pause: float = RESTART_SECONDS) -> None:
    """Runs it again and again; a failure is told, and a database that comes back needs no restart."""
    while True:
        try:
            await run()
        except Unavailable:
            _log.warning("work_waits_for_database", work=name)
        except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
            _log.exception("work_failed", work=name)
        await asyncio.sleep(pause)
