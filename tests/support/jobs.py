"""Queueing over HTTP, and running what is queued, whole or one step at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from app.application.events import PublishedEvent
from app.application.sealing import Sealer
from app.application.tenancy.contracts import TenantDirectory
from app.container import TimeOrderedIds, bind_all
from app.infrastructure.jobs.codec import JsonCommandCodec
from app.infrastructure.jobs.runner import JobRunner
from app.shared.mediator import Sender
from app.shared.tenant_context import system_context
from app.workers import working
from tests.support.peers import an_event, until
from tests.support.system import Person, System, order_body

ASYNC = {"Prefer": "respond-async"}
ENDED = ("succeeded", "failed")


async def queued(system: System, person: Person, method: str, path: str, body: Any = None, **headers: str) -> str:
    """The job's address."""
    response = await system.client.request(method, path, json=body, headers=person.headers | ASYNC | headers)
    assert response.status_code == 202, response.text
    return response.headers["location"]


async def queued_order(system: System, person: Person, product_id: UUID, quantity: int = 1, **headers: str) -> str:
    return await queued(system, person, "POST", "/api/v1/orders", order_body(product_id, quantity), **headers)


async def job_of(system: System, person: Person) -> UUID:
    """One that waits for ever, unless somebody runs it."""
    return job_id(await queued_order(system, person, uuid4()))


async def job(system: System, person: Person, location: str) -> dict[str, Any]:
    response = await system.client.get(location, headers=person.headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def ended(system: System, person: Person, location: str) -> dict[str, Any]:
    """The job once workers are through with it."""

    async def over() -> bool:
        return (await job(system, person, location))["status"] in ENDED

    await until(over, "the job's end")
    return await job(system, person, location)


@asynccontextmanager
async def worked_off(system: System) -> AsyncGenerator[None]:
    async with working(system.application):
        yield


def job_id(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


def event_of(person: Person, location: str) -> PublishedEvent:
    """What tells the runner that the job waits."""
    return an_event(
        person.tenant_id, type="job.queued", stream="job", stream_id=job_id(location), id=TimeOrderedIds().new()
    )


def job_runner(
    system: System, *, sealer: Sealer | None = None, lacking: Callable[[type], bool] | None = None
) -> JobRunner:
    """What one process runs jobs with; `lacking` leaves commands out, as another release might."""
    container = system.application.container
    codec = JsonCommandCodec(
        sealer or container.resolve(Sealer),
        [command for command in bind_all(container).commands if not (lacking and lacking(command))],
    )
    sender = Sender(system.application.mediator, system_context(None, "jobs"))
    return JobRunner(sender, system.application.database, codec, container.resolve(TenantDirectory))


async def run_now(system: System, person: Person, location: str) -> None:
    await job_runner(system).react(event_of(person, location))


async def orders(system: System, person: Person) -> list[dict[str, Any]]:
    response = await system.client.get("/api/v1/orders", headers=person.headers)
    found: list[dict[str, Any]] = response.json()["items"]
    return found
