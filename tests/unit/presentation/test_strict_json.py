from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.presentation.refusals import MalformedBody
from app.presentation.strict_json import INT64, MAX_DEPTH, parse_object

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(INT64.start, INT64.stop - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
DOCUMENTS = st.dictionaries(TEXT, VALUES, max_size=5)


@given(DOCUMENTS, st.booleans())
def test_an_ordinary_document_reads_as_the_standard_library_reads_it(
    document: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert parse_object(body) == json.loads(body) == document


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0dD8ac1-+.eE tnulNaIfy', max_size=60).map(str.encode))
def test_any_bytes_are_read_like_the_standard_library_or_refused(body: bytes) -> None:
    try:
        document = parse_object(body)
    except MalformedBody:
        return
    assert document == json.loads(body)


@given(DOCUMENTS.filter(bool), st.data())
def test_a_key_given_twice_is_refused_at_every_place(document: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    twice = "{" + json.dumps(document)[1:-1] + ", " + json.dumps({key: 1})[1:]
    for body in (twice, f'{{"a": [{twice}]}}'):
        with pytest.raises(MalformedBody, match="twice"):
            parse_object(body.encode())


@given(DOCUMENTS, st.sampled_from(["\0", "\ud800", "\udfff", "a\ud83d", "\udc00\ud800"]), st.booleans())
def test_nul_and_half_surrogates_are_refused_in_keys_and_values(
    document: dict[str, Any], bad: str, as_key: bool
) -> None:
    hostile = {**document, "list": [{bad: 1}] if as_key else [["x", {"y": bad}]]}
    with pytest.raises(MalformedBody, match=r"NUL|surrogate"):
        parse_object(json.dumps(hostile).encode())


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    inside = levels - 1
    return ('{"a":' + opening * inside + "1" * (opening != "[") + closing * inside + "}").encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": 1}{"a": 1}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"\xc3\x28": 1}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        b'{"a": "\n"}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": 9223372036854775808}',
        b'{"a": [-9223372036854775809]}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1' + b"0" * 200_000 + b"}",
        b'{"a": 01}',
        b'{"a": +1}',
        b'{"a": .5}',
        b'{"a": "\\x41"}',
        b'{"a": "\\ud800\\u0041"}',
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 1}',
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, '{"a":', "}"),
        nested(1_000),
        b'{"a":' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_hostile_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refused:
        parse_object(body)
    assert refused.value.code == "malformed_body"


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b' \n{"a":\t1}\r\n', {"a": 1}),
        (b'{"a": 9223372036854775807, "b": -9223372036854775808}', {"a": INT64.stop - 1, "b": INT64.start}),
        (b'{"a": "\\\\u0000 \\\\ud800"}', {"a": "\\u0000 \\ud800"}),
        (b'{"a": "\\ud83c\\udfab \\u00e9"}', {"a": "🎫 é"}),
        (b'{"a": 1.5e3, "b": -0, "c": 1e-400}', {"a": 1500.0, "b": 0, "c": 0.0}),
        (b'{"a": "' + b"[{" * 100 + b'"}', {"a": "[{" * 100}),
        (b'{"a": "x:\\"{,"}', {"a": 'x:"{,'}),
    ],
)
def test_an_unusual_but_sound_body_is_read(body: bytes, document: dict[str, Any]) -> None:
    assert parse_object(body) == document


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_deepest_allowed_nesting_is_read(opening: str, closing: str) -> None:
    assert parse_object(nested(MAX_DEPTH, opening, closing))


def test_many_shallow_objects_are_not_deep() -> None:
    assert len(parse_object(b'{"a": [' + b"{}," * 500 + b"{}]}")["a"]) == 501
