"""Sends what is due: claimed across tenants, read and recorded in its own."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.application.ports import Clock
from app.application.sealing import SealBroken, Sealer
from app.application.webhooks.commands.record_attempt import RecordAttempt
from app.application.webhooks.signing import opened_for
from app.domain.webhooks.delivery import Answer
from app.domain.webhooks.endpoint import WebhookNotFound
from app.domain.webhooks.ids import WebhookId
from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.infrastructure.observability.traces import continued, current_traceparent
from app.infrastructure.webhooks.claims import Claim, Claims
from app.infrastructure.webhooks.poster import Poster
from app.infrastructure.webhooks.signing import signed_headers
from app.shared.mediator import Mediator
from app.shared.tenant_context import system_context

USER_AGENT = "HelloTicket-Webhooks/1"

_POST = """
    SELECT d.message_id, d.body, d.request_id, d.traceparent, e.url, e.secret, e.previous_secret, e.previous_until
    FROM webhook_deliveries d JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
    WHERE d.tenant_id = $1 AND d.id = $2 AND d.status = 'pending' AND e.status = 'active'
"""

_log = structlog.get_logger("hello_ticket.webhooks")


@dataclass(slots=True)
class WebhookSender:
    """What a LaneRunner runs; a lane is an endpoint."""

    database: Database
    claims: Claims
    poster: Poster
    sealer: Sealer
    mediator: Mediator
    clock: Clock
    name: str = "webhooks"

    async def claim(self, most: int, full: Collection[Hashable]) -> Sequence[Claim]:
        return await self.claims.take(most, full, self.clock.now())

    def lane(self, claim: Claim) -> WebhookId:
        return claim.webhook_id

    async def send(self, claim: Claim) -> None:
        async with self.database.transaction(claim.tenant_id, read_only=True) as connection:
            post = await connection.fetchrow(_POST, claim.tenant_id, claim.id)
        if post is None:  # paused, cancelled or deleted since it was claimed: the lease runs out
            return
        with continued("deliver webhook", post["traceparent"]):
            answer = await self._posted(claim, post)
        record = RecordAttempt(webhook_id=claim.webhook_id, delivery_id=claim.id, lease=claim.lease, answer=answer)
        try:
            await self.mediator.send(record, system_context(claim.tenant_id, post["request_id"]))
        except WebhookNotFound:
            _log.info("webhook_deleted_meanwhile", webhook=str(claim.webhook_id))
        _log.info(
            "webhook_attempted",
            tenant=str(claim.tenant_id),
            webhook=str(claim.webhook_id),
            message_id=str(post["message_id"]),
            request_id=post["request_id"],
            status=answer.status_code,
            error=answer.error,
            duration_ms=answer.duration_ms,
        )

    async def close(self) -> None:
        await self.poster.close()

    async def _posted(self, claim: Claim, post: Record) -> Answer:
        try:
            headers = self._headers(claim.webhook_id, post)
        except SealBroken:
            return Answer(started_at=self.clock.now(), duration_ms=0, error="secret_unreadable")
        return await self.poster.post(post["url"], headers, post["body"])

    def _headers(self, webhook_id: WebhookId, post: Record) -> Mapping[str, str]:
        now = self.clock.now()
        sealed = [post["secret"]]
        if post["previous_secret"] is not None and post["previous_until"] > now:
            sealed.append(post["previous_secret"])
        opened = [opened_for(self.sealer, webhook_id, secret) for secret in sealed]
        signed = signed_headers(post["message_id"], post["body"], opened, now)
        trace = current_traceparent() or post["traceparent"]
        traced = {"traceparent": trace} if trace else {}
        return {**signed, **traced, "x-request-id": post["request_id"], "user-agent": USER_AGENT}
