"""The edge's log: one line per request, and defects with their traceback."""

from __future__ import annotations

import asyncio
import atexit
import json
from functools import lru_cache
from time import gmtime, strftime, time
from typing import BinaryIO

import structlog

from app.infrastructure.observability.traces import current_trace_id
from app.shared.ids import TenantId

FLUSH_SECONDS = 0.1
MOST_WAITING = 500


class RequestLog:
    """Access lines are gathered and written ten times a second: a write for each would cost more than the line.

    A stream that can't be written costs lines, never requests; a later line says how many.
    """

    def __init__(self, stream: BinaryIO, *, lines_for_people: bool, quiet: bool = False, traced: bool = False) -> None:
        """`traced`: lines for machines name their trace."""
        self._stream = stream
        self._quiet = quiet
        self._make = _line_for_people if lines_for_people else _traced_line if traced else _json_line
        self._logger = structlog.get_logger("app.edge")
        self._waiting: list[bytes] = []
        self._due = 0.0
        self._second = 0
        self._clock = ""
        self._lost = 0
        atexit.register(self.flush)

    def access(
        self, method: str, route: str, status: int, milliseconds: float, request_id: str, tenant: TenantId | None
    ) -> None:
        """`milliseconds` counts until the last byte was handed to the server."""
        if self._quiet:
            return
        now = time()
        waiting = self._waiting
        waiting.append(self._make(self._stamp(now), method, route, status, milliseconds, request_id, tenant))
        if len(waiting) > MOST_WAITING:
            self.flush()
        elif now > self._due:
            self._due = now + FLUSH_SECONDS
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def crash(self, error: Exception, method: str, route: str, request_id: str) -> None:
        """A defect, with its traceback, never with the values of local variables."""
        self._logger.error("request_crashed", exc_info=error, method=method, route=route, request_id=request_id)

    def flush(self) -> None:
        """Writes what is waiting; also at the end of the process."""
        if not self._waiting:
            return
        lines, self._waiting = self._waiting, []
        try:
            self._stream.write(b"".join(lines))
            self._stream.flush()
        except (OSError, ValueError):  # full, gone or closed
            self._lost += len(lines)
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._logger.warning("access_lines_lost", lines=lost)

    def _stamp(self, now: float) -> str:
        """RFC 3339 in UTC; the part before the milliseconds is made once a second."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._clock = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        return f"{self._clock}.{int((now - second) * 1_000):03d}Z"


def _line_for_people(
    stamp: str, method: str, route: str, status: int, milliseconds: float, request_id: str, _tenant: TenantId | None
) -> bytes:
    return f"{stamp} {method} {_quoted(route)[1:-1]} {status} {milliseconds:.2f} ms {request_id}\n".encode()


def _json_line(
    stamp: str, method: str, route: str, status: int, milliseconds: float, request_id: str, tenant: TenantId | None
) -> bytes:
    whose = f',"tenant_id":"{tenant}"' if tenant else ""
    return (
        f'{{"timestamp":"{stamp}","level":"info","event":"request","method":{_quoted(method)},"route":{_quoted(route)},'
        f'"status":{status},"duration_ms":{milliseconds:.2f},"request_id":"{request_id}"{whose}}}\n'
    ).encode()


def _traced_line(
    stamp: str, method: str, route: str, status: int, milliseconds: float, request_id: str, tenant: TenantId | None
) -> bytes:
    line = _json_line(stamp, method, route, status, milliseconds, request_id, tenant)
    trace_id = current_trace_id()
    return line[:-2] + f',"trace_id":"{trace_id}"}}\n'.encode() if trace_id else line


@lru_cache(maxsize=512)
def _quoted(text: str) -> str:
    """As JSON, in ASCII: what people send can neither break the line nor hide in it."""
    return json.dumps(text)
