from __future__ import annotations

import json
from typing import Any

import pytest

from app.presentation.openapi import openapi_bytes
from app.presentation.operations import describe
from app.shared.errors import AppError, Kind
from tests.unit.presentation.tiny import build

APP = build()
DOCUMENT: dict[str, Any] = APP.openapi()
OPERATIONS = {
    operation["operationId"]: (method, operation)
    for path in DOCUMENT["paths"].values()
    for method, operation in path.items()
}


def operation(name: str) -> dict[str, Any]:
    found: dict[str, Any] = OPERATIONS[name][1]
    return found


def parameters(name: str) -> set[str]:
    found = operation(name)["parameters"]
    return {DOCUMENT["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]]["name"] for p in found if "$ref" in p}


def codes(name: str, status: int) -> set[str]:
    return set(operation(name)["responses"][str(status)]["content"]["application/problem+json"]["examples"])


def answer_headers(name: str, status: int) -> set[str]:
    return set(operation(name)["responses"][str(status)]["headers"])


def test_the_suite_sees_operations() -> None:
    assert len(OPERATIONS) == 7


def test_it_is_openapi_3_1_served_from_here() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert DOCUMENT["info"]["license"]["identifier"] == "MIT"
    assert "RFC 9457" in DOCUMENT["info"]["description"]
    assert "contact" not in DOCUMENT["info"]


def test_tags_in_use_are_described() -> None:
    assert [tag["name"] for tag in DOCUMENT["tags"]] == ["auth"]
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_an_operation_nobody_described_stays_as_it_is_but_for_the_frameworks_422() -> None:
    app = build()

    @app.get("/bare")
    async def bare(x: int) -> None: ...

    @app.get("/refusing", responses={422: {"description": "own words"}})
    async def refusing(x: int) -> None: ...

    paths = app.openapi()["paths"]
    assert set(paths["/bare"]["get"]["responses"]) == {"200"}
    assert paths["/refusing"]["get"]["responses"]["422"]["description"] == "own words"


def test_the_frameworks_own_error_schemas_are_gone() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(DOCUMENT)


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [ref for inner in part.values() for ref in references(inner)]
        return [ref for inner in part for ref in references(inner)] if isinstance(part, list) else []

    found = references(DOCUMENT)
    assert len(found) > 50
    for reference in set(found):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_inputs_refuse_unknown_fields() -> None:
    assert DOCUMENT["components"]["schemas"]["ThingIn"]["additionalProperties"] is False


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_operation_says_who_may_and_what_may_come(name: str) -> None:
    found = operation(name)
    assert found["x-permission"]
    assert isinstance(found["security"], list)
    assert {"X-Tenant-ID", "X-Request-ID"} <= parameters(name)
    assert {"400", "413", "415", "422", "429", "503"} <= set(found["responses"])
    assert "x-etag" not in found
    assert "x-request-example" not in found
    for status in found["responses"]:
        assert "X-Request-ID" in answer_headers(name, int(status))


@pytest.mark.parametrize(("name", "body"), [("make_thing", True), ("issue_token", True), ("delete_thing", False)])
def test_an_operation_with_a_body_says_what_a_broken_one_gets(name: str, body: bool) -> None:
    assert ("malformed_body" in codes(name, 400)) is body
    assert ("unsupported_media_type" in codes(name, 415)) is body


def test_every_problem_example_is_a_problem_with_its_status() -> None:
    required = set(DOCUMENT["components"]["schemas"]["Problem"]["required"])
    for name in OPERATIONS:
        for status, answer in operation(name)["responses"].items():
            for code, example in (
                answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
            ):
                assert required <= set(example["value"])
                assert (example["value"]["status"], example["value"]["code"]) == (int(status), code)


@pytest.mark.parametrize(
    ("name", "security", "permission"),
    [
        ("list_things", [{}, {"password": []}, {"bearer": []}], "things:read"),
        ("make_thing", [{"password": []}, {"bearer": []}], "things:write"),
        ("cancel_thing", [{"password": []}, {"bearer": []}], "authenticated"),
        ("issue_token", [], "public"),
    ],
)
def test_security_and_permission_are_told(name: str, security: list[Any], permission: str) -> None:
    assert (operation(name)["security"], operation(name)["x-permission"]) == (security, permission)


@pytest.mark.parametrize(
    ("name", "unauthenticated", "forbidden"),
    [
        ("make_thing", {"not_authenticated", "invalid_token"}, {"forbidden", "tenant_mismatch"}),
        ("cancel_thing", {"not_authenticated", "invalid_token"}, {"tenant_mismatch"}),
        ("list_things", {"invalid_token"}, {"forbidden", "tenant_mismatch"}),
    ],
)
def test_what_callers_without_rights_get_is_told(name: str, unauthenticated: set[str], forbidden: set[str]) -> None:
    assert (codes(name, 401), codes(name, 403)) == (unauthenticated, forbidden)


def test_a_public_operation_knows_neither_401_nor_403() -> None:
    assert not {"401", "403"} & set(operation("issue_token")["responses"])


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("make_thing", True),
        ("delete_thing", True),
        ("cancel_thing", True),
        ("get_thing", False),
        ("issue_token", False),
    ],
)
def test_writes_take_an_idempotency_key_unless_they_hand_out_secrets(name: str, takes: bool) -> None:
    assert ("Idempotency-Key" in parameters(name)) is takes
    successes = [int(status) for status in operation(name)["responses"] if status.startswith("2")]
    assert all(("Idempotency-Replayed" in answer_headers(name, status)) is takes for status in successes)
    assert ("idempotency_mismatch" in codes(name, 422)) is takes
    assert "idempotency_in_flight" in codes(name, 409) if takes else "409" not in operation(name)["responses"]


def test_what_hands_out_secrets_says_so() -> None:
    assert operation("issue_token")["x-idempotency"] == "exempt"
    assert "x-idempotency" not in operation("make_thing")


def test_conditional_requests_are_told() -> None:
    assert "If-None-Match" in parameters("get_thing")
    assert answer_headers("get_thing", 304) == {"X-Request-ID", "ETag"}
    assert "ETag" in answer_headers("get_thing", 200)
    assert "304" not in operation("list_things")["responses"]
    assert "If-Match" in parameters("delete_thing")
    assert codes("delete_thing", 412) == {"stale_version"}
    assert "If-Match" not in parameters("make_thing")
    assert {"If-Match", "X-Tenant-ID"} <= parameters("put_note")
    assert codes("put_note", 409) == {"concurrent_change", "idempotency_in_flight"}


def test_what_was_made_has_a_place_and_what_must_wait_a_time() -> None:
    assert {"Location", "ETag"} <= answer_headers("make_thing", 201)
    assert all("Retry-After" in answer_headers("get_thing", status) for status in (429, 503))


def test_errors_of_the_operation_are_examples_in_their_own_words() -> None:
    example = operation("get_thing")["responses"]["404"]["content"]["application/problem+json"]["examples"]
    assert example["no_such_thing"]["value"]["detail"] == "There is no such thing for you."


def test_requests_and_answers_have_examples() -> None:
    (json_body,) = operation("make_thing")["requestBody"]["content"].values()
    assert json_body["example"] == {"name": "Poster", "price": {"amount": 1}}
    (form,) = operation("issue_token")["requestBody"]["content"].items()
    assert form[0] == "application/x-www-form-urlencoded"
    assert form[1]["example"]["username"]
    assert operation("get_thing")["responses"]["200"]["content"]["application/json"]["example"] == {"name": "Poster"}


def test_swagger_can_authorize_with_a_password() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert schemes["password"]["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
    assert schemes["bearer"]["scheme"] == "bearer"


def test_the_document_is_made_once() -> None:
    assert APP.openapi() is DOCUMENT
    served = openapi_bytes(APP)
    assert served() is served()


class Undescribed(AppError):
    code = "was_not_described"
    kind = Kind.CONFLICT


def test_an_error_without_a_description_is_told_by_its_title() -> None:
    described = describe(operation_id="o", summary="s", permission=None, errors=(Undescribed,))
    (example,) = described["responses"][409]["content"]["application/problem+json"]["examples"].values()
    assert example["value"]["detail"] == "Was not described."
