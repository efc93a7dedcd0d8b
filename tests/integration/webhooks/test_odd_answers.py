"""What no sane server answers is still an answer: noted, and tried again like any other."""

from __future__ import annotations

import pytest

from app.container import SystemClock
from app.infrastructure.webhooks.guard import Guard, Resolver
from app.infrastructure.webhooks.poster import Poster
from app.infrastructure.webhooks.transport import PinnedTransport
from tests.support.receiver import answer, receiving


@pytest.mark.parametrize(
    "asked",
    [
        *("soon", "-5", "", "Mon, 16 Nov 99999999999999999999 13:32:02 +0100"),
        *("Mon, 16 Nov 2026 99999999999999999999:32:02 GMT", "Mon, 16 Nov 2026 13:32:02 +99999999999999999999"),
    ],
)
async def test_a_retry_after_that_names_no_time_asks_for_none(asked: str) -> None:
    async with receiving(lambda _: answer(503, Retry_After=asked)) as receiver:
        guard = Guard(Resolver(), allow_private=True, allow_http=True)
        sender = Poster(guard, PinnedTransport(guard), SystemClock(), timeout_seconds=5)
        said = await sender.post(receiver.url, {}, b"{}")
        await sender.close()

    assert (said.status_code, said.retry_after) == (503, None)
