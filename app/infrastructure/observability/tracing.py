"""OpenTelemetry: requests, SQL, broker and webhooks as spans, sent over OTLP/HTTP in the background.

A collector that is away costs spans, never requests: they wait in a bounded queue and are dropped when it is full.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from app.infrastructure.observability.span_filter import FilteringExporter
from app.infrastructure.observability.traces import Middlewares
from app.shared.settings import Settings

SERVICE = "hello-ticket"
NOT_TRACED = "/health,/metrics"
"""Asked every few seconds by machines."""
EXPORT_SECONDS = 3.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PROPAGATOR = TraceContextTextMapPropagator()


class OpenTelemetry:
    """One per process. `exporter` is where finished spans go; without one, over OTLP/HTTP."""

    def __init__(self, settings: Settings, exporter: SpanExporter | None = None) -> None:
        endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
        target = exporter or OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self.provider = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}), sampler=WithinTraces())
        self.processor: SpanProcessor = BatchSpanProcessor(FilteringExporter(target))
        self.provider.add_span_processor(self.processor)
        self._tracer = self.provider.get_tracer(SERVICE)
        self._sql = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]  # the package's own lapse
        propagate.set_global_textmap(_PROPAGATOR)  # not baggage: strangers' words would travel on to webhooks

    def instrument(self, app: Middlewares, route_of: Callable[[Scope], str]) -> None:
        app.add_middleware(Continued, route_of=route_of)
        app.add_middleware(
            OpenTelemetryMiddleware,
            tracer_provider=self.provider,
            meter_provider=NoOpMeterProvider(),
            excluded_urls=NOT_TRACED,
            exclude_spans=["receive", "send"],
        )
        self._sql.instrument(tracer_provider=self.provider)
        AioPikaInstrumentor().instrument(tracer_provider=self.provider)
        HTTPXClientInstrumentor().instrument(tracer_provider=self.provider, meter_provider=NoOpMeterProvider())

    def close(self) -> None:
        """Takes the instruments out and sends what waits, for EXPORT_SECONDS at most."""
        for instrument in (self._sql, AioPikaInstrumentor(), HTTPXClientInstrumentor()):
            instrument.uninstrument()
        self.provider.shutdown()

    def trace_id(self) -> str:
        context = get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")

    @contextmanager
    def continued(self, name: str, traceparent: str) -> Generator[None]:
        parent = _PROPAGATOR.extract({"traceparent": traceparent}, Context())
        if not get_current_span(parent).get_span_context().is_valid:
            yield
            return
        with self._tracer.start_as_current_span(name, context=parent, kind=SpanKind.CONSUMER):
            yield


class WithinTraces(Sampler):
    """Follows the caller's decision; everything that begins with us is kept, but for calls out of nowhere: pollers ask
    the database several times a second, and nobody wants a trace of each."""

    _base = ParentBased(ALWAYS_ON)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT and not get_current_span(parent_context).get_span_context().is_valid:
            return SamplingResult(Decision.DROP)
        return self._base.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return "WithinTraces"


class Continued:
    """Between the library's middleware and the edge: the edge takes up and echoes the traceparent of our own span."""

    def __init__(self, app: App, *, route_of: Callable[[Scope], str]) -> None:
        self._app = app
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = get_current_span()
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        if scope["type"] != "http" or "traceparent" not in carrier:
            await self._app(scope, receive, send)
            return
        others = [header for header in scope["headers"] if header[0] != b"traceparent"]
        scope["headers"] = [*others, (b"traceparent", carrier["traceparent"].encode())]

        async def naming(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":  # the library ends the span with the answer's last byte
                span.set_attribute("http.route", self._route_of(scope))
            await send(message)

        await self._app(scope, receive, naming)
