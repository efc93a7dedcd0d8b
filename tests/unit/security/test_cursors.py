from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.application.cursors import InvalidCursor
from app.infrastructure.security import base64url
from app.infrastructure.security.cursors import MAX_CURSOR_LENGTH, HmacCursorSigner
from app.infrastructure.security.keys import SigningKeys
from tests.unit.security.builders import ONE_KEY, ROTATING, STRANGE, every_changed_character

ALPHABET = string.ascii_letters + string.digits + "-_"
SIGNER = HmacCursorSigner(ONE_KEY)
CURSOR = SIGNER.seal(("2026-03-01T12:00:00Z", "01890a5d"), binding="tenant products status=active")


def test_a_changed_character_anywhere_is_refused() -> None:
    for changed in every_changed_character(CURSOR, ALPHABET):
        with pytest.raises(InvalidCursor):
            SIGNER.open(changed, binding="tenant products status=active")


@given(st.text(max_size=100))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        SIGNER.open(text, binding="tenant products status=active")


@pytest.mark.parametrize("padded", [CURSOR + "=", CURSOR + "==", CURSOR + "\n", " " + CURSOR, CURSOR + "!!"])
def test_another_spelling_of_the_same_bytes_is_refused(padded: str) -> None:
    with pytest.raises(InvalidCursor):
        SIGNER.open(padded, binding="tenant products status=active")


def test_a_huge_cursor_is_refused_unread() -> None:
    with pytest.raises(InvalidCursor):
        SIGNER.open("A" * 1_000_000, binding="")


def test_a_longer_cursor_is_refused_even_when_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as uncapped:
        uncapped.setattr("app.infrastructure.security.cursors.MAX_CURSOR_LENGTH", 1_000_000)
        sealed = SIGNER.seal(("x" * MAX_CURSOR_LENGTH,), binding="")
    with pytest.raises(InvalidCursor):
        SIGNER.open(sealed, binding="")


def test_a_part_of_the_position_can_not_be_moved_into_the_binding() -> None:
    sealed = base64url.decode(SIGNER.seal(("a", "b"), binding="tenant"))
    mac, first, rest = sealed[:32], sealed[32:41], sealed[41:]
    with pytest.raises(InvalidCursor):
        SIGNER.open(base64url.encode(mac + rest), binding="tenant" + first.decode())


def test_a_cursor_of_a_strange_key_is_refused() -> None:
    strange = HmacCursorSigner(SigningKeys(STRANGE)).seal(("x",), binding="b")
    with pytest.raises(InvalidCursor):
        SIGNER.open(strange, binding="b")


def test_the_longest_cursor_can_be_opened_and_a_longer_one_is_not_made() -> None:
    longest = MAX_CURSOR_LENGTH * 3 // 4 - 32 - 8
    sealed = SIGNER.seal(("x" * longest,), binding="")
    assert len(sealed) == MAX_CURSOR_LENGTH
    assert SIGNER.open(sealed, binding="") == ("x" * longest,)
    with pytest.raises(ValueError, match="too long"):
        SIGNER.seal(("x" * (longest + 1),), binding="")


def test_a_rotation_leaves_cursors_working() -> None:
    assert HmacCursorSigner(ROTATING).open(CURSOR, binding="tenant products status=active")[1] == "01890a5d"


@given(st.binary())
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert not set(text) - set(ALPHABET)


@pytest.mark.parametrize("spelling", ["QQ==", "QR", "Q", "Q Q", "QUI+", "QUI/", "é"])
def test_any_other_spelling_is_no_base64url(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|padded|padding|ASCII|ascii|multiple of 4|1 more"):
        base64url.decode(spelling)
