"""Work that is due again and again, done once however many workers there are, and again when its worker died."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.shared.errors import AppError, Kind, Unavailable

LEASE = 10.0
RENEW = 2.0
EVERY = 0.5
"""Seconds. A run whose worker died is begun again, for the same tick, when its lease has ended."""
LONGEST_NOTE = 1_000

_KNOW = """
    INSERT INTO schedules (name, every_seconds, next_run_at, runs) VALUES ($1, $2, now(), 0)
    ON CONFLICT (name) DO UPDATE SET every_seconds = excluded.every_seconds
"""
_CLAIM = """
    UPDATE schedules SET holder = $1, leased_until = now() + make_interval(secs => $2), last_started_at = now()
    WHERE name = (
        SELECT name FROM schedules
        WHERE name = ANY($3) AND next_run_at <= now() AND (leased_until IS NULL OR leased_until < now())
        ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING name, next_run_at
"""
_RENEW = """
    UPDATE schedules SET leased_until = now() + make_interval(secs => $3)
    WHERE name = $1 AND holder = $2 AND next_run_at = $4 RETURNING name
"""
_FINISH = """
    UPDATE schedules SET leased_until = NULL, holder = NULL, last_finished_at = now(), runs = runs + 1,
        last_result = $4, last_error = $5,
        next_run_at = greatest(next_run_at + make_interval(secs => every_seconds), now())
    WHERE name = $1 AND holder = $2 AND next_run_at = $3 RETURNING name
"""
"""A tick is ended by whoever holds it, and once: a second one that thinks so too finds no row."""
_LET_GO = """
    UPDATE schedules SET leased_until = NULL, holder = NULL WHERE name = $1 AND holder = $2 AND next_run_at = $3
"""
_START = "UPDATE schedules SET next_run_at = now() WHERE name = $1 AND next_run_at > now() RETURNING name"
_LIST = "SELECT *, leased_until > now() AS running FROM schedules ORDER BY name"

_log = structlog.get_logger("hello_ticket.schedules")


class UnknownSchedule(AppError):
    """There is no schedule of this name."""

    code = "unknown_schedule"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`run` gets the tick it is for, the same when it is begun again: what it does must bear that."""

    name: str
    every: float
    run: Callable[[datetime], Awaitable[object]]


class Scheduler:
    def __init__(self, database: Database, holder: UUID, schedules: Sequence[Schedule]) -> None:
        self._database = database
        self._holder = holder
        self._schedules = {schedule.name: schedule for schedule in schedules}
        self._known = False

    async def run(self) -> None:
        """Until cancelled; a run that is cancelled with it is let go, and begun again elsewhere."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    claimed = await self.claim()
                except Unavailable:
                    _log.warning("schedules_wait_for_database")
                    claimed = None
                except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
                    _log.exception("schedules_failed")
                    claimed = None
                if claimed is None:
                    await asyncio.sleep(EVERY)
                    continue
                task = asyncio.create_task(self.perform(claimed))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def claim(self) -> Record | None:
        """Something that is due, ours from now on. Raises Unavailable."""
        await self._introduce()
        async with self._database.transaction(None, role="worker") as connection:
            return await connection.fetchrow(_CLAIM, self._holder, LEASE, list(self._schedules))

    async def perform(self, claimed: Record) -> None:
        """Runs it and says what came of it; a failure is noted, and the next tick comes when it is due."""
        name, tick = claimed["name"], claimed["next_run_at"]
        renewal = asyncio.create_task(self._renewed(name, tick))
        result, error = None, None
        try:
            result = str(await self._schedules[name].run(tick))
        except asyncio.CancelledError:
            await asyncio.shield(self._let_go(name, tick))
            raise
        except Unavailable:
            _log.warning("schedule_waits_for_database", schedule=name)
            return  # its lease ends; whoever finds the database back begins this tick again
        except Exception as fault:  # noqa: BLE001 — logged with its traceback, noted where operators look
            _log.exception("schedule_failed", schedule=name)
            error = f"{fault.code}: {fault.message}" if isinstance(fault, AppError) else type(fault).__name__
        finally:
            renewal.cancel()
        await self._finish(name, tick, result, error)

    async def _let_go(self, name: str, tick: datetime) -> None:
        """This process ends: the next one need not wait for the lease to."""
        try:
            async with self._database.transaction(None, role="worker") as connection:
                await connection.execute(_LET_GO, name, self._holder, tick)
        except Unavailable:
            _log.warning("schedule_waits_for_database", schedule=name)

    async def _finish(self, name: str, tick: datetime, result: str | None, error: str | None) -> None:
        noted = [text[:LONGEST_NOTE] if text else None for text in (result, error)]
        try:
            async with self._database.transaction(None, role="worker") as connection:
                await connection.execute(_FINISH, name, self._holder, tick, *noted)
        except Unavailable:
            _log.warning("schedule_waits_for_database", schedule=name)

    async def _renewed(self, name: str, tick: datetime) -> None:
        while True:
            await asyncio.sleep(RENEW)
            try:
                async with self._database.transaction(None, role="worker") as connection:
                    await connection.execute(_RENEW, name, self._holder, LEASE, tick)
            except Unavailable:
                _log.warning("schedule_waits_for_database", schedule=name)

    async def _introduce(self) -> None:
        if self._known:
            return
        async with self._database.transaction(None, role="worker") as connection:
            for schedule in sorted(self._schedules.values(), key=lambda one: one.name):
                await connection.execute(_KNOW, schedule.name, schedule.every)
        self._known = True


async def start_now(database: Database, name: str) -> bool:
    """Makes it due; False when it is due or running already. Raises UnknownSchedule."""
    async with database.transaction(None, role="worker") as connection:
        if await connection.fetchval("SELECT true FROM schedules WHERE name = $1", name) is None:
            raise UnknownSchedule("There is no schedule of this name; list them to see which there are.")
        return await connection.fetchval(_START, name) is not None


async def list_schedules(database: Database) -> list[Record]:
    async with database.transaction(None, role="worker", read_only=True) as connection:
        return await connection.fetch(_LIST)
