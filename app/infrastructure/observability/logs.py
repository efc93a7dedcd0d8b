"""Logs: JSON lines in production, lines for people in development; everything through one stream.

Code logs with `structlog.get_logger()`; libraries that use `logging` come out the same way. The access line has a
writer of its own, since it is written for each request.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from app.infrastructure.observability.redaction import redact
from app.infrastructure.observability.request_log import RequestLog
from app.infrastructure.observability.traces import current_trace_id
from app.shared.settings import Settings
from app.shared.tenant_context import request_context


def configure_logs(settings: Settings, stream: BinaryIO | None = None) -> RequestLog:
    """Call once, first thing. Takes over structlog, `logging` and uvicorn's loggers; answers the edge's log."""
    target = stream or sys.stdout.buffer
    people = not settings.production
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_time,
        _add_request,
        *((_add_trace,) if settings.tracing else ()),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _take_over_logging(_handler(target, shared, people=people), level)
    return RequestLog(target, lines_for_people=people, quiet=level > logging.INFO, traced=settings.tracing)


def _handler(target: BinaryIO, shared: list[structlog.typing.Processor], *, people: bool) -> logging.Handler:
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        if people
        else structlog.processors.JSONRenderer(serializer=_dump)
    )
    handler = _ByteHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    return handler


def _take_over_logging(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")  # without handlers uvicorn writes no access lines; the edge does
    access.handlers.clear()
    access.propagate = False
    for name in ("asyncio", "httpx", "httpcore", "watchfiles"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _ByteHandler(logging.Handler):
    """Writes whole lines to the stream the access lines go to, so that the two never mix."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._stream.write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
            self._stream.flush()
        except Exception:  # noqa: BLE001 - a broken log line or stream must never break the work it tells of
            self.handleError(record)


def _add_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _add_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The request this line belongs to, when there is one."""
    context = request_context.get()
    if context.request_id:
        event.setdefault("request_id", context.request_id)
    if context.tenant_id:
        event.setdefault("tenant_id", str(context.tenant_id))
    return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if trace_id := current_trace_id():
        event.setdefault("trace_id", trace_id)
    return event


def _dump(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
