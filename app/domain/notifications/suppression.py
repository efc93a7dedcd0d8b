"""Suppression: an address that refused mail for good; nothing more is sent there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, NewType
from uuid import UUID

from app.domain.kernel import AggregateRoot, DomainEvent
from app.domain.notifications.message import Channel, Recipient
from app.shared.errors import AppError, Kind

SuppressionId = NewType("SuppressionId", UUID)


class SuppressionNotFound(AppError):
    """There is no such suppression in the tenant."""

    code = "suppression_not_found"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSuppressed(DomainEvent):
    type: ClassVar[str] = "address.suppressed"
    suppression_id: SuppressionId
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressReleased(DomainEvent):
    type: ClassVar[str] = "address.released"
    suppression_id: SuppressionId
    channel: Channel


@dataclass(slots=True, eq=False, kw_only=True)
class Suppression(AggregateRoot):
    """`reason` is what the server said."""

    id: SuppressionId
    recipient: Recipient
    reason: str
    created_at: datetime
    released: bool = field(default=False)

    @classmethod
    def of(cls, *, id: SuppressionId, recipient: Recipient, reason: str, now: datetime) -> Suppression:
        suppression = cls(id=id, recipient=recipient, reason=reason, created_at=now)
        suppression._record(AddressSuppressed(suppression_id=id, channel=recipient.channel, occurred_at=now))
        return suppression

    def release(self, *, now: datetime) -> None:
        """The address may be written to again."""
        self.released = True
        self._record(AddressReleased(suppression_id=self.id, channel=self.recipient.channel, occurred_at=now))
