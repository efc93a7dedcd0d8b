from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.presentation.middleware.identity import identify

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("given_id", [b"a", b"a" * 128, b"A-z.0_9", b"7d1f2a0c"])
def test_a_sound_request_id_is_taken(given_id: bytes) -> None:
    assert identify({b"x-request-id": given_id})[0] == given_id


@pytest.mark.parametrize("given_id", [b"", b"a" * 129, b"a b", b"a\n", b"\xc3\xa9", b"a/b", b"<a>", b"{}"])
def test_any_other_request_id_is_replaced(given_id: bytes) -> None:
    made, _ = identify({b"x-request-id": given_id})
    assert UUID(hex=made.decode())


def test_both_taken_come_back_as_they_are() -> None:
    assert identify({b"x-request-id": b"r1", b"traceparent": TRACE}) == (b"r1", TRACE)


def test_what_is_made_for_both_is_the_same() -> None:
    request_id, trace = identify({})
    assert trace.split(b"-")[1] == request_id


def test_two_requests_have_two_ids() -> None:
    assert len({identify({})[0] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "given_trace",
    [
        b"",
        b"00",
        TRACE[:-1],
        TRACE.upper(),
        TRACE + b"-",
        TRACE + b"-more",
        TRACE.replace(b"0af", b"0ag"),
        TRACE.replace(b"-b7", b"0b7"),
        b"ff" + TRACE[2:],
        b"00-" + b"0" * 32 + TRACE[35:],
        TRACE[:36] + b"0" * 16 + b"-01",
        b"cc" + TRACE[2:] + b"x",
    ],
)
def test_a_broken_traceparent_is_replaced(given_trace: bytes) -> None:
    _, trace = identify({b"traceparent": given_trace})
    assert trace[3:35] not in given_trace
    assert len(trace) == len(TRACE)


def test_a_later_version_is_cut_to_the_fields_we_know() -> None:
    assert identify({b"traceparent": b"cc" + TRACE[2:] + b"-more"})[1] == TRACE


@given(st.binary(max_size=200), st.binary(max_size=70))
def test_whatever_is_sent_both_can_be_written_into_a_header(given_id: bytes, given_trace: bytes) -> None:
    request_id, trace = identify({b"x-request-id": given_id, b"traceparent": given_trace})
    assert request_id.decode("ascii").isprintable()
    assert [len(part) for part in trace.split(b"-")] == [2, 32, 16, 2]
