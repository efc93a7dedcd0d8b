"""From settings to a serving process: verdict, database, first accounts, background work, and the way back."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import FrameType

import structlog
from fastapi import FastAPI

from app.application.cache import ManagedCache
from app.application.identity.ports import PasswordHasher
from app.container import Application, assemble
from app.first_data import Demo, first_data
from app.infrastructure.cache.hot import HotReads
from app.infrastructure.database.addresses import Addresses, configured_addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.database.migrations import upgrade_to_head
from app.infrastructure.database.verdict import database_faults
from app.infrastructure.mail.build import build_mail
from app.infrastructure.security.passwords import BcryptSha256Hasher
from app.infrastructure.security.verdict import settings_faults
from app.infrastructure.sms.build import build_sms
from app.infrastructure.supervision import SUPERVISED, database_prepared, watch_parent
from app.shared.errors import Unavailable
from app.shared.settings import Settings, SettingsFault
from app.workers import kept_up, linked, working

_FIRST_DATA_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('hello-ticket.first-data', 0))"

_log = structlog.get_logger("hello_ticket")


def judge(settings: Settings) -> None:
    """Raises SettingsFault in production, warns in development; names every fault and prints no secret.

    A gateway that was chosen and lacks a setting is refused anywhere.
    """
    build_mail(settings)
    build_sms(settings)
    faults = settings_faults(settings)
    if faults and settings.production:
        raise SettingsFault("These settings must not serve the public:\n  " + "\n  ".join(faults))
    for line in faults:
        setting, _, advice = line.partition(" ")
        _log.warning("insecure_setting", setting=setting.rstrip(":"), advice=advice)


async def prepare(settings: Settings, addresses: Addresses) -> Demo | None:
    """The default tenant, the first superuser and, in development, the demo tenant. Repeating it changes nothing."""
    async with opened(settings, addresses) as application:
        return await _prepared(settings, application)


async def _prepared(settings: Settings, application: Application) -> Demo | None:
    """One process at a time: workers that start together would make the same tenant twice."""
    async with application.database.transaction(None, role="worker", read_only=True) as connection:
        await connection.execute(_FIRST_DATA_TURN)
        return await first_data(settings, application)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One worker's life. Under the supervisor the database is ready; started by hand, this process sees to it."""
    settings: Settings = app.state.settings
    watch_parent()
    await database_prepared()
    async with AsyncExitStack() as stack:
        addresses = await _addresses(settings, stack)
        by_hand = SUPERVISED not in os.environ
        if by_hand and not settings.production and addresses.owner_dsn is not None:
            await asyncio.to_thread(upgrade_to_head, addresses.owner)
        application = await stack.enter_async_context(opened(settings, addresses))
        try:
            if settings.production:
                await _judge_database(application)
            if by_hand:
                await _prepared(settings, application)
        except Unavailable:  # no reason to stay away: readiness tells, and a later start does what is left
            _log.warning("database_away", detail="The database does not answer; readiness stays false until it does.")
        app.state.parts = application.parts
        stack.enter_context(_draining(app, settings.drain_seconds))
        await _know_revocations(application)
        await stack.enter_async_context(_background(application))
        yield


async def _addresses(settings: Settings, stack: AsyncExitStack) -> Addresses:
    configured = configured_addresses(settings)
    if configured is not None:
        return configured
    server = EmbeddedServer(settings.data_dir, max_connections=connections_for(settings))
    return await stack.enter_async_context(server.joined())


async def _judge_database(application: Application) -> None:
    faults = await database_faults(application.database)
    if faults:
        raise SettingsFault("The database must not serve the public like this:\n  " + "\n  ".join(faults))


async def _know_revocations(application: Application) -> None:
    """Before the first request, so that a restart forgives nothing. A database that is away serves nothing either."""
    try:
        await application.revocations.refresh()
    except Unavailable:
        _log.warning("job_waits_for_database", job="revocations")


@asynccontextmanager
async def opened(settings: Settings, addresses: Addresses, *, kind: str = "api") -> AsyncGenerator[Application]:
    application = assemble(settings, addresses, kind=kind)
    container = application.container
    await application.database.open()
    try:
        yield application
    finally:
        pages: HotReads = container.resolve(HotReads)
        cache: ManagedCache = container.resolve(ManagedCache)
        hasher = container.resolve(PasswordHasher)
        await application.messaging.transport.close()
        await pages.close()
        await cache.close()
        if isinstance(hasher, BcryptSha256Hasher):
            hasher.close()
        await application.database.close()


@asynccontextmanager
async def _background(application: Application) -> AsyncGenerator[None]:
    """What every process does for itself, and, unless RUN_WORKERS says otherwise, everybody's work."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(linked(application))
        polling = asyncio.create_task(kept_up("revocations", application.revocations.run), name="revocations")
        stack.callback(polling.cancel)
        if application.settings.run_workers:
            await stack.enter_async_context(working(application))
        yield


@contextmanager
def _draining(app: FastAPI, seconds: int) -> Generator[None]:
    """At SIGTERM readiness fails first, for `seconds`, so that a balancer sends no more; then uvicorn stops."""
    loop = asyncio.get_running_loop()
    uvicorns = signal.getsignal(signal.SIGTERM)
    app.state.draining = False

    def drain(number: int, frame: FrameType | None) -> None:
        app.state.draining = True
        if callable(uvicorns):
            loop.call_soon_threadsafe(loop.call_later, seconds, uvicorns, number, frame)

    if callable(uvicorns) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        if callable(uvicorns) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, uvicorns)
