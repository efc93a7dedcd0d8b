from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.application.identity.ports import InvalidToken
from app.infrastructure.security.keys import SigningKeys
from app.infrastructure.security.refresh import HmacRefreshSecrets
from tests.unit.security.builders import (
    NEW,
    OLD,
    ONE_KEY,
    ROTATING,
    SESSION,
    TENANT,
    every_changed_character,
)

ALPHABET = string.ascii_letters + string.digits + "-_"
SECRETS = HmacRefreshSecrets(ONE_KEY, random=lambda count: bytes(range(count)))
TOKEN = SECRETS.new(tenant_id=TENANT, session_id=SESSION)


def content(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.removeprefix("htr_") + "==")


def test_a_token_is_its_tenant_its_session_and_32_secret_bytes() -> None:
    assert TOKEN.startswith("htr_")
    assert content(TOKEN) == TENANT.bytes + SESSION.bytes + bytes(range(32))


def test_two_tokens_of_one_session_have_nothing_else_in_common() -> None:
    secrets = HmacRefreshSecrets(ONE_KEY)
    first, second = (content(secrets.new(tenant_id=TENANT, session_id=SESSION)) for _ in range(2))
    assert first[:32] == second[:32]
    assert first[32:] != second[32:]


def test_a_changed_character_anywhere_is_refused_or_has_another_digest() -> None:
    stored = SECRETS.digest(TOKEN)
    for changed in every_changed_character(TOKEN, ALPHABET):
        try:
            assert SECRETS.digest(changed) != stored
        except InvalidToken:
            continue


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "htr_",
        TOKEN + "=",
        TOKEN + "\n",
        TOKEN[:-1],
        TOKEN[:-1] + chr(ord(TOKEN[-1]) + 1),
        TOKEN[:-1] + "=",
        TOKEN[:-1] + "é",
        TOKEN[:-1] + "\ud800",
        TOKEN[:10] + " " + TOKEN[11:],
        TOKEN.replace("htr_", "HTR_"),
        "x" * 1_000_000,
    ],
)
def test_any_other_spelling_is_refused_by_every_method(hostile: str) -> None:
    for method in (SECRETS.parse, SECRETS.digest, SECRETS.successor, SECRETS.successors):
        with pytest.raises(InvalidToken):
            method(hostile)


@given(st.text(max_size=120))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        SECRETS.parse("htr_" + text[:85])


def test_the_successor_can_not_be_computed_without_the_key() -> None:
    assert SECRETS.successor(TOKEN) != HmacRefreshSecrets(SigningKeys(NEW)).successor(TOKEN)


def test_a_retry_across_a_rotation_finds_the_successor_that_was_stored() -> None:
    stored = SECRETS.digest(SECRETS.successor(TOKEN))
    rotated = HmacRefreshSecrets(ROTATING)
    assert stored in {rotated.digest(token) for token in rotated.successors(TOKEN)}


def test_a_retry_at_a_process_still_on_the_old_key_finds_it_too() -> None:
    stored = SECRETS.digest(HmacRefreshSecrets(ROTATING).successor(TOKEN))
    waiting = HmacRefreshSecrets(SigningKeys(OLD, NEW))
    assert stored in {waiting.digest(token) for token in waiting.successors(TOKEN)}
