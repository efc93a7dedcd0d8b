"""Hostile bodies, forms and query strings."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.presentation.tiny import CANARY, THINGS, ask, build, run_raw

SOMEBODY = "00000000-0000-0000-0000-000000000000"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
THING = {"name": "Poster", "price": {"amount": 1}}


async def chunked(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b'{"a":1,"a":2}', JSON, 400, "malformed_body"),
        (b'{"name":NaN}', JSON, 400, "malformed_body"),
        (b'{"name":"\\ud800"}', JSON, 400, "malformed_body"),
        (b'{"name":"\\u0000"}', JSON, 400, "malformed_body"),
        (b'{"name":' + b"[" * 9_000, JSON, 400, "malformed_body"),
        (b'{"name":1' + b"0" * 9_000 + b"}", JSON, 400, "malformed_body"),
        (b'{"name":"\xff"}', JSON, 400, "malformed_body"),
        (b"[]", JSON, 400, "malformed_body"),
        (b"", JSON, 400, "malformed_body"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b"", {}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "application/jsonx"}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "application/merge-patch+json"}, 415, "unsupported_media_type"),
        (b"{}", {**JSON, "content-encoding": "gzip"}, 415, "unsupported_encoding"),
        (b"{}", {**JSON, "content-length": "x"}, 400, "malformed_request"),
        (b"x" * 10_001, JSON, 413, "body_too_large"),
    ],
)
async def test_a_hostile_body_is_refused(content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    response = await ask(build(), "POST", THINGS, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_two_content_types_are_none() -> None:
    headers = [("content-type", "application/json"), ("content-type", "text/plain")]
    response = await ask(build(), "POST", THINGS, content=b"{}", headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
async def test_the_media_type_may_be_spelled_as_http_allows(kind: str) -> None:
    response = await ask(build(), "POST", THINGS, content=json.dumps(THING), headers={"content-type": kind})
    assert (response.status_code, response.json()["name"]) == (201, "Poster")


async def test_wrong_fields_are_named_and_never_repeated() -> None:
    body = {"name": CANARY * 3, "price": {"amount": CANARY}, "secret": CANARY}
    response = await ask(build(), "POST", THINGS, json=body)
    assert response.status_code == 422
    assert CANARY not in response.text
    assert {(fault["pointer"], fault["code"]) for fault in response.json()["errors"]} == {
        ("/name", "too_long"),
        ("/price/amount", "not_an_integer"),
        ("/secret", "unknown_field"),
    }


async def test_an_optional_body_may_be_left_out() -> None:
    app, path = build(), f"{THINGS}/{SOMEBODY}/cancel"
    assert (await ask(app, "POST", path)).status_code == 200
    assert (await ask(app, "POST", path, json={"reason": "x"})).status_code == 200
    assert (await ask(app, "POST", path, content=b"{}")).status_code == 415


async def test_an_endless_stream_is_refused_and_costs_no_memory() -> None:
    app, sent = build(), 0

    async def endless() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b"x" * 4_096, "more_body": True}

    tracemalloc.start()
    answer, _ = await run_raw(app, endless)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer["status"] == 413
    assert sent == 3
    assert peak < 5_000_000


async def test_a_chunked_body_over_the_limit_is_a_problem() -> None:
    for path, headers in ((THINGS, JSON), ("/api/v1/auth/token", FORM)):
        response = await ask(build(), "POST", path, content=chunked(4_096, 100), headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"username=a&password=%00", FORM, 400, "malformed_body"),
        (b"username=a&password=%ff", FORM, 400, "malformed_body"),
        (b"username=a&username=b&password=c", FORM, 400, "malformed_body"),
        (b"&".join(b"a%d" % i for i in range(100)), FORM, 400, "malformed_body"),
        (b"username=a", FORM, 422, "validation_failed"),
        (b'{"username":"a","password":"b"}', JSON, 415, "unsupported_media_type"),
        (b"username=a&password=b", {"content-type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"),
    ],
)
async def test_a_hostile_form_is_refused(content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    response = await ask(build(), "POST", "/api/v1/auth/token", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_ordinary_form_is_read() -> None:
    form = {"username": "ada@example.com", "password": "é " * 20}
    assert (await ask(build(), "POST", "/api/v1/auth/token", data=form)).status_code == 200


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("nope=1", [("?nope", "unknown_parameter")]),
        ("nope", [("?nope", "unknown_parameter")]),
        ("Limit=1", [("?Limit", "unknown_parameter")]),
        ("limit=1&limit=1", [("?limit", "repeated_parameter")]),
        ("limit=1&limit=1&limit=1&x=1&x=2", [("?limit", "repeated_parameter"), ("?x", "unknown_parameter")]),
        ("limit=x", [("?limit", "not_an_integer")]),
    ],
)
async def test_a_wrong_query_parameter_is_named(query: str, faults: list[tuple[str, str]]) -> None:
    response = await ask(build(), "GET", f"{THINGS}?{query}")
    assert response.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == faults


async def test_a_list_parameter_may_be_repeated() -> None:
    assert (await ask(build(), "GET", f"{THINGS}?tag=a&tag=b&limit=5")).status_code == 200


async def test_a_crowd_of_wrong_parameters_gets_a_short_answer() -> None:
    response = await ask(build(), "GET", f"{THINGS}?{'&'.join(f'p{i}' for i in range(1_000))}")
    assert len(response.json()["errors"]) == 50


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (THINGS + "?tag=%00", "malformed_url"),
        (THINGS + "?tag=%ff", "malformed_url"),
        (THINGS + "/%00", "malformed_url"),
        (THINGS + "?tag=" + "x" * 9_000, "url_too_long"),
    ],
)
async def test_a_broken_url_is_refused(path: str, code: str) -> None:
    response = await ask(build(), "GET", path)
    assert (response.status_code, response.json()["code"]) == (400, code)


async def test_an_id_that_is_no_uuid_is_named_by_its_place() -> None:
    (fault,) = (await ask(build(), "GET", f"{THINGS}/x")).json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("{thing_id}", "not_a_uuid")
