"""An event survives the way through bytes, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.application.events import PublishedEvent
from app.infrastructure.messaging.wire import Unreadable, decode, encode
from tests.support.peers import an_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
INSTANTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 — hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
EVENTS = st.builds(
    PublishedEvent,
    id=st.uuids(),
    tenant_id=st.uuids(),
    type=st.text(min_size=1),
    stream=st.text(min_size=1),
    stream_id=st.uuids(),
    version=st.integers(1, 2**31),
    occurred_at=INSTANTS,
    request_id=st.text(),
    actor_id=st.uuids(),
    actor_kind=st.text(),
    data=st.dictionaries(st.text(), JSON, max_size=4),
)


def members(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(encode(an_event(UUID(int=7))))
    return {name: value for name, value in (found | changed).items() if value is not ...}


@given(EVENTS)
def test_what_is_encoded_is_decoded_to_the_same(event: PublishedEvent) -> None:
    assert decode(encode(event)) == event


def test_members_that_a_newer_release_added_are_let_be() -> None:
    assert decode(orjson.dumps(members(colour="blue"))).type == "thing.happened"


@pytest.mark.parametrize("name", ["id", "tenant_id", "type", "stream", "stream_id", "version", "occurred_at", "data"])
@pytest.mark.parametrize("value", [..., None, 7.5, True, []])
def test_a_member_that_is_missing_or_wrong_is_unreadable(name: str, value: object) -> None:
    with pytest.raises(Unreadable):
        decode(orjson.dumps(members(**{name: value})))


@pytest.mark.parametrize("name", ["id", "tenant_id", "stream_id", "version", "occurred_at", "actor_id", "data"])
def test_text_that_says_nothing_is_unreadable(name: str) -> None:
    with pytest.raises(Unreadable):
        decode(orjson.dumps(members(**{name: "neither"})))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b'"text"', b"\xff\xfe"])
def test_bytes_that_are_no_object_are_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)


def test_what_is_wrong_is_told_without_what_it_holds() -> None:
    with pytest.raises(Unreadable) as told:
        decode(orjson.dumps(members(id="a secret word")))

    assert "secret" not in str(told.value)
