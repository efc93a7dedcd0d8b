from __future__ import annotations

import asyncio
import io
import json
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from app.infrastructure.observability import request_log
from app.infrastructure.observability.request_log import MOST_WAITING, RequestLog
from app.shared.ids import TenantId

TENANT = TenantId(UUID(int=7))


def one_line(log: RequestLog, route: str = "/x", tenant: TenantId | None = None) -> None:
    log.access("GET", route, 200, 1.2345, "r1", tenant)


async def test_a_line_for_machines_has_all_there_is_to_know() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, lines_for_people=False)
    one_line(log, "/api/v1/orders/{order_id}", TENANT)
    one_line(log)
    log.flush()
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    stamp = first.pop("timestamp")
    assert first == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": "/api/v1/orders/{order_id}",
        "status": 200,
        "duration_ms": 1.23,
        "request_id": "r1",
        "tenant_id": str(TENANT),
    }
    assert stamp[10] == "T"
    assert stamp[-1] == "Z"
    assert "tenant_id" not in second


@pytest.mark.parametrize("people", [True, False])
async def test_nothing_people_send_breaks_a_line(people: bool) -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, lines_for_people=people)
    for route in ('/a"b\\c', "/a\nb", "/\x1b[31m", "/é🎫", "/\ud800", "/\x00"):
        one_line(log, route)
    log.flush()
    written = stream.getvalue()
    assert written.count(b"\n") == 6
    assert b"\x1b" not in written
    if not people:
        assert json.loads(written.splitlines()[0])["route"] == '/a"b\\c'


async def test_lines_are_gathered_and_written_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    written = asyncio.Event()

    class Stream(io.BytesIO):
        def flush(self) -> None:
            written.set()

    monkeypatch.setattr(request_log, "FLUSH_SECONDS", 0.001)
    stream = Stream()
    log = RequestLog(stream, lines_for_people=True)
    one_line(log)
    one_line(log)
    assert stream.getvalue() == b""
    async with asyncio.timeout(5):
        await written.wait()
    assert stream.getvalue().count(b"\n") == 2


async def test_a_burst_is_not_hoarded() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, lines_for_people=True)
    for _ in range(MOST_WAITING + 1):
        one_line(log)
    assert stream.getvalue().count(b"\n") == MOST_WAITING + 1


async def test_a_stream_that_fails_costs_lines_and_says_how_many() -> None:
    class Full(io.BytesIO):
        full = True

        def write(self, data: object) -> int:
            if self.full:
                raise OSError(28, "no space left")
            return super().write(data)  # type: ignore[arg-type]  # the real type of a buffer is not exported

    stream = Full()
    log = RequestLog(stream, lines_for_people=True)
    one_line(log)
    log.flush()
    stream.full = False
    one_line(log)
    with capture_logs() as said:
        log.flush()
    assert stream.getvalue().count(b"\n") == 1
    assert said == [{"event": "access_lines_lost", "lines": 1, "log_level": "warning"}]


async def test_a_closed_stream_is_no_crash() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, lines_for_people=True)
    one_line(log)
    stream.close()
    log.flush()


async def test_a_quiet_log_writes_nothing() -> None:
    stream = io.BytesIO()
    log = RequestLog(stream, lines_for_people=True, quiet=True)
    one_line(log)
    log.flush()
    assert stream.getvalue() == b""
