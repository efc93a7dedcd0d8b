"""Ended tokens: written with the deed, polled by every process, asked for in memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.application.identity.contracts import AccessClaims
from app.application.ports import Clock
from app.application.signals import Signals, Topic
from app.infrastructure.database.pool import Database
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, Writes
from app.infrastructure.identity.rows import TokenRevocationRow
from app.shared.errors import Unavailable
from app.shared.ids import NOBODY, SessionId, UserId

_INSERT = BulkInsert(TokenRevocationRow, "tenant_id", "id", "kind", "subject_id", "revoked_at")
_SINCE = "SELECT tenant_id, kind, subject_id, revoked_at FROM token_revocations WHERE revoked_at > $1"
OVERLAP = timedelta(seconds=30)
"""Commits become visible later than the instant they carry; each poll looks back this far."""
POLL_SECONDS = 0.5
PACE_SECONDS = 0.02
"""Between two polls, however many revocations are announced."""

_log = structlog.get_logger("hello_ticket")


class SqlRevocations:
    """Implements identity's `Revocations` in the transaction of the command that asks."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def revoke_session(self, session_id: SessionId, *, now: datetime) -> None:
        await self._revoke("session", session_id, now)

    async def revoke_member(self, user_id: UserId, *, now: datetime) -> None:
        await self._revoke("member", user_id, now)

    async def revoke_account(self, user_id: UserId, *, now: datetime) -> None:
        await self._revoke("account", user_id, now)

    async def _revoke(self, kind: str, subject: UUID, now: datetime) -> None:
        work = self._scope.work
        work.changes += 1

        async def write(writes: Writes) -> None:
            writes.add(_INSERT, [(work.tenant_id, work.ids.new(), kind, subject, now)])

        work.on_flush(write)
        work.announce(Topic.REVOCATIONS)


class PolledRevocations:
    """Implements `RevokedTokens`. What it forgets has outlived every token it could concern."""

    def __init__(self, database: Database, clock: Clock, *, token_lifetime: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._kept = token_lifetime + OVERLAP
        self._since: datetime | None = None
        self._ended: dict[tuple[str, UUID, UUID], float] = {}
        self._woken = asyncio.Event()

    def listen(self, signals: Signals) -> None:
        signals.listen(Topic.REVOCATIONS, self._woken.set)

    async def run(self, *, every: float = POLL_SECONDS) -> None:
        """Until cancelled: looks every `every` seconds, and at once when somebody announces a revocation."""
        while True:
            self._woken.clear()
            try:
                await self.refresh()
            except Unavailable:
                _log.warning("job_waits_for_database", job="revocations")
            except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
                _log.exception("job_failed", job="revocations")
            await asyncio.sleep(PACE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await self._woken.wait()

    def is_revoked(self, claims: AccessClaims) -> bool:
        if self._since is None:
            raise Unavailable("What was revoked is not known yet; try again shortly.", retry_after=1)
        if not self._ended:
            return False
        issued = _issued_ms(claims)
        subjects = (
            ("session", claims.tenant_id, claims.session_id),
            ("member", claims.tenant_id, claims.user_id),
            ("account", NOBODY, claims.user_id),
        )
        return any(issued <= self._ended.get(subject, -1.0) for subject in subjects)

    async def refresh(self) -> None:
        now = self._clock.now()
        since = self._since or now - self._kept
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            rows = await connection.fetch(_SINCE, since)
        for row in rows:
            scope = NOBODY if row["kind"] == "account" else row["tenant_id"]
            subject = row["kind"], scope, row["subject_id"]
            self._ended[subject] = max(self._ended.get(subject, 0.0), row["revoked_at"].timestamp() * 1000)
        self._since = now - OVERLAP
        horizon = (now - self._kept).timestamp() * 1000
        self._ended = {subject: at for subject, at in self._ended.items() if at > horizon}


def _issued_ms(claims: AccessClaims) -> int:
    """Token ids are UUIDv7, whose first 48 bits are Unix milliseconds; `iat` has seconds only (RFC 9562, RFC 7519)."""
    return claims.token_id.int >> 80
