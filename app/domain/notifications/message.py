"""OutgoingMessage: a mail or text that somebody is to get, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType
from uuid import UUID

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.shared.errors import AppError, Kind

MessageId = NewType("MessageId", UUID)


class Channel(StrEnum):
    MAIL = "mail"
    SMS = "sms"


class MessageStatus(StrEnum):
    """`failed`: tried for three days. `bounced`: refused for good. `suppressed`: never tried, the address is bad."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"


class MessageNotFound(AppError):
    """There is no such message in the tenant."""

    code = "message_not_found"
    kind = Kind.NOT_FOUND


class MessageState(RuleBroken):
    """The message is not in a state in which this can be done."""

    code = "message_state"


class AddressIsSuppressed(RuleBroken):
    """The address refused mail for good; nothing is sent there until its suppression is removed."""

    code = "address_suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """`key` is what addresses are compared by: two spellings of one mailbox have the same."""

    channel: Channel
    address: str

    @property
    def key(self) -> str:
        return self.address.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A message as its reader sees it. Texts have neither subject nor HTML; `context` is what it was made from."""

    template: str
    locale: str
    context: Mapping[str, object]
    subject: str
    text: str
    html: str | None
    sender_name: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of sending. `bad_address`: nothing will ever reach it. `error` is the server's word."""

    status: MessageStatus
    provider_id: str | None = None
    error: str | None = None
    bad_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQueued(DomainEvent):
    """Events of messages name no address: who got what stands in the message, which is erased in time."""

    type: ClassVar[str] = "message.queued"
    message_id: MessageId
    channel: Channel
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequeued(DomainEvent):
    type: ClassVar[str] = "message.requeued"
    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(DomainEvent):
    type: ClassVar[str] = "message.sent"
    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailed(DomainEvent):
    type: ClassVar[str] = "message.failed"
    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBounced(DomainEvent):
    """`bad_address`: the address is suppressed from now on."""

    type: ClassVar[str] = "message.bounced"
    message_id: MessageId
    bad_address: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSuppressed(DomainEvent):
    type: ClassVar[str] = "message.suppressed"
    message_id: MessageId


@dataclass(slots=True, eq=False, kw_only=True)
class OutgoingMessage(AggregateRoot):
    """`event_id` is what it tells of; `copy` counts the times somebody asked for it again, each a mail of its own."""

    id: MessageId
    recipient: Recipient
    content: Content
    event_id: UUID
    request_id: str
    status: MessageStatus
    created_at: datetime
    next_attempt_at: datetime
    attempts: int = 0
    copy: int = 0
    sent_at: datetime | None = None
    provider_id: str | None = None
    last_error: str | None = None

    @classmethod
    def queue(
        cls,
        *,
        id: MessageId,
        recipient: Recipient,
        content: Content,
        event_id: UUID,
        request_id: str,
        suppressed: bool,
        now: datetime,
    ) -> OutgoingMessage:
        """A message for an address that is suppressed is kept, so that staff see what was not sent."""
        message = cls(
            id=id,
            recipient=recipient,
            content=content,
            event_id=event_id,
            request_id=request_id,
            status=MessageStatus.QUEUED,
            created_at=now,
            next_attempt_at=now,
        )
        message._record(
            MessageQueued(message_id=id, channel=recipient.channel, template=content.template, occurred_at=now)
        )
        if suppressed:
            message.settle(Outcome(status=MessageStatus.SUPPRESSED), now=now)
        return message

    def settle(self, outcome: Outcome, *, now: datetime) -> None:
        """The end of the sending, good or bad. Raises MessageState when it was settled before."""
        if self.status is not MessageStatus.QUEUED:
            raise MessageState(f"The message is {self.status}; what came of it is known.", message_status=self.status)
        self.status, self.provider_id, self.last_error = outcome.status, outcome.provider_id, outcome.error
        self.sent_at = now if outcome.status is MessageStatus.SENT else None
        self._record(self._told(outcome, now))

    def _told(self, outcome: Outcome, now: datetime) -> DomainEvent:
        if outcome.status is MessageStatus.SENT:
            return MessageSent(message_id=self.id, occurred_at=now)
        if outcome.status is MessageStatus.BOUNCED:
            return MessageBounced(message_id=self.id, bad_address=outcome.bad_address, occurred_at=now)
        if outcome.status is MessageStatus.SUPPRESSED:
            return MessageSuppressed(message_id=self.id, occurred_at=now)
        return MessageFailed(message_id=self.id, occurred_at=now)

    def requeue(self, *, suppressed: bool, now: datetime) -> None:
        """Sends it once more, as another mail. Raises MessageState while it waits, and AddressIsSuppressed."""
        if self.status is MessageStatus.QUEUED:
            raise MessageState("The message waits to be sent already.", message_status=self.status)
        if suppressed:
            raise AddressIsSuppressed("This address refused mail for good; remove its suppression first.")
        self.status, self.attempts, self.next_attempt_at, self.copy = MessageStatus.QUEUED, 0, now, self.copy + 1
        self.sent_at = self.provider_id = self.last_error = None
        self._record(MessageRequeued(message_id=self.id, occurred_at=now))
