"""A worker, as `tools/worker.py run` is, with one subscriber more, which writes down what it gets.

RECORDING=unguarded takes the inbox's guard away from every subscriber of this process: the twin that must be caught.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

import punq

from app import container
from app.application.events import PublishedEvent
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope
from app.infrastructure.messaging import runner
from app.infrastructure.supervision import watch_parent
from tools.worker_work import run_workers

MODE = "RECORDING"
UNGUARDED = "unguarded"

TABLE = """
    CREATE TABLE recorded (
        tenant_id uuid NOT NULL, position bigint GENERATED ALWAYS AS IDENTITY, message_id uuid NOT NULL,
        stream_id uuid NOT NULL, version integer NOT NULL, type text NOT NULL
    );
    GRANT INSERT ON recorded TO hello_app
"""
"""For the owner of a database that nobody else needs."""
_RECORD = "INSERT INTO recorded (tenant_id, message_id, stream_id, version, type) VALUES ($1, $2, $3, $4, $5)"
_ALWAYS_FRESH = """
    SELECT v AS message_id FROM unnest($3::uuid[]) AS v WHERE $1::uuid IS NOT NULL AND $2::text IS NOT NULL
"""


@dataclass(slots=True)
class Recorder:
    """A policy: its rows commit together with the inbox's."""

    scope: Scope

    async def react(self, event: PublishedEvent) -> None:
        row = event.tenant_id, event.id, event.stream_id, event.version, event.type
        await self.scope.connection.execute(_RECORD, *row)


def with_recorder(bind: Callable[[punq.Container], Routes]) -> Callable[[punq.Container], Routes]:
    def bound(parts: punq.Container) -> Routes:
        routes = bind(parts)
        routes.policy("recorder", {"*"}, Recorder)
        return routes

    return bound


def main() -> None:
    container.bind_all = with_recorder(container.bind_all)  # type: ignore[assignment]
    if os.environ.get(MODE) == UNGUARDED:
        runner._FRESH = _ALWAYS_FRESH  # noqa: SLF001 — what the guard is worth shows when it is gone
    watch_parent()
    asyncio.run(run_workers())


if __name__ == "__main__":
    main()
