from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

import pytest
import structlog

from app.infrastructure.observability import traces
from app.infrastructure.observability.logs import configure_logs
from app.shared.ids import TenantId
from app.shared.settings import Settings
from app.shared.tenant_context import RequestContext, request_context

SECRET = "canary-4f1d0f2e"
TAKEN_OVER = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.asgi",
    "uvicorn.access",
    "asyncio",
    "httpx",
    "httpcore",
    "watchfiles",
)


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    kept = [
        (logger, logger.handlers[:], logger.level, logger.propagate) for logger in map(logging.getLogger, TAKEN_OVER)
    ]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for logger, its_handlers, its_level, propagates in kept:
        logger.handlers[:] = its_handlers
        logger.setLevel(its_level)
        logger.propagate = propagates
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def configure(**given: Any) -> io.BytesIO:
    stream = io.BytesIO()
    configure_logs(Settings.model_validate(given), stream)
    return stream


def production(**given: Any) -> io.BytesIO:
    return configure(environment="production", **given)


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_production_writes_one_json_object_per_line() -> None:
    stream = production()
    structlog.get_logger("app.orders").info("order_placed", pieces=2, id=UUID(int=1), odd=object)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"], line["pieces"]) == ("order_placed", "info", "app.orders", 2)
    assert line["id"] == str(UUID(int=1))
    assert line["timestamp"].endswith("Z")


def test_development_writes_for_people() -> None:
    stream = configure()
    structlog.get_logger("app").warning("hello", name="Ada")
    text = stream.getvalue().decode()
    assert "hello" in text
    assert "name=Ada" in text
    assert not text.startswith("{")


def test_libraries_come_out_the_same_way() -> None:
    stream = production()
    logging.getLogger("some.library").warning("%s left of %d", "two", 5)
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("two left of 5", "some.library", "warning")


def test_a_line_knows_its_request_and_tenant() -> None:
    stream = production()
    before = request_context.set(RequestContext(request_id="r1", tenant_id=TenantId(UUID(int=7))))
    structlog.get_logger().info("inside")
    request_context.reset(before)
    structlog.get_logger().info("outside")
    inside, outside = lines(stream)
    assert (inside["request_id"], inside["tenant_id"]) == ("r1", str(UUID(int=7)))
    assert "request_id" not in outside


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_crash_has_a_traceback_without_local_values_or_secrets(environment: str) -> None:
    stream = io.BytesIO()
    log = configure_logs(Settings.model_validate({"environment": environment}), stream)
    local_value = SECRET

    def fail(password: str) -> None:
        raise ValueError(f"password={password!r} refused")

    try:
        fail(local_value)
    except ValueError as error:
        log.crash(error, "GET", "/x", "r1")
    text = stream.getvalue().decode()
    assert "Traceback" in text
    assert "ValueError" in text
    assert "r1" in text
    assert SECRET not in text


SECRETS = {
    "password": f"password={SECRET!r}",
    "token": f"Authorization: Bearer {SECRET}",
    "signing secret": f"whsec_{SECRET}",
    "API key": f"ht_live_{SECRET}",
    "database": f"postgresql://app:{SECRET}@db:5432/hello",
    "broker": f"amqp://hello:{SECRET}@rabbitmq/",
    "gateway": f"SG.{SECRET}.{SECRET}",
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("environment", ["production", "development"])
def test_no_secret_comes_out_of_a_chain_of_errors(environment: str, name: str) -> None:
    """As text, in the cause, in a note, in a group: wherever libraries put what they were given."""
    stream = configure(environment=environment)
    error = ValueError(SECRETS[name])
    error.add_note(f"while using {SECRETS[name]}")

    def fail() -> None:
        raise ExceptionGroup(f"several of {SECRETS[name]}", [error]) from OSError(f"refused: {SECRETS[name]}")

    try:
        fail()
    except ExceptionGroup:
        structlog.get_logger().exception("failed", detail=SECRETS[name])
        logging.getLogger("aio_pika").exception("lost %s", SECRETS[name])
    text = stream.getvalue().decode()
    assert "Traceback" in text
    assert text.count("ExceptionGroup") >= 2
    assert SECRET not in text


class InTrace:
    """As tracing is while a span is open."""

    def trace_id(self) -> str:
        return "0af7651916cd43dd8448eb211c80319c"

    def traceparent(self) -> str:
        return ""

    def continued(self, name: str, traceparent: str) -> AbstractContextManager[object]:
        return nullcontext()


@pytest.mark.parametrize("tracing", [True, False])
def test_with_tracing_every_line_names_its_trace(tracing: bool) -> None:
    stream = io.BytesIO()
    settings = Settings.model_validate({"environment": "production", "tracing": tracing})
    log = configure_logs(settings, stream)
    log._due = float("inf")  # no loop runs here to write the line later
    traces.use(InTrace())
    try:
        structlog.get_logger().info("inside")
        log.access("GET", "/x", 200, 1.0, "r1", None)
    finally:
        traces.use(None)
    log.access("GET", "/x", 200, 1.0, "r2", None)
    log.flush()
    assert [line.get("trace_id") for line in lines(stream)] == [
        *([InTrace().trace_id()] * 2 if tracing else [None] * 2),
        None,
    ]


def test_secrets_are_hidden_wherever_they_are_logged() -> None:
    stream = production()
    structlog.get_logger().info("signed in", token=SECRET, headers={"Authorization": f"Bearer {SECRET}"})
    logging.getLogger("x").error("could not open postgresql://app:%s@db/x", SECRET)
    assert SECRET not in stream.getvalue().decode()
    assert len(lines(stream)) == 2


def test_the_level_is_a_setting() -> None:
    stream = production(log_level="WARNING")
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


async def test_a_high_level_silences_access_lines() -> None:
    stream = io.BytesIO()
    log = configure_logs(Settings.model_validate({"log_level": "WARNING"}), stream)
    log.access("GET", "/x", 200, 1.0, "r1", None)
    log.flush()
    assert stream.getvalue() == b""


def test_uvicorn_speaks_through_us_but_for_its_access_lines() -> None:
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler())
    stream = production()
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    assert lines(stream)[0]["event"] == "Application startup complete."
    assert not logging.getLogger("uvicorn.access").hasHandlers()


def test_warnings_are_logged() -> None:
    stream = production()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old spelling", stacklevel=1)
    assert "old spelling" in lines(stream)[0]["event"]


def test_a_broken_line_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream = production()
    logging.getLogger("x").warning("%d", "not a number")
    assert stream.getvalue() == b""
    assert "Logging error" in capsys.readouterr().err


def test_without_a_stream_it_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings.model_validate({"environment": "production"}))
    structlog.get_logger().info("here")
    assert json.loads(capfd.readouterr().out)["event"] == "here"
