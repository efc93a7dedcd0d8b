"""The edge as clients see it: what every answer has, crashes, methods and addresses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter, HTTPException

from app.presentation.middleware.edge import CLIENT_LEFT
from app.shared.tenant_context import NO_CONTEXT, RequestContext, request_context
from tests.unit.presentation.tiny import CANARY, TENANT, THINGS, FakeLog, ask, build, run_raw

NOBODY = "00000000-0000-0000-0000-000000000001"
SOMEBODY = "00000000-0000-0000-0000-000000000000"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
THING = {"name": "Poster", "price": {"amount": 1}}

EVERY_ANSWER = [
    ("GET", THINGS, {}, 200),
    ("HEAD", THINGS, {}, 200),
    ("POST", THINGS, {"json": THING}, 201),
    ("DELETE", f"{THINGS}/{SOMEBODY}", {}, 204),
    ("GET", "/docs", {}, 200),
    ("GET", "/docs/assets/swagger-ui.css", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/plain/%ff", {}, 400),
    ("POST", THINGS, {"content": b"{", "headers": JSON}, 400),
    ("GET", f"{THINGS}/{NOBODY}", {}, 404),
    ("HEAD", f"{THINGS}/{NOBODY}", {}, 404),
    ("GET", "/nowhere", {}, 404),
    ("PUT", THINGS, {}, 405),
    ("OPTIONS", THINGS, {}, 405),
    ("POST", THINGS, {"content": b"x" * 10_001, "headers": JSON}, 413),
    ("POST", THINGS, {"content": b"x"}, 415),
    ("GET", THINGS + "?limit=0", {}, 422),
    ("GET", "/plain/crash", {}, 500),
    ("OPTIONS", THINGS, {"headers": {"origin": "https://shop.test", "access-control-request-method": "POST"}}, 200),
    ("OPTIONS", THINGS, {"headers": {"origin": "https://shop.test", "access-control-request-method": "BREW"}}, 400),
    ("GET", "/plain/crash", {"headers": {"origin": "https://shop.test"}}, 500),
]
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def names(case: Any) -> str | None:
    return case if isinstance(case, str) else None


@pytest.mark.parametrize(("method", "path", "given", "status"), EVERY_ANSWER, ids=names)
async def test_every_answer_has_ids_security_headers_and_a_log_line(
    method: str, path: str, given: dict[str, Any], status: int
) -> None:
    log = FakeLog()
    response = await ask(build(log), method, path, **given)
    assert response.status_code == status
    assert SECURITY.items() <= response.headers.items()
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["permissions-policy"]
    assert response.headers["cache-control"]
    assert len(response.headers["traceparent"]) == 55
    assert "Origin" in response.headers["vary"]
    (line,) = log.lines
    assert (line.method, line.status, line.request_id) == (method, status, response.headers["x-request-id"])
    assert line.milliseconds > 0
    repeated = [name for name, _ in response.headers.multi_items()]
    assert len(repeated) == len(set(repeated))


@pytest.mark.parametrize(("method", "path", "given", "status"), EVERY_ANSWER, ids=names)
async def test_every_error_is_a_problem_document(method: str, path: str, given: dict[str, Any], status: int) -> None:
    response = await ask(build(), method, path, **given)
    if status < 400:
        return
    assert response.headers["content-type"] == "application/problem+json"
    if method == "HEAD":
        return
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"] == path.partition("?")[0]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"] == f"/problems/{problem['code']}"
    assert {"title", "detail"} <= set(problem)


async def test_ids_that_were_sent_come_back_and_reach_the_route() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"x-request-id": "order-7", "traceparent": trace, "user-agent": "a" * 600}
    response = await ask(build(), "GET", f"{THINGS}/{SOMEBODY}", headers=headers)
    assert (response.headers["x-request-id"], response.headers["traceparent"]) == ("order-7", trace)
    assert response.json() == {
        "request_id": "order-7",
        "traceparent": trace,
        "client_ip": "192.0.2.7",
        "user_agent": "a" * 512,
    }


async def test_the_log_has_the_routes_template_and_tenant_but_no_id() -> None:
    log = FakeLog()
    await ask(build(log), "GET", f"{THINGS}/{SOMEBODY}")
    await ask(build(log), "GET", "/" + "x" * 5_000)
    assert (log.lines[0].route, log.lines[0].tenant) == (THINGS + "/{thing_id}", TENANT)
    assert (len(log.lines[1].route), log.lines[1].tenant) == (200, None)


async def test_a_request_never_starts_in_the_context_of_another() -> None:
    log = FakeLog()
    before = request_context.set(RequestContext(tenant_id=TENANT))
    await ask(build(log), "GET", THINGS)
    assert log.lines[0].tenant is None
    assert request_context.get() is NO_CONTEXT
    request_context.reset(before)


async def test_an_included_router_is_logged_with_its_whole_template() -> None:
    app = build(log := FakeLog())
    inner = APIRouter(prefix="/inner")

    @inner.get("/{x}")
    async def answer(x: str) -> str:
        return x

    app.include_router(inner, prefix="/outer")
    await ask(app, "GET", "/outer/inner/7")
    assert log.lines[0].route == "/outer/inner/{x}"


async def test_head_answers_as_get_does_without_the_body() -> None:
    app = build()
    got, head = await ask(app, "GET", THINGS), await ask(app, "HEAD", THINGS)
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"] == "2"


async def test_a_crash_is_logged_with_its_traceback_and_never_told() -> None:
    log = FakeLog()
    response = await ask(build(log), "GET", "/plain/crash")
    assert response.json()["code"] == "internal_error"
    assert CANARY not in response.text + str(response.headers)
    ((error, method, route, request_id),) = log.crashes
    assert isinstance(error, ZeroDivisionError)
    assert error.__traceback__ is not None
    assert (method, route, request_id) == ("GET", "/plain/crash", response.headers["x-request-id"])


async def test_a_crash_in_the_middle_of_an_answer_cuts_the_connection() -> None:
    log = FakeLog()
    with pytest.raises(ZeroDivisionError):
        await ask(build(log), "GET", "/plain/half")
    assert len(log.crashes) == 1
    assert log.lines[0].status == 200


async def test_a_client_that_leaves_early_is_no_crash() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    log = FakeLog()
    assert await run_raw(build(log), gone) == []
    assert (log.crashes, log.lines[0].status) == ([], CLIENT_LEFT)


async def test_a_cancelled_request_is_still_logged() -> None:
    reached = asyncio.Event()

    async def never() -> dict[str, Any]:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    log = FakeLog()
    task = asyncio.create_task(run_raw(build(log), never))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log.lines[0].status == CLIENT_LEFT


async def test_what_is_not_http_passes_through() -> None:
    sent = await run_raw(build(), _connect, type="websocket", subprotocols=[])
    assert sent[0]["type"] == "websocket.close"


async def _connect() -> dict[str, Any]:
    return {"type": "websocket.connect"}


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (THINGS, "GET, HEAD, POST"),
        (f"{THINGS}/{SOMEBODY}", "GET, HEAD, DELETE"),
        (f"{THINGS}/{SOMEBODY}/cancel", "POST"),
        ("/docs", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_learns_all_right_ones(path: str, allow: str) -> None:
    response = await ask(build(), "PUT", path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.json()["code"] == "method_not_allowed"


async def test_a_slash_at_the_end_is_another_address_and_no_redirect() -> None:
    assert (await ask(build(), "GET", THINGS + "/")).status_code == 404


async def test_what_is_not_there_looks_the_same_wherever_it_is_not() -> None:
    app = build()
    first = (await ask(app, "GET", f"{THINGS}/{NOBODY}")).json()
    second = (await ask(app, "GET", f"{THINGS}/{NOBODY[:-1]}2")).json()
    for problem in (first, second):
        del problem["instance"], problem["request_id"]
    assert first == second


async def test_framework_errors_without_words_of_their_own_stay_vague() -> None:
    app = build()

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, CANARY, {"x-pot": "1"})

    response = await ask(app, "GET", "/teapot")
    assert (response.status_code, response.json()["code"], response.headers["x-pot"]) == (418, "http_error", "1")
    assert CANARY not in response.text
