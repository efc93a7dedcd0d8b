"""One trace from a caller to the statement and the call out, and nothing in it that is nobody's business."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.pool import Database
from app.infrastructure.observability import traces
from app.infrastructure.observability.tracing import OpenTelemetry
from app.presentation.middleware.edge import route_of
from app.shared.settings import Settings
from tests.unit.presentation.tiny import CANARY, build

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


class Tracing:
    """The application's tracing with what it sends kept here."""

    def __init__(self, settings: Settings) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracing = OpenTelemetry(settings, self.exporter)
        traces.use(self.tracing)

    def spans(self) -> list[ReadableSpan]:
        self.tracing.provider.force_flush()
        return list(self.exporter.get_finished_spans())

    def close(self) -> None:
        traces.use(None)
        self.tracing.close()


@pytest.fixture
def tracing(settings: Settings) -> Iterator[Tracing]:
    tracing = Tracing(settings)
    yield tracing
    tracing.close()


@pytest.fixture
async def database(settings: Settings, addresses: Addresses) -> AsyncGenerator[Database]:
    database = Database(addresses, settings)
    await database.open()
    yield database
    await database.close()


def instrumented(tracing: Tracing) -> FastAPI:
    app = build()
    tracing.tracing.instrument(app, route_of)
    return app


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tiny.test") as client:
        yield client


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def said(spans: list[ReadableSpan]) -> str:
    return json.dumps([json.loads(span.to_json()) for span in spans])


async def test_the_callers_trace_is_continued_and_its_echo_is_of_the_same_trace(tracing: Tracing) -> None:
    async with calling(instrumented(tracing)) as client:
        answer = await client.get("/api/v1/things", headers={"traceparent": SAMPLED})

    (span,) = tracing.spans()
    assert trace_of(span) == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.context is not None
    assert answer.headers["traceparent"] == f"00-{TRACE}-{span.context.span_id:016x}-01"


async def test_a_trace_is_begun_for_a_caller_who_names_none(tracing: Tracing) -> None:
    async with calling(instrumented(tracing)) as client:
        answer = await client.get("/api/v1/things", headers={"traceparent": "nonsense"})

    (span,) = tracing.spans()
    assert span.parent is None
    assert answer.headers["traceparent"].split("-")[1] == trace_of(span)


async def test_a_caller_who_does_not_record_is_followed(tracing: Tracing) -> None:
    async with calling(instrumented(tracing)) as client:
        answer = await client.get("/api/v1/things", headers={"traceparent": UNSAMPLED})
    assert tracing.spans() == []
    assert answer.headers["traceparent"].split("-")[1] == TRACE


async def test_probes_are_no_traces(tracing: Tracing) -> None:
    async with calling(instrumented(tracing)) as client:
        await client.get("/health/live")
        answer = await client.get("/metrics")
    assert tracing.spans() == []
    assert "traceparent" in answer.headers


async def test_a_span_is_called_by_its_route_and_holds_nothing_of_the_request(tracing: Tracing) -> None:
    app = instrumented(tracing)
    thing = uuid4()
    headers = {"Authorization": f"Bearer {CANARY}", "User-Agent": CANARY, "Cookie": CANARY, "tracestate": "a=b"}
    async with calling(app) as client:
        await client.get(f"/api/v1/things/{thing}?q={CANARY}", headers=headers)
        await client.get("/plain/crash", headers=headers)

    found, crash = tracing.spans()
    assert found.name == "GET /api/v1/things/{thing_id}"
    assert dict(found.attributes or {}) == {
        "http.method": "GET",
        "http.route": "/api/v1/things/{thing_id}",
        "http.status_code": 422,
    }
    assert (crash.attributes or {})["http.status_code"] == 500
    for canary in (CANARY, str(thing), "192.0.2", "127.0.0.1"):
        assert canary not in said([found, crash])


async def test_statements_are_spans_of_the_request_without_their_parameters(
    tracing: Tracing, database: Database
) -> None:
    app = build()

    @app.get("/ask")
    async def ask(request: Request) -> Response:
        async with database.transaction(None) as connection:
            await connection.fetchval("SELECT $1::text", CANARY)
        return Response(None, 204)

    tracing.tracing.instrument(app, route_of)
    async with calling(app) as client:
        assert (await client.get("/ask")).status_code == 204

    *statements, request_span = tracing.spans()
    assert [(span.attributes or {})["db.statement"] for span in statements][1] == "SELECT $1::text"
    assert {trace_of(span) for span in statements} == {trace_of(request_span)}
    assert CANARY not in said(statements)


async def test_a_poll_of_the_database_is_no_trace(tracing: Tracing, database: Database) -> None:
    tracing.tracing.instrument(build(), route_of)
    async with database.transaction(None) as connection:
        await connection.fetchval("SELECT 1")
    assert tracing.spans() == []


class Receiver:
    """A server that keeps what was posted to it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.arrived = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()
                outer.arrived.set()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def test_a_call_out_behind_the_outbox_belongs_to_the_trace_that_caused_it(
    tracing: Tracing, receiver: Receiver
) -> None:
    """As a webhook is sent: later, elsewhere, with what was stored beside the event."""
    tracing.tracing.instrument(build(), route_of)
    stored = SAMPLED

    with traces.continued("deliver", stored):
        assert traces.current_trace_id() == TRACE
        assert traces.current_traceparent().split("-")[1] == TRACE
        async with httpx.AsyncClient() as client:
            await client.post(f"{receiver.address}/{CANARY}?token={CANARY}", content=CANARY)

    sent, deliver = tracing.spans()
    _, headers, _ = receiver.requests[0]
    assert headers["traceparent"].split("-")[1] == TRACE
    assert "baggage" not in headers
    assert (deliver.name, deliver.kind, trace_of(sent)) == ("deliver", SpanKind.CONSUMER, TRACE)
    assert CANARY not in said([sent, deliver])


@pytest.mark.parametrize("traceparent", ["", "nonsense"])
async def test_without_a_trace_nothing_is_continued(tracing: Tracing, traceparent: str) -> None:
    with traces.continued("deliver", traceparent):
        assert (traces.current_trace_id(), traces.current_traceparent()) == ("", "")
    assert tracing.spans() == []


async def test_spans_reach_a_collector_over_http(settings: Settings, receiver: Receiver) -> None:
    given = settings.model_copy(update={"tracing": True, "otel_exporter_otlp_endpoint": receiver.address + "/"})
    app = build()
    tracing = OpenTelemetry(given)
    tracing.instrument(app, route_of)
    try:
        async with calling(app) as client:
            await client.get("/api/v1/things", headers={"traceparent": SAMPLED})
        await asyncio.to_thread(tracing.provider.force_flush)
    finally:
        tracing.close()

    path, headers, body = receiver.requests[0]
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    names = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
    assert names["service.name"] == "hello-ticket"
    (span,) = resource.scope_spans[0].spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)


async def test_a_collector_that_is_away_costs_no_request(settings: Settings) -> None:
    given = settings.model_copy(update={"otel_exporter_otlp_endpoint": "http://127.0.0.1:1"})
    app = build()
    tracing = OpenTelemetry(given)
    tracing.instrument(app, route_of)
    try:
        async with calling(app) as client:
            answers = [await client.get("/api/v1/things") for _ in range(50)]
    finally:
        await asyncio.to_thread(tracing.close)
    assert {answer.status_code for answer in answers} == {200}
