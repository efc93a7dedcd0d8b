from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.application.notifications.commands.record_delivery import RecordDelivery, RecordDeliveryHandler
from app.application.notifications.ports import Undelivered
from app.domain.notifications.branding import Branding, Locale, Look
from app.domain.notifications.message import (
    AddressIsSuppressed,
    Channel,
    Content,
    MessageId,
    MessageState,
    MessageStatus,
    Outcome,
    OutgoingMessage,
    Recipient,
)
from app.domain.notifications.retries import LONGEST_ASKED, LONGEST_DELAY, MOST_ATTEMPTS, next_attempt
from app.domain.notifications.suppression import Suppression, SuppressionId
from tests.support.fakes import NOON, CountedIds, SettableClock

ADA = Recipient(channel=Channel.MAIL, address="Ada@Example.com")
CONTENT = Content(
    template="test", locale="en", context={}, subject="Hi", text="Hi", html="<p>Hi</p>", sender_name="Open Air"
)


def a_message(**values: Any) -> OutgoingMessage:
    usual: dict[str, Any] = {
        "id": MessageId(UUID(int=1)), "recipient": ADA, "content": CONTENT, "event_id": UUID(int=2),
        "request_id": "r", "suppressed": False, "now": NOON,
    }  # fmt: skip
    return OutgoingMessage.queue(**(usual | values))


def types(message: OutgoingMessage) -> list[str]:
    return [event.type for event in message.pending_events]


@pytest.mark.parametrize(
    ("status", "event"),
    [("sent", "message.sent"), ("failed", "message.failed"), ("bounced", "message.bounced")],
)
def test_an_outcome_ends_the_sending_and_is_told(status: str, event: str) -> None:
    message = a_message()
    message.settle(Outcome(status=MessageStatus(status), error="why"), now=NOON)
    assert (message.status, types(message)) == (status, ["message.queued", event])
    assert (message.sent_at is not None) == (status == "sent")
    assert message.last_error == "why"


def test_an_outcome_is_recorded_once() -> None:
    message = a_message()
    message.settle(Outcome(status=MessageStatus.SENT), now=NOON)
    with pytest.raises(MessageState):
        message.settle(Outcome(status=MessageStatus.BOUNCED), now=NOON)
    assert message.status is MessageStatus.SENT


def test_a_message_for_a_suppressed_address_is_kept_and_not_queued() -> None:
    message = a_message(suppressed=True)
    assert (message.status, types(message)) == ("suppressed", ["message.queued", "message.suppressed"])


def test_a_message_that_is_over_is_queued_again_as_another_copy() -> None:
    message = a_message()
    message.settle(Outcome(status=MessageStatus.FAILED, error="x", provider_id="y"), now=NOON)
    message.requeue(suppressed=False, now=NOON + timedelta(days=1))
    assert (message.status, message.copy, message.attempts) == ("queued", 1, 0)
    assert (message.last_error, message.provider_id, message.next_attempt_at) == (None, None, NOON + timedelta(days=1))


def test_nothing_is_queued_again_for_a_suppressed_address() -> None:
    message = a_message(suppressed=True)
    with pytest.raises(AddressIsSuppressed):
        message.requeue(suppressed=True, now=NOON)
    assert message.status is MessageStatus.SUPPRESSED


def test_spellings_of_one_mailbox_are_one_recipient() -> None:
    assert ADA.key == Recipient(channel=Channel.MAIL, address="ADA@example.COM").key


def test_delays_double_from_five_seconds_and_end_after_three_days() -> None:
    delays = []
    for attempts in range(1, MOST_ATTEMPTS):
        again = next_attempt(attempts, now=NOON, jitter=1)
        assert again is not None
        delays.append(again - NOON)
    assert delays[:4] == [timedelta(seconds=5 * 2**n) for n in range(4)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
    assert timedelta(days=2, hours=18) < sum(delays, timedelta()) < timedelta(days=3, hours=6)
    assert next_attempt(MOST_ATTEMPTS, now=NOON, jitter=1) is None


def test_jitter_spreads_and_the_other_sides_wish_is_granted_up_to_a_day() -> None:
    assert next_attempt(1, now=NOON, jitter=1.2) == NOON + timedelta(seconds=6)
    hour = timedelta(hours=1)
    assert next_attempt(1, now=NOON, jitter=1, asked=hour) == NOON + hour
    assert next_attempt(1, now=NOON, jitter=1, asked=timedelta(days=30)) == NOON + LONGEST_ASKED
    assert next_attempt(20, now=NOON, jitter=1, asked=hour) == NOON + LONGEST_DELAY


def test_a_refusal_is_one_line_and_a_bad_address_is_permanent() -> None:
    refusal = Undelivered("550\r\n5.1.1   no\n" + "x" * 1_000, bad_address=True)
    assert refusal.reason.startswith("550 5.1.1 no x")
    assert (len(refusal.reason), refusal.permanent) == (500, True)


def test_a_released_address_is_told() -> None:
    suppression = Suppression.of(id=SuppressionId(UUID(int=3)), recipient=ADA, reason="550", now=NOON)
    suppression.release(now=NOON)
    assert [event.type for event in suppression.pending_events] == ["address.suppressed", "address.released"]


def test_the_same_look_again_changes_nothing() -> None:
    branding = Branding(id=UUID(int=4), look=Look())
    branding.change(now=NOON, locale=Locale.DE, footer="x")
    branding.change(now=NOON, locale=Locale.DE)
    assert branding.version == 1
    (event,) = branding.pending_events
    assert getattr(event, "changed") == ("footer", "locale")  # noqa: B009 — the base class has no such field


class _Messages:
    def __init__(self, message: OutgoingMessage) -> None:
        self.message = message

    def add(self, message: OutgoingMessage) -> None: ...

    async def get(self, message_id: MessageId) -> OutgoingMessage:
        return self.message

    async def told(self, event_id: UUID, template: str, recipient: Recipient) -> bool:
        return False


class _Suppressions:
    def __init__(self) -> None:
        self.added: list[Suppression] = []

    async def add(self, suppression: Suppression) -> None:
        self.added.append(suppression)

    async def get(self, suppression_id: SuppressionId) -> Suppression:
        raise NotImplementedError

    async def holds(self, recipient: Recipient) -> bool:
        return False


@pytest.mark.parametrize("bad_address", [True, False])
async def test_only_a_bad_address_is_suppressed(*, bad_address: bool) -> None:
    suppressions = _Suppressions()
    handler = RecordDeliveryHandler(_Messages(a_message()), suppressions, SettableClock(), CountedIds())
    outcome = Outcome(status=MessageStatus.BOUNCED, error="no", bad_address=bad_address)

    await handler.handle(RecordDelivery(message_id=MessageId(UUID(int=1)), outcome=outcome))

    assert [s.recipient for s in suppressions.added] == [ADA] * bad_address
