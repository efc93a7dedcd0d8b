"""Example values made from a JSON schema, the same at each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.presentation.operations import REQUEST_ID

REF = "#/components/schemas/"
_FORMATS = {"uuid": "01932c5e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", "date-time": "2026-11-21T20:00:00Z"}
_NAMES: Mapping[str, object] = {
    "amount": 1_250,
    "currency": "EUR",
    "Customer.name": "Ada Lovelace",
    "email": "ada@example.com",
    "name": "Friday, standing",
    "number": "HT-4W7RM-0K2QX",
    "request_id": REQUEST_ID,
    "sku": "FRI-STANDING",
    "slug": "my-festival",
}
"""By property, with the name of its schema where that matters: what a reader expects to see there."""

Schema = Mapping[str, Any]


def example_of(schema: Schema, known: Mapping[str, Schema], name: str = "") -> Any:
    """`known` are the schemas that may be referred to. The first choice is taken where there are several."""
    if "$ref" in schema:
        return example_of(known[schema["$ref"].removeprefix(REF)], known, name)
    if "allOf" in schema:
        return _merged([example_of(part, known, name) for part in schema["allOf"]])
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return example_of(schema[choices][0], known, name)
    if "const" in schema:
        return schema["const"]
    if "examples" in schema:
        return schema["examples"][0]
    return schema["enum"][0] if "enum" in schema else _of_type(schema, known, name)


def _of_type(schema: Schema, known: Mapping[str, Schema], name: str) -> Any:
    match schema.get("type"):
        case "object":
            parts: Schema = schema.get("properties", {})
            named = {part: f"{schema.get('title')}.{part}" for part in parts}
            return {
                part: example_of(wanted, known, named[part] if named[part] in _NAMES else part)
                for part, wanted in parts.items()
            }
        case "array":
            return [example_of(schema.get("items", {}), known, name)]
        case "integer":
            return _NAMES.get(name, max(1, schema.get("minimum", 1)))
        case "boolean":
            return True
        case "string":
            return _FORMATS.get(schema.get("format", "")) or _NAMES.get(name, f"a {name or 'text'}".replace("_", " "))
        case _:
            return None


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= part
    return merged
