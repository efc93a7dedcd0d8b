from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.webhooks.breaker import FIRST_PAUSE, LONGEST_PAUSE, OPENS_AFTER, Breaker, pause_after
from app.domain.webhooks.delivery import RETRY_AFTER, Answer, Delivery, DeliveryStatus, wait_after
from app.domain.webhooks.endpoint import DisabledReason
from app.domain.webhooks.ids import DeliveryId, WebhookId
from tests.support.fakes import NOON

LEASE = NOON + timedelta(seconds=45)
WAITING = Delivery(
    id=DeliveryId(UUID(int=1)),
    webhook_id=WebhookId(UUID(int=2)),
    status=DeliveryStatus.PENDING,
    attempts=0,
    next_attempt_at=NOON,
    leased_until=LEASE,
)


def said(status: int | None = None, **values: object) -> Answer:
    return Answer(started_at=NOON, duration_ms=5, status_code=status, **values)  # type: ignore[arg-type]


def after(delivery: Delivery, answer: Answer, jitter: float = 0) -> Delivery:
    return delivery.answered(answer, lease=LEASE, now=NOON, jitter=jitter)


def test_the_waits_are_five_seconds_to_a_day_and_three_days_in_all() -> None:
    waits = [wait_after(attempts, said(500), 0) for attempts in range(1, 12)]
    assert waits[:3] == [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)]
    assert waits[8:] == [timedelta(hours=24), None, None]
    assert timedelta(days=3) < sum(RETRY_AFTER, timedelta()) < timedelta(days=3.5)


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 270), (0, 300), (1, 330)])
def test_jitter_moves_a_wait_by_a_tenth(jitter: float, seconds: int) -> None:
    assert wait_after(2, said(500), jitter) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "asked", "wait"),
    [
        (429, timedelta(hours=1), timedelta(hours=1)),
        (503, timedelta(hours=1), timedelta(hours=1)),
        (503, timedelta(seconds=1), timedelta(seconds=5)),
        (503, timedelta(days=365), timedelta(days=1)),
        (500, timedelta(hours=1), timedelta(seconds=5)),
    ],
)
def test_retry_after_prolongs_what_429_and_503_wait_up_to_a_day(status: int, asked: timedelta, wait: timedelta) -> None:
    assert wait_after(1, said(status, retry_after=asked), 0) == wait


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    done = after(WAITING, said(status))
    assert (done.status, done.attempts, done.delivered_at, done.leased_until) == ("delivered", 1, NOON, None)


@pytest.mark.parametrize("status", [None, 100, 301, 302, 400, 401, 404, 408, 429, 500, 503])
def test_anything_else_is_tried_again(status: int | None) -> None:
    again = after(WAITING, said(status))
    assert (again.status, again.attempts, again.leased_until) == ("pending", 1, None)
    assert again.next_attempt_at == NOON + timedelta(seconds=5)


def test_gone_is_not_tried_again() -> None:
    assert after(WAITING, said(410)).status is DeliveryStatus.FAILED


def test_after_the_tenth_failure_it_is_given_up() -> None:
    assert after(replace(WAITING, attempts=8), said(500)).status is DeliveryStatus.PENDING
    assert after(replace(WAITING, attempts=9), said(500)).status is DeliveryStatus.FAILED


def test_a_failure_under_a_lease_that_ran_out_changes_nothing() -> None:
    """Another process has it by now, and decides."""
    theirs = replace(WAITING, leased_until=LEASE + timedelta(seconds=9))
    assert after(theirs, said(500)) == theirs
    assert after(theirs, said(200)).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("status", [DeliveryStatus.CANCELLED, DeliveryStatus.DELIVERED])
def test_a_failure_of_what_is_over_changes_nothing(status: DeliveryStatus) -> None:
    over = replace(WAITING, status=status)
    assert after(over, said(500)) == over


def test_what_was_delivered_keeps_its_first_time() -> None:
    delivered = replace(WAITING, status=DeliveryStatus.DELIVERED, delivered_at=NOON - timedelta(hours=1))
    assert after(delivered, said(200)).delivered_at == NOON - timedelta(hours=1)


def failed(times: int) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.answered(said(500), now=NOON)
    return breaker


def test_the_breaker_opens_with_the_fifth_failure_and_not_before() -> None:
    assert failed(OPENS_AFTER - 1).open_until is None
    assert failed(OPENS_AFTER).open_until == NOON + FIRST_PAUSE


def test_one_success_closes_it() -> None:
    assert failed(7).answered(said(204), now=NOON) == Breaker()


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    pauses = [pause_after(OPENS_AFTER + n).total_seconds() for n in range(7)]
    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    assert pause_after(100_000) == LONGEST_PAUSE


def test_an_endpoint_is_given_up_after_five_days_of_nothing_but_failures() -> None:
    breaker = failed(3)
    almost = NOON + timedelta(days=5) - timedelta(seconds=1)
    assert breaker.gives_up(said(500), now=almost) is None
    assert breaker.gives_up(said(500), now=NOON + timedelta(days=5)) is DisabledReason.FAILING_FOR_DAYS
    assert Breaker().gives_up(said(200), now=NOON) is None
    assert Breaker().gives_up(said(410), now=NOON) is DisabledReason.GONE_410
