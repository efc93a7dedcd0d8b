"""JSON as the contract wants it: RFC 8259, narrowed to what every reader understands alike (I-JSON, RFC 7493)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any, NoReturn

from app.presentation.refusals import MalformedBody

MAX_DEPTH = 32
"""Objects and lists inside each other, the outermost counts as one."""

INT64 = range(-(2**63), 2**63)
_LONGEST_INT = len(str(-(2**63)))


def parse_object(body: bytes) -> dict[str, Any]:
    """The object in `body`. Raises MalformedBody, whatever is in there; each part of the body is looked at once.

    Refused: other encodings than UTF-8, anything but an object at the top, more than MAX_DEPTH levels, a key given
    twice, NaN and Infinity, numbers beyond 64 bits or double precision, lone surrogates, NUL.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8 text. Encode it as UTF-8.") from None
    except json.JSONDecodeError:
        raise MalformedBody("The body is not JSON. Send one JSON object.") from None
    except RecursionError:
        raise _too_deep() from None
    if type(value) is not dict:
        raise MalformedBody("The body is JSON, but no object. Send one JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if b"\\u" in body:
        _check_texts(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedBody("An object in the body has a key twice. Give each key once.")
    return found


def _integer(digits: str) -> int:
    if len(digits) <= _LONGEST_INT:
        number = int(digits)
        if number in INT64:
            return number
    raise MalformedBody("A number in the body is too large. Whole numbers go from -2^63 to 2^63 - 1.")


def _float(digits: str) -> float:
    number = float(digits)
    if isfinite(number):
        return number
    raise MalformedBody("A number in the body is too large for double precision.")


def _constant(_name: str) -> NoReturn:
    raise MalformedBody("NaN and Infinity are not JSON. Leave the field out or send null.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _too_deep() -> MalformedBody:
    return MalformedBody(f"The body is nested too deeply. Use at most {MAX_DEPTH} levels.")


def _check_depth(value: Any) -> None:
    """Level by level, so hostile nesting costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(parent: Any) -> list[Any]:
    inside = parent.values() if type(parent) is dict else parent
    return [child for child in inside if type(child) in (dict, list)]


def _check_texts(value: dict[str, Any]) -> None:
    """Only an escape brings a surrogate or NUL in: raw ones are no UTF-8, or refused by the decoder."""
    text = "".join(_texts(value))
    if "\0" in text:
        raise MalformedBody("A text in the body holds the character NUL. Leave it out.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedBody("A text in the body holds half a surrogate pair. Send whole characters.") from None


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is str:
            yield item
        elif type(item) is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
