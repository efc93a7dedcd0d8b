"""Runs queued commands: the command's own transaction remembers that it was done, so it is done once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

import orjson

from app.application.events import PublishedEvent
from app.application.jobs.ports import CommandCodec
from app.application.tenancy.contracts import PERMISSIONS, TenantDirectory
from app.infrastructure.database.connection import Record
from app.infrastructure.database.idempotency import IdempotencyInFlight
from app.infrastructure.database.pool import Database
from app.shared.errors import AppError, Forbidden, Kind, Unavailable
from app.shared.json_bytes import json_bytes
from app.shared.mediator import Answer, IdempotencyKey, Reply, Sender
from app.shared.tenant_context import RequestContext

BEGUN = "internal_error"
"""A defect: the job has failed, but may still be begun again, by a further try or from the dead letters."""

_START = """
    UPDATE jobs SET status = 'running', started_at = coalesce(started_at, now()), version = version + 1
    WHERE tenant_id = $1 AND id = $2
        AND (status IN ('queued', 'running') OR status = 'failed' AND failure ->> 'code' = $3)
    RETURNING id, command, arguments, permission, role, caller,
        finished_at IS NULL AND started_at < now() - interval '23 hours' AS forgotten
"""
"""`forgotten`: begun so long ago that its answer, which is kept for 24 hours, may be gone."""
_DONE = "SELECT true FROM idempotency_keys WHERE tenant_id = $1 AND principal_id = $2 AND key = $3"
_FINISH = """
    UPDATE jobs SET status = $3, result = $4, failure = $5, finished_at = now(), version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND (status = 'running' OR status = 'failed' AND $3 = 'succeeded')
"""
"""Of two that ran it at once, the one that knows the answer of a committed command is right."""
OWN_KEY = "\x1fjob:"
"""What its answer is found by. No client's key begins like this: theirs are printable."""


class JobRunner:
    """Reacts to `job.queued`. What it sends is keyed by the job, so a repeat finds the answer instead of doing it."""

    def __init__(self, sender: Sender, database: Database, codec: CommandCodec, tenants: TenantDirectory) -> None:
        self._sender = sender
        self._database = database
        self._codec = codec
        self._tenants = tenants

    async def react(self, event: PublishedEvent) -> None:
        """Raises Unavailable, and whatever a defect raises, after it was noted: both are tried again."""
        async with self._database.transaction(event.tenant_id) as connection:
            job = await connection.fetchrow(_START, event.tenant_id, event.stream_id, BEGUN)
        if job is None:
            return
        try:
            answer = await self._answered(job)
        except IdempotencyInFlight as error:
            raise Unavailable("The job is being run by another process.", retry_after=1) from error
        except Unavailable:
            raise
        except AppError as error:
            await self._finish(event, "failed", failure=_told(error))
        except Exception:
            await self._finish(event, "failed", failure={"code": BEGUN, "kind": "", "message": "", "errors": []})
            raise
        else:
            await self._finish(event, "succeeded", result=answer.body)

    async def _answered(self, job: Record) -> Answer:
        if job["forgotten"]:
            raise CommandLost(
                "It is not known whether this took effect before a long outage; look, then send it again."
            )
        context = self._codec.context_of(_members(job["caller"]))
        own_key = f"{OWN_KEY}{job['id']}"
        if not await self._is_done(context, own_key):  # what took effect is told, whatever was taken away since
            await self._require(context, job["permission"], job["role"])
        try:
            command = self._codec.decode(job["command"], job["arguments"])
        except ValueError as error:
            raise CommandLost(f"The command can't be run: {error}. Send it again.") from error
        key = IdempotencyKey(own_key, b"job", lambda _: True)
        return await self._sender.answer(command, Reply(_rendered, key), context)

    async def _is_done(self, context: RequestContext, own_key: str) -> bool:
        async with self._database.transaction(context.tenant_id, read_only=True) as connection:
            found = await connection.fetchval(_DONE, context.tenant_id, context.actor_id, own_key)
        return found is True

    async def _require(self, context: RequestContext, permission: str | None, then: str | None) -> None:
        """What was allowed when the command was taken may have been taken away since. Raises Forbidden.

        Some commands carry what follows from the caller's role, such as whose orders they may touch: with another role
        `then` they would have been other commands.
        """
        active, superuser = await self._account(context.actor_id)
        if not active:
            raise Forbidden("Your account has been closed since you sent this.")
        if permission is None or context.tenant_id is None:
            return
        role = await self._tenants.role_of(context.actor_id, context.tenant_id)
        if role is None and context.is_superuser and superuser:
            return
        if permission not in PERMISSIONS[role]:
            raise Forbidden("Your role does not allow this any more; ask an owner or admin of the tenant.")
        if role != then:
            raise Forbidden("Your role has changed since you sent this; send it again.")

    async def _account(self, user_id: UUID) -> tuple[bool, bool]:
        """Whether it is open, and a superuser's."""
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            found = await connection.fetchrow("SELECT is_active, is_superuser FROM users WHERE id = $1", user_id)
        return (found["is_active"], found["is_superuser"]) if found else (False, False)

    async def _finish(
        self,
        event: PublishedEvent,
        status: str,
        *,
        result: bytes | None = None,
        failure: Mapping[str, object] | None = None,
    ) -> None:
        told = [result.decode() if result else None, json_bytes(failure).decode() if failure else None]
        async with self._database.transaction(event.tenant_id) as connection:
            await connection.execute(_FINISH, event.tenant_id, event.stream_id, status, *told)


class CommandLost(AppError):
    """A queued command can no longer be read: the release or the key that wrote it is gone."""

    code = "command_lost"
    kind = Kind.INVALID


def _rendered(result: object) -> Answer:
    return Answer(200, b"" if result is None else json_bytes(result))


def _told(error: AppError) -> dict[str, object]:
    """What presentation makes a problem document of."""
    return {
        "code": error.code,
        "kind": error.kind,
        "message": error.message,
        "errors": [asdict(fault) for fault in error.errors],
        "extra": error.extra,
    }


def _members(text: str) -> Mapping[str, object]:
    members: dict[str, object] = orjson.loads(text)
    return members
