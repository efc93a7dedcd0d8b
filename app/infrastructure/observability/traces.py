"""The trace that work belongs to (W3C Trace Context), for code that need not know whether traces are kept.

Nothing here imports OpenTelemetry: with TRACING off, what makes and sends spans is never loaded, and each call does
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from app.shared.settings import Settings


class Tracing(Protocol):
    def trace_id(self) -> str:
        """32 hexadecimal digits; empty outside of a trace."""
        ...

    def traceparent(self) -> str:
        """What work begun here says it comes from; empty outside of a trace."""
        ...

    def continued(self, name: str, traceparent: str) -> AbstractContextManager[object]: ...


class Middlewares(Protocol):
    """A FastAPI application, as far as it matters here."""

    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None: ...


class _Off:
    def trace_id(self) -> str:
        return ""

    def traceparent(self) -> str:
        return ""

    def continued(self, _name: str, _traceparent: str) -> AbstractContextManager[object]:
        return nullcontext()


_tracing: list[Tracing] = [_Off()]


def use(tracing: Tracing | None) -> None:
    """From now on, in this process; None switches it off."""
    _tracing[0] = tracing or _Off()


def trace_requests(app: Middlewares, settings: Settings, route_of: Callable[[Any], str]) -> None:
    """Call after the edge was added. `route_of` answers a scope's route template. Does nothing with TRACING off."""
    if settings.tracing:
        from app.infrastructure.observability.tracing import OpenTelemetry  # noqa: PLC0415 — costs 0.4 s to load

        tracing = OpenTelemetry(settings)
        tracing.instrument(app, route_of)
        use(tracing)


def current_trace_id() -> str:
    return _tracing[0].trace_id()


def current_traceparent() -> str:
    return _tracing[0].traceparent()


def continued(name: str, traceparent: str) -> AbstractContextManager[object]:
    """A span of the trace that `traceparent` names, around what is done later or elsewhere: behind the outbox, in a
    batch, in a job. Without a traceparent there is none."""
    return _tracing[0].continued(name, traceparent)
