"""Validation errors of pydantic, told in the contract's words: pointer, stable code, detail without the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from pydantic_core import core_schema

from app.shared.errors import FieldFault

MOST_FAULTS = 50
_NAME_LIMIT = 100
_BUILT_IN = frozenset(get_args(core_schema.ErrorType))

_INTEGER = ("not_an_integer", "Give a whole number.")
_NUMBER = ("not_a_number", "Give a number.")
_BOOLEAN = ("not_a_boolean", "Give true or false.")
_OBJECT = ("not_an_object", "Give an object.")
_LIST = ("not_a_list", "Give a list.")
_DATE = ("not_a_date", "Give a date as YYYY-MM-DD.")
_TIME = ("not_a_time", "Give a time as RFC 3339 has it, with an offset or `Z`.")
_UUID = ("not_a_uuid", "Give a UUID.")
_URL = ("not_a_url", "Give an absolute URL.")

_RULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("missing", "This is required."),
        "extra_forbidden": ("unknown_field", "There is no such field here; leave it out."),
        "string_type": ("not_a_string", "Give a string."),
        "string_too_short": ("too_short", "Use at least {min_length} characters."),
        "string_too_long": ("too_long", "Use at most {max_length} characters."),
        "string_pattern_mismatch": ("wrong_format", "The text must match {pattern}."),
        "too_short": ("too_few", "Give at least {min_length} entries."),
        "too_long": ("too_many", "Give at most {max_length} entries."),
        "enum": ("not_one_of", "Use one of {expected}."),
        "literal_error": ("not_one_of", "Use one of {expected}."),
        "union_tag_invalid": ("not_one_of", "Use one of {expected_tags}."),
        "greater_than": ("too_small", "Use more than {gt}."),
        "greater_than_equal": ("too_small", "Use at least {ge}."),
        "less_than": ("too_large", "Use less than {lt}."),
        "less_than_equal": ("too_large", "Use at most {le}."),
        "multiple_of": ("wrong_step", "Use a multiple of {multiple_of}."),
        "int_type": _INTEGER,
        "int_parsing": _INTEGER,
        "int_parsing_size": _INTEGER,
        "int_from_float": _INTEGER,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "finite_number": _NUMBER,
        "decimal_type": _NUMBER,
        "decimal_parsing": _NUMBER,
        "bool_type": _BOOLEAN,
        "bool_parsing": _BOOLEAN,
        "model_type": _OBJECT,
        "model_attributes_type": _OBJECT,
        "dataclass_type": _OBJECT,
        "dict_type": _OBJECT,
        "list_type": _LIST,
        "tuple_type": _LIST,
        "set_type": _LIST,
        "date_type": _DATE,
        "date_parsing": _DATE,
        "date_from_datetime_parsing": _DATE,
        "date_from_datetime_inexact": _DATE,
        "datetime_type": _TIME,
        "datetime_parsing": _TIME,
        "datetime_from_date_parsing": _TIME,
        "timezone_aware": _TIME,
        "datetime_past": ("not_in_the_past", "Give a moment in the past."),
        "datetime_future": ("not_in_the_future", "Give a moment in the future."),
        "uuid_type": _UUID,
        "uuid_parsing": _UUID,
        "url_type": _URL,
        "url_parsing": _URL,
        "url_scheme": _URL,
        "url_too_long": ("too_long", "Use at most {max_length} characters."),
    }
)
_OTHER = ("invalid", "This value is not valid here.")


def field_faults(errors: Sequence[Mapping[str, Any]]) -> tuple[FieldFault, ...]:
    """At most MOST_FAULTS of them. Types unknown to pydantic are our own (`PydanticCustomError`) and speak for
    themselves; pydantic's own words are replaced, since some repeat what was submitted."""
    return tuple(_fault(error) for error in errors[:MOST_FAULTS])


def query_pointer(name: str) -> str:
    """`?name`, what the contract uses for a query parameter."""
    return f"?{name[:_NAME_LIMIT]}"


def _fault(error: Mapping[str, Any]) -> FieldFault:
    type_ = error["type"]
    if type_ not in _BUILT_IN:
        return FieldFault(_pointer(error["loc"]), type_, error["msg"])
    code, template = _RULES.get(type_, _OTHER)
    return FieldFault(_pointer(error["loc"]), code, template.format_map(error.get("ctx", {})))


def _pointer(loc: Sequence[str | int]) -> str:
    """RFC 6901 into the body; `?name`, `{name}` and `name:` for parameters in query, path and headers."""
    place, rest = loc[0], loc[1:]
    if place == "query":
        return query_pointer(str(rest[0]) if rest else "")
    if place == "path":
        return "{" + str(rest[0]) + "}"
    if place in ("header", "cookie"):
        return f"{rest[0]}:"
    return "".join(f"/{_escaped(str(step))}" for step in rest)


def _escaped(step: str) -> str:
    return step[:_NAME_LIMIT].replace("~", "~0").replace("/", "~1")
