"""What leaves in a span: attributes by an allow-list, so that no library's new one can carry somebody's data.

No header, query string, raw path, client address, parameter or exception's words. Statements are text with `$1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status
from opentelemetry.util.types import AttributeValue

from app.infrastructure.observability.redaction import scrub

ALLOWED = frozenset(
    {
        *("http.method", "http.request.method", "http.status_code", "http.response.status_code", "http.route"),
        *("db.system", "db.system.name", "db.name", "db.namespace", "db.statement", "db.query.text"),
        *("messaging.system", "messaging.destination", "messaging.destination.name", "messaging.operation"),
        *("messaging.message_id", "messaging.message.id", "error.type", "exception.type"),
    }
)
_METHODS = ("http.method", "http.request.method")


class FilteringExporter(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([filtered(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def filtered(span: ReadableSpan) -> ReadableSpan:
    attributes = _allowed(span.attributes)
    return ReadableSpan(
        name=_name(span, attributes),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=[Event(event.name, _allowed(event.attributes), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _allowed(given: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    return {
        name: scrub(value) if isinstance(value, str) else value
        for name, value in (given or {}).items()
        if name in ALLOWED
    }


def _name(span: ReadableSpan, attributes: Mapping[str, AttributeValue]) -> str:
    """A request is called by its route's template: the library's name has the path, with all ids."""
    if span.kind is not SpanKind.SERVER:
        return span.name
    method = next((attributes[name] for name in _METHODS if name in attributes), "HTTP")
    return f"{method} {attributes.get('http.route', 'unknown')}"
