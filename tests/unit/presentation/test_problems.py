from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import Response

from app.presentation.problems import HTTP_STATUS, crash_response, error_response, problem_response
from app.shared.errors import AppError, FieldFault, Kind, Overloaded

SCOPE: dict[str, Any] = {"path": "/x", "raw_path": b"/x", "state": {"request_id": "r1"}}


class AllGone(AppError):
    code = "all_gone"
    kind = Kind.CONFLICT


class AnyKind(AppError):
    code = "any_kind"


def body_of(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(response.body))
    return found


def of_kind(kind: Kind, **given: Any) -> Response:
    error = AnyKind("message", **given)
    error.kind = kind  # type: ignore[misc]  # one class for all kinds, here only
    return error_response(SCOPE, error)


def test_every_kind_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(Kind)


def test_an_error_becomes_a_whole_problem_document() -> None:
    faults = (FieldFault("/items/0", "too_large", "Use at most 4."),)
    response = error_response(SCOPE, AllGone("Only two are left.", errors=faults, product_id="p1", available=2))
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert body_of(response) == {
        "type": "/problems/all_gone",
        "title": "All gone",
        "status": 409,
        "detail": "Only two are left.",
        "instance": "/x",
        "code": "all_gone",
        "request_id": "r1",
        "product_id": "p1",
        "available": 2,
        "errors": [{"pointer": "/items/0", "code": "too_large", "detail": "Use at most 4."}],
    }


def test_extra_members_cannot_replace_the_standard_ones() -> None:
    assert body_of(problem_response(404, "c", "d", extra={"status": 200, "code": "x"}))["status"] == 404


def test_who_is_not_known_is_told_how_to_sign_in() -> None:
    assert of_kind(Kind.UNAUTHENTICATED).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("kind", "given", "header"),
    [
        (Kind.UNAVAILABLE, None, "1"),
        (Kind.UNAVAILABLE, 7, "7"),
        (Kind.TOO_MANY, 30, "30"),
        (Kind.CONFLICT, 0, "0"),
        (Kind.CONFLICT, None, None),
    ],
)
def test_who_may_come_back_is_told_when(kind: Kind, given: int | None, header: str | None) -> None:
    assert of_kind(kind, retry_after=given).headers.get("retry-after") == header


def test_overload_says_when_to_come_back() -> None:
    assert error_response(SCOPE, Overloaded("Too much is waiting.")).headers["retry-after"] == "1"


def test_a_crash_says_nothing_but_the_request_id() -> None:
    body = body_of(crash_response(SCOPE))
    assert (body["status"], body["code"], body["request_id"]) == (500, "internal_error", "r1")


def test_the_instance_is_ascii_and_short_whatever_was_asked() -> None:
    asked = {"path": "/é", "raw_path": b"", "state": {}}
    assert len(body_of(error_response(asked, AllGone("m")))["instance"]) == 3
    asked = {"path": "/", "raw_path": b"/" * 9_000}
    problem = body_of(error_response(asked, AllGone("m")))
    assert (len(problem["instance"]), problem["request_id"]) == (1_024, "")
