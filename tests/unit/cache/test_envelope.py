from __future__ import annotations

import pytest

from app.infrastructure.cache.envelope import LARGEST_VALUE, LONGEST_TTL, Envelope
from tests.unit.cache.fakes import Ticking


def _sealed(envelope: Envelope, ttl: float = 0.4) -> bytes:
    sealed = envelope.seal("t1:k", b"page", ttl)
    assert sealed is not None
    return sealed


def test_a_value_opens_under_its_own_key() -> None:
    envelope = Envelope(Ticking())

    assert envelope.open("t1:k", _sealed(envelope)) == b"page"


def test_another_keys_answer_is_refused() -> None:
    """What a cancelled call left in a connection would reach the next caller, perhaps of another tenant."""
    envelope = Envelope(Ticking())

    assert envelope.open("t2:k", _sealed(envelope)) is None


@pytest.mark.parametrize("found", [b"", b"page", b"HT00" + bytes(60), bytes(60)])
def test_bytes_that_we_did_not_write_are_refused(found: bytes) -> None:
    assert Envelope(Ticking()).open("t1:k", found) is None


def test_a_value_does_not_open_after_its_end() -> None:
    clock = Ticking()
    envelope = Envelope(clock)
    sealed = _sealed(envelope, ttl=0.4)
    clock.forward(0.4)

    assert envelope.open("t1:k", sealed) is None


def test_a_wall_clock_that_is_set_back_a_little_does_not_lengthen_a_life() -> None:
    """The twin has the wall clock alone, and shows the entry 0.3 s after its end."""
    wall, steady = Ticking(), Ticking()
    both, alone = Envelope(wall, steady), Envelope(wall)
    sealed_by_both, sealed_alone = _sealed(both, ttl=0.4), _sealed(alone, ttl=0.4)
    steady.forward(0.7)
    wall.forward(0.7 - 0.5)

    assert both.open("t1:k", sealed_by_both) is None
    assert alone.open("t1:k", sealed_alone) == b"page"


def test_an_end_that_is_too_far_away_is_refused() -> None:
    """Written by a clock that was ahead; it would come back when ours gets there."""
    clock = Ticking()
    envelope = Envelope(clock)
    sealed = _sealed(envelope)
    clock.forward(-3_600)

    assert envelope.open("t1:k", sealed) is None


def test_a_life_is_cut_to_the_longest() -> None:
    clock = Ticking()
    envelope = Envelope(clock)
    sealed = _sealed(envelope, ttl=3_600)
    clock.forward(LONGEST_TTL + 0.001)

    assert envelope.lifetime(3_600) == LONGEST_TTL
    assert envelope.open("t1:k", sealed) is None


@pytest.mark.parametrize(("value", "ttl"), [(b"page", 0.0), (b"page", -1.0), (b"x" * (LARGEST_VALUE + 1), 0.4)])
def test_nothing_is_sealed_without_time_left_or_above_the_largest_size(value: bytes, ttl: float) -> None:
    assert Envelope(Ticking()).seal("t1:k", value, ttl) is None
