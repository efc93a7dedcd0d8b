"""WebhookEndpoint: where a tenant wants to be told what happened, of what, and signed with which secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.domain.webhooks.ids import WebhookId
from app.shared.errors import AppError, Kind

MOST_ENDPOINTS = 50
"""Per tenant. Each event is copied for each endpoint that wants it."""


class EndpointStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisabledReason(StrEnum):
    """Why the sender gave up: it was told 410 Gone, or nothing succeeded for days."""

    GONE_410 = "gone_410"
    FAILING_FOR_DAYS = "failing_for_days"


class WebhookNotFound(AppError):
    """There is no such webhook endpoint in the tenant."""

    code = "webhook_not_found"
    kind = Kind.NOT_FOUND


class WebhookState(RuleBroken):
    """The webhook endpoint is not in a state in which this can be done."""

    code = "webhook_state"


class WebhookLimit(RuleBroken):
    """The tenant has as many webhook endpoints as it may have."""

    code = "webhook_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointCreated(DomainEvent):
    """Without the URL: people put credentials into URLs, and events are kept."""

    type: ClassVar[str] = "webhook_endpoint.created"
    webhook_id: WebhookId
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointChanged(DomainEvent):
    """`changed` names the fields that have another value than before."""

    type: ClassVar[str] = "webhook_endpoint.changed"
    webhook_id: WebhookId
    changed: tuple[str, ...]
    events: tuple[str, ...]
    status: EndpointStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointRotated(DomainEvent):
    """A new secret signs; the one before signs as well until `previous_until`."""

    type: ClassVar[str] = "webhook_endpoint.rotated"
    webhook_id: WebhookId
    previous_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDisabled(DomainEvent):
    """The sender gave up; what was waiting is cancelled and can be replayed."""

    type: ClassVar[str] = "webhook_endpoint.disabled"
    webhook_id: WebhookId
    reason: DisabledReason


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointEnabled(DomainEvent):
    """Somebody switched it on again."""

    type: ClassVar[str] = "webhook_endpoint.enabled"
    webhook_id: WebhookId


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDeleted(DomainEvent):
    """Nothing is sent there any more; its secrets are gone."""

    type: ClassVar[str] = "webhook_endpoint.deleted"
    webhook_id: WebhookId


@dataclass(slots=True, eq=False, kw_only=True)
class WebhookEndpoint(AggregateRoot):
    """`secret` and `previous_secret` are sealed; both sign while the previous one is not over."""

    id: WebhookId
    url: str
    events: tuple[str, ...]
    description: str
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    secret: bytes = field(repr=False)
    previous_secret: bytes | None = field(repr=False)
    previous_until: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def create(
        cls, *, id: WebhookId, url: str, events: tuple[str, ...], description: str, secret: bytes, now: datetime
    ) -> WebhookEndpoint:
        endpoint = cls(
            id=id,
            url=url,
            events=events,
            description=description,
            status=EndpointStatus.ACTIVE,
            disabled_reason=None,
            secret=secret,
            previous_secret=None,
            previous_until=None,
            created_at=now,
            updated_at=now,
        )
        endpoint._record(WebhookEndpointCreated(webhook_id=id, events=events, occurred_at=now))
        return endpoint

    def change(
        self,
        *,
        now: datetime,
        url: str | None = None,
        events: tuple[str, ...] | None = None,
        description: str | None = None,
        status: EndpointStatus | None = None,
    ) -> None:
        """None keeps what is there; nothing different records nothing. A disabled one is enabled, not changed to it."""
        if status is not None and self.status is EndpointStatus.DISABLED:
            raise WebhookState("The endpoint is disabled; use its enable operation.", webhook_status=self.status)
        wanted = {"url": url, "events": events, "description": description, "status": status}
        changes = {name: value for name, value in wanted.items() if value not in (None, getattr(self, name))}
        if not changes:
            return
        for name, value in changes.items():
            setattr(self, name, value)
        self.updated_at = now
        self._record(
            WebhookEndpointChanged(
                webhook_id=self.id,
                changed=tuple(changes),
                events=self.events,
                status=self.status,
                occurred_at=now,
            )
        )

    def rotate(self, *, secret: bytes, previous_until: datetime, now: datetime) -> None:
        """The current secret becomes the previous one, and one that was previous until now is gone."""
        self.previous_secret, self.previous_until = self.secret, previous_until
        self.secret, self.updated_at = secret, now
        self._record(WebhookEndpointRotated(webhook_id=self.id, previous_until=previous_until, occurred_at=now))

    def enable(self, *, now: datetime) -> None:
        """From paused or disabled. Raises WebhookState when it is active."""
        if self.status is EndpointStatus.ACTIVE:
            raise WebhookState("The endpoint is active already.", webhook_status=self.status)
        self.status, self.disabled_reason, self.updated_at = EndpointStatus.ACTIVE, None, now
        self._record(WebhookEndpointEnabled(webhook_id=self.id, occurred_at=now))

    def disable(self, *, reason: DisabledReason, now: datetime) -> None:
        """Disabling what is disabled or deleted changes nothing: several answers may say the same at once."""
        if self.status not in (EndpointStatus.DISABLED, EndpointStatus.DELETED):
            self.status, self.disabled_reason, self.updated_at = EndpointStatus.DISABLED, reason, now
            self._record(WebhookEndpointDisabled(webhook_id=self.id, reason=reason, occurred_at=now))

    def delete(self, *, now: datetime) -> None:
        """The row stays as long as its deliveries do, without secrets."""
        self.status, self.updated_at = EndpointStatus.DELETED, now
        self.secret, self.previous_secret, self.previous_until = b"", None, None
        self._record(WebhookEndpointDeleted(webhook_id=self.id, occurred_at=now))

    def require_active(self) -> None:
        """Raises WebhookState: what is asked for would wait in vain."""
        if self.status is not EndpointStatus.ACTIVE:
            raise WebhookState(f"The endpoint is {self.status}; enable it first.", webhook_status=self.status)
