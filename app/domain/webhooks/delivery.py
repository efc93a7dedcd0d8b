"""One message for one endpoint: when it is tried, when again, and when given up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.shared.errors import AppError, Kind

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Waits between attempts: ten attempts in three days and a few hours."""

JITTER = 0.1
"""Each wait is up to this part shorter or longer, so that what failed together does not come back together."""

LONGEST_RETRY_AFTER = timedelta(hours=24)
GONE = 410
_MAY_ASK_TO_WAIT = (429, 503)
_SUCCESS = range(200, 300)


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryNotFound(AppError):
    """There is no such delivery of this webhook endpoint."""

    code = "webhook_delivery_not_found"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt: a status, or an error before there was one. `body` is the answer's beginning."""

    started_at: datetime
    duration_ms: int
    status_code: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        return self.status_code in _SUCCESS

    @property
    def gone(self) -> bool:
        return self.status_code == GONE


def wait_after(attempts: int, answer: Answer, jitter: float) -> timedelta | None:
    """How long to wait after that many attempts; None: no more. `jitter` is from -1 to 1.

    `Retry-After` (RFC 9110 section 10.2.3) of a 429 or 503 can only prolong it, up to a day.
    """
    if attempts > len(RETRY_AFTER) or answer.gone:
        return None
    wait = RETRY_AFTER[attempts - 1] * (1 + JITTER * jitter)
    if answer.retry_after is not None and answer.status_code in _MAY_ASK_TO_WAIT:
        wait = max(wait, min(answer.retry_after, LONGEST_RETRY_AFTER))
    return wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Its life has no events: there would be one for every event there is. `leased_until`: one is under way."""

    id: DeliveryId
    webhook_id: WebhookId
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime
    leased_until: datetime | None
    delivered_at: datetime | None = None

    def answered(self, answer: Answer, *, lease: datetime, now: datetime, jitter: float) -> Delivery:
        """A success counts whenever it comes. A failure under a lease that ran out, or was cancelled, counts no more:
        somebody else is at it, or nobody wants it."""
        if answer.succeeded:
            return replace(
                self,
                status=DeliveryStatus.DELIVERED,
                attempts=self.attempts + 1,
                leased_until=None,
                delivered_at=self.delivered_at or now,
            )
        if self.status is not DeliveryStatus.PENDING or self.leased_until != lease:
            return self
        attempts = self.attempts + 1
        wait = wait_after(attempts, answer, jitter)
        if wait is None:
            return replace(self, status=DeliveryStatus.FAILED, attempts=attempts, leased_until=None)
        return replace(self, attempts=attempts, leased_until=None, next_attempt_at=now + wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message as it is to be signed and sent. `message_id` stays the same for every attempt and replay."""

    message_id: UUID
    type: str
    stream_id: UUID
    sequence: int
    body: bytes
    request_id: str
