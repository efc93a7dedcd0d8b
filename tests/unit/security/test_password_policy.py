from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity.password import WeakPassword, check_password


def reason(password: str, *context: str) -> str:
    """The code of the refusal, or nothing."""
    try:
        check_password(password, context=context)
    except WeakPassword as refused:
        return refused.errors[0].code
    return ""


@pytest.mark.parametrize("length", [12, 13, 72, 73, 255, 256])
def test_twelve_to_256_characters_are_taken(length: int) -> None:
    assert reason(("tr0ubadour & kites, " * 13)[:length]) == ""


@pytest.mark.parametrize("length", [0, 1, 11])
def test_fewer_than_twelve_are_refused(length: int) -> None:
    assert reason("mQ7#vL2!xZ9"[:length]) == "too_short"


@pytest.mark.parametrize("length", [257, 5_000])
def test_more_than_256_are_refused(length: int) -> None:
    assert reason("x" * length) == "too_long"


@pytest.mark.parametrize(
    "password",
    ["жёлтый подводный", "🎫🎟️🎪🎭🎨🎬🎤🎧🎼🎹🥁🎷", "密码很长很长很长很长很长长", "correct horse battery staple"],
)
def test_any_script_and_no_composition_rule(password: str) -> None:
    assert reason(password) == ""


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "PassWord-1234",
        "P@ssw0rd1234!",
        "123456789012",
        "qwertyuiop123",
        "pa55word pa55word",
        "ｐａｓｓｗｏｒｄ１２３４",
    ],
)
def test_what_is_tried_first_is_refused_in_every_spelling(password: str) -> None:
    assert reason(password) == "common_password"


def test_a_long_sentence_around_a_common_password_is_taken() -> None:
    assert reason("unbelievable, 42 kites over Lisbon") == ""


@pytest.mark.parametrize(
    "password",
    ["Margaret.Hamilton", "m4rg4ret1969", "hamiltonhamilton", "Hello-Ticket-26", "helloticket42", "grand-hall-123"],
)
def test_what_others_know_of_the_person_or_the_product_is_refused(password: str) -> None:
    assert reason(password, "m.hamilton", "Margaret Hamilton", "Grand Hall") == "context_word"


def test_a_name_inside_a_longer_password_is_taken() -> None:
    assert reason("margaret wove memory from wire", "Margaret Hamilton") == ""


def test_initials_are_no_context() -> None:
    assert reason("banana alabama canal", "a", "an", "al", "la", "") == ""


def test_a_short_name_does_not_hide_a_longer_one() -> None:
    assert reason("hamiltonhamilton", "Ham Hamilton") == "context_word"


def test_half_a_character_is_refused() -> None:
    assert reason("a password with \ud83d inside") == "not_text"


def test_the_refusal_names_the_field_and_never_the_password() -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password("password1234", pointer="/new_password")
    assert refused.value.code == "weak_password"
    assert refused.value.errors[0].pointer == "/new_password"
    assert "password1234" not in refused.value.message


def test_a_megabyte_is_refused_in_no_time() -> None:
    megabyte = "é" * 1_000_000
    started = time.thread_time()
    assert reason(megabyte, "margaret", megabyte) == "too_long"
    assert time.thread_time() - started < 0.001


def test_the_longest_password_against_the_longest_context_is_quick() -> None:
    context = ("word" * 20 + " " + "ﷺ" * 1_000_000,) * 100
    started = time.thread_time()
    reason("ﷺ" * 256, *context)
    assert time.thread_time() - started < 1


@given(st.text(), st.lists(st.text()))
def test_any_text_is_taken_or_refused(password: str, context: list[str]) -> None:
    assert reason(password, *context) in {"", "too_short", "too_long", "not_text", "common_password", "context_word"}
