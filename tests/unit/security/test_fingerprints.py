from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.infrastructure.security.fingerprints import HmacFingerprints
from app.infrastructure.security.keys import SigningKeys
from tests.unit.security.builders import NEW, OLD, ONE_KEY, ROTATING, STRANGE

PARTS = st.lists(st.binary(max_size=20), max_size=5)


@given(PARTS, PARTS)
def test_only_equal_parts_have_equal_fingerprints(left: list[bytes], right: list[bytes]) -> None:
    fingerprints = HmacFingerprints(ONE_KEY)
    assert (fingerprints.of(*left) == fingerprints.of(*right)) is (left == right)


def test_moving_a_byte_between_parts_changes_it() -> None:
    fingerprints = HmacFingerprints(ONE_KEY)
    assert fingerprints.of(b"ab", b"c") != fingerprints.of(b"a", b"bc")


def test_another_key_gives_another_fingerprint() -> None:
    assert HmacFingerprints(ONE_KEY).of(b"yes") != HmacFingerprints(SigningKeys(STRANGE)).of(b"yes")


def test_a_rotation_leaves_stored_fingerprints_matching() -> None:
    stored = HmacFingerprints(ONE_KEY).of(b"body")
    assert HmacFingerprints(ROTATING).matches(stored, b"body")
    assert not HmacFingerprints(ROTATING).matches(stored, b"another body")


def test_a_process_that_is_still_on_the_old_key_matches_what_the_next_one_stores() -> None:
    stored = HmacFingerprints(ROTATING).of(b"body")
    assert HmacFingerprints(SigningKeys(OLD, NEW)).matches(stored, b"body")
