"""What the verbs of `tools/worker.py` do and print. Failures are AppErrors, told by `worker_verbs`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import orjson
from rich.console import Console

from app.application.messaging.commands.discard_dead_letter import DiscardDeadLetter
from app.application.messaging.commands.replay_dead_letter import ReplayDeadLetter
from app.application.messaging.queries.get_dead_letter import GetDeadLetter
from app.application.tenancy.contracts import TenantDirectory, TenantNotFound
from app.container import Application
from app.infrastructure.database.addresses import configured_addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.database.verdict import database_faults, migration_faults
from app.infrastructure.messaging.schedules import list_schedules, start_now
from app.infrastructure.observability.logs import configure_logs
from app.shared.errors import Unavailable
from app.shared.ids import DeadLetterId
from app.shared.settings import SettingsFault, load_settings
from app.shared.tenant_context import RequestContext, system_context
from app.startup import judge, opened
from app.workers import linked, working

SHOWN = 100
_LETTERS = """
    SELECT d.tenant_id, t.slug, d.id, d.subscriber, d.type, d.reason, d.tries, d.died_at, d.replayed_at
    FROM dead_letters d JOIN tenants t ON t.id = d.tenant_id
    WHERE $1::uuid IS NULL OR d.tenant_id = $1 ORDER BY d.died_at DESC LIMIT $2
"""

out = Console(soft_wrap=True, highlight=False, markup=False)


@asynccontextmanager
async def _application(*, patient: bool = False) -> AsyncGenerator[Application]:
    """Raises AppError and SettingsFault. The embedded server is joined, and started when nobody else did.

    With `patient`, a database that is away is no reason to end: all background work waits for it.
    """
    settings = load_settings()
    configure_logs(settings)
    if settings.production:
        judge(settings)
    async with AsyncExitStack() as stack:
        addresses = configured_addresses(settings)
        if addresses is None:
            server = EmbeddedServer(settings.data_dir, max_connections=connections_for(settings))
            addresses = await stack.enter_async_context(server.joined())
        application = await stack.enter_async_context(opened(settings, addresses, kind="worker"))
        try:
            faults = await (database_faults if settings.production else migration_faults)(application.database)
        except Unavailable:
            if not patient:
                raise
            faults = ()
            out.print("The database does not answer; waiting for it.")
        if faults:
            raise SettingsFault(" ".join(faults))
        yield application


async def run_workers() -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with _application(patient=True) as application, linked(application), working(application):
        out.print("Working. Ctrl-C or SIGTERM ends it; what is in hand is then taken up by others.")
        await told.wait()
    out.print("Stopped.")


async def show_schedules() -> None:
    async with _application() as application:
        rows = await list_schedules(application.database)
    if not rows:
        out.print("No worker has run yet, so there are no schedules.")
    for row in rows:
        state = "running" if row["running"] else f"next {row['next_run_at']:%Y-%m-%d %H:%M:%S}Z"
        last = f"last {row['last_finished_at']:%Y-%m-%d %H:%M:%S}Z" if row["last_finished_at"] else "never ended yet"
        told = f"failed: {row['last_error']}" if row["last_error"] else f"result: {row['last_result']}"
        every = f"every {row['every_seconds']:g} s"
        out.print(f"{row['name']:<12} {every:<14} {state:<28} {last}, runs: {row['runs']}, {told}")


async def start_schedule(name: str) -> None:
    async with _application() as application:
        started = await start_now(application.database, name)
    out.print(f"{name} is due now." if started else f"{name} is due or running already.")


async def list_letters(tenant: str | None) -> None:
    async with _application() as application:
        tenant_id = (await _context(application, tenant)).tenant_id if tenant else None
        async with application.database.transaction(None, role="worker", read_only=True) as connection:
            rows = await connection.fetch(_LETTERS, tenant_id, SHOWN)
    if not rows:
        out.print("There are none.")
    for row in rows:
        replayed = "  replayed" if row["replayed_at"] else ""
        out.print(
            f"{row['died_at']:%Y-%m-%d %H:%M:%S}Z  {row['slug']}  {row['id']}  {row['subscriber']}  {row['type']}  "
            f"tries: {row['tries']}  {row['reason']}{replayed}"
        )


async def show_letter(tenant: str, letter: UUID) -> None:
    async with _application() as application:
        context = await _context(application, tenant)
        found = await application.mediator.send(GetDeadLetter(letter_id=DeadLetterId(letter)), context)
    out.print(orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str).decode())


async def replay_letter(tenant: str, letter: UUID) -> None:
    async with _application() as application:
        context = await _context(application, tenant)
        found = await application.mediator.send(ReplayDeadLetter(letter_id=DeadLetterId(letter)), context)
    out.print(f"{found.subscriber} gets {found.type} again as soon as a worker runs.")


async def discard_letter(tenant: str, letter: UUID) -> None:
    async with _application() as application:
        context = await _context(application, tenant)
        await application.mediator.send(DiscardDeadLetter(letter_id=DeadLetterId(letter)), context)
    out.print("Discarded.")


async def _context(application: Application, tenant: str) -> RequestContext:
    """Raises TenantNotFound."""
    directory: TenantDirectory = application.container.resolve(TenantDirectory)
    found = await directory.find(tenant)
    if found is None:
        raise TenantNotFound("There is no such tenant; give its slug or its id.")
    return system_context(found.id, "worker.py")
