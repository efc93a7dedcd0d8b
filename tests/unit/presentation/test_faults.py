from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from app.presentation.faults import _RULES, MOST_FAULTS, field_faults, query_pointer

CANARY = "canary-4f1d0f2e"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def refuse_with_own_words(value: str) -> str:
    raise PydanticCustomError("weak_password", "Use a longer password.")


def refuse_carelessly(value: str) -> str:
    raise ValueError(f"{value} is bad")


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=2, max_length=5, pattern="^a")] = "aa"
    number: Annotated[int, Field(ge=1, lt=9, multiple_of=2)] = 2
    price: Decimal = Decimal(1)
    colour: Colour = Colour.RED
    kind: Literal["ticket", "merchandise"] = "ticket"
    when: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    id: UUID = UUID(int=0)
    items: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    flag: bool = True
    ours: Annotated[str, AfterValidator(refuse_with_own_words)] = ""
    careless: Annotated[str, AfterValidator(refuse_carelessly)] = ""
    nested: dict[str, int] = {}


def fault_of(document: dict[str, Any]) -> tuple[str, str, str]:
    with pytest.raises(ValidationError) as refused:
        Model.model_validate(document)
    (error,) = [{**error, "loc": ("body", *error["loc"])} for error in refused.value.errors()]
    (fault,) = field_faults([error])
    return fault.pointer, fault.code, fault.detail


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"text": "a"}, ("/text", "too_short", "Use at least 2 characters.")),
        ({"text": "aaaaaa"}, ("/text", "too_long", "Use at most 5 characters.")),
        ({"text": "bb"}, ("/text", "wrong_format", "The text must match ^a.")),
        ({"text": 1}, ("/text", "not_a_string", "Give a string.")),
        ({"number": 0}, ("/number", "too_small", "Use at least 1.")),
        ({"number": 10}, ("/number", "too_large", "Use less than 9.")),
        ({"number": 3}, ("/number", "wrong_step", "Use a multiple of 2.")),
        ({"number": CANARY}, ("/number", "not_an_integer", "Give a whole number.")),
        ({"number": 1.5}, ("/number", "not_an_integer", "Give a whole number.")),
        ({"price": CANARY}, ("/price", "not_a_number", "Give a number.")),
        ({"colour": CANARY}, ("/colour", "not_one_of", "Use one of 'red' or 'blue'.")),
        ({"kind": CANARY}, ("/kind", "not_one_of", "Use one of 'ticket' or 'merchandise'.")),
        ({"when": CANARY}, ("/when", "not_a_time", "Give a time as RFC 3339 has it, with an offset or `Z`.")),
        ({"when": "2026-01-01T00:00:00"}, ("/when", "not_a_time", _RULES["datetime_type"][1])),
        ({"id": CANARY}, ("/id", "not_a_uuid", "Give a UUID.")),
        ({"items": []}, ("/items", "too_few", "Give at least 1 entries.")),
        ({"items": [1, 2, 3]}, ("/items", "too_many", "Give at most 2 entries.")),
        ({"items": {"a": 1}}, ("/items", "not_a_list", "Give a list.")),
        ({"items": [1, CANARY]}, ("/items/1", "not_an_integer", "Give a whole number.")),
        ({"flag": CANARY}, ("/flag", "not_a_boolean", "Give true or false.")),
        ({"ours": CANARY}, ("/ours", "weak_password", "Use a longer password.")),
        ({"careless": CANARY}, ("/careless", "invalid", "This value is not valid here.")),
        ({"nested": []}, ("/nested", "not_an_object", "Give an object.")),
        ({"nested": {"a/b~c": "x"}}, ("/nested/a~1b~0c", "not_an_integer", "Give a whole number.")),
        ({"more": CANARY}, ("/more", "unknown_field", "There is no such field here; leave it out.")),
    ],
)
def test_a_wrong_field_is_named_with_a_stable_code_and_never_its_value(
    document: dict[str, Any], fault: tuple[str, str, str]
) -> None:
    assert fault_of(document) == fault
    assert CANARY not in "".join(fault_of(document))


@pytest.mark.parametrize(
    ("loc", "pointer"),
    [
        (("body",), ""),
        (("body", 0), "/0"),
        (("query", "limit"), "?limit"),
        (("query",), "?"),
        (("path", "order_id"), "{order_id}"),
        (("header", "if-match"), "if-match:"),
        (("body", "x" * 500), "/" + "x" * 100),
    ],
)
def test_a_pointer_says_where(loc: tuple[str | int, ...], pointer: str) -> None:
    (fault,) = field_faults([{"type": "missing", "loc": loc, "msg": ""}])
    assert fault.pointer == pointer


def test_endless_faults_are_cut() -> None:
    errors = [{"type": "missing", "loc": ("body", i), "msg": ""} for i in range(MOST_FAULTS * 3)]
    assert len(field_faults(errors)) == MOST_FAULTS


def test_a_long_parameter_name_is_cut() -> None:
    assert query_pointer("x" * 500) == "?" + "x" * 100


def test_every_rule_is_for_an_error_pydantic_knows() -> None:
    assert set(_RULES) <= set(get_args(core_schema.ErrorType))
