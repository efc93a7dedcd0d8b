from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from jose import jwt

from app.application.identity.ports import AccessClaims, InvalidToken
from app.infrastructure.security.keys import SigningKeys
from app.infrastructure.security.tokens import JwtAccessTokens
from app.shared.ids import SessionId
from tests.unit.security.builders import (
    NEW,
    NOW,
    OLD,
    ONE_KEY,
    ROTATING,
    SESSION,
    TENANT,
    TOKEN_ID,
    USER,
    SettableClock,
)


def tokens(clock: SettableClock, keys: SigningKeys = ONE_KEY, *, remembered: int = 100) -> JwtAccessTokens:
    return JwtAccessTokens(keys, lifetime_minutes=15, clock=clock, new_id=lambda: TOKEN_ID, remembered=remembered)


def issued(by: JwtAccessTokens, *, session: SessionId = SESSION, seconds: int = 0) -> str:
    return by.issue(
        user_id=USER,
        session_id=session,
        tenant_id=TENANT,
        role="member",
        is_superuser=False,
        now=NOW + timedelta(seconds=seconds),
    )


def test_a_token_carries_who_is_asking() -> None:
    subject = tokens(SettableClock())
    assert subject.verify(issued(subject)) == AccessClaims(
        user_id=USER,
        session_id=SESSION,
        tenant_id=TENANT,
        token_id=TOKEN_ID,
        role="member",
        is_superuser=False,
        issued_at=int(NOW.timestamp()),
        expires_at=int(NOW.timestamp()) + 900,
    )


def test_the_written_claims_are_the_promised_ones() -> None:
    token = issued(tokens(SettableClock()))
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt", "kid": OLD.kid}
    assert jwt.get_unverified_claims(token) == {
        "iss": "hello-ticket",
        "aud": "hello-ticket-api",
        "typ": "access",
        "iat": 1772366400,
        "exp": 1772367300,
        "sub": str(USER),
        "sid": str(SESSION),
        "tid": str(TENANT),
        "jti": str(TOKEN_ID),
        "role": "member",
        "su": False,
    }


def test_a_token_lives_for_the_configured_minutes_and_not_a_second_longer() -> None:
    clock = SettableClock()
    subject = tokens(clock)
    token = issued(subject)
    clock.seconds += subject.lifetime_seconds - 1
    assert subject.verify(token).role == "member"
    clock.seconds += 1
    with pytest.raises(InvalidToken):
        subject.verify(token)


def test_a_token_never_seen_before_expires_as_well() -> None:
    clock = SettableClock()
    token = issued(tokens(clock))
    clock.seconds += 900
    with pytest.raises(InvalidToken):
        tokens(clock).verify(token)


def test_another_machine_may_be_five_seconds_ahead_and_no_more() -> None:
    subject = tokens(SettableClock())
    assert subject.verify(issued(subject, seconds=5)).issued_at == int(NOW.timestamp()) + 5
    with pytest.raises(InvalidToken):
        subject.verify(issued(subject, seconds=6))


def test_a_verified_token_is_remembered_and_no_text_of_it_kept() -> None:
    subject = tokens(SettableClock())
    token = issued(subject)
    assert subject.verify(token) is subject.verify(token)
    assert all(token.encode() not in digest and len(digest) == 32 for digest in subject._known)


def test_an_expired_token_is_forgotten() -> None:
    clock = SettableClock()
    subject = tokens(clock)
    token = issued(subject)
    subject.verify(token)
    clock.seconds += 900
    with pytest.raises(InvalidToken):
        subject.verify(token)
    assert len(subject._known) == 0


def test_a_refused_token_is_not_remembered() -> None:
    subject = tokens(SettableClock())
    with pytest.raises(InvalidToken):
        subject.verify(issued(subject)[:-4])
    assert len(subject._known) == 0


def test_the_memory_is_bounded_and_drops_the_oldest() -> None:
    subject = tokens(SettableClock(), remembered=3)
    seen = [issued(subject, session=SessionId(uuid4())) for _ in range(5)]
    first = [subject.verify(token) for token in seen]
    assert len(subject._known) == 3
    assert subject.verify(seen[4]) is first[4]
    assert subject.verify(seen[0]) is not first[0]


def test_a_rotation_leaves_tokens_of_the_old_key_working() -> None:
    clock = SettableClock()
    rotated = tokens(clock, ROTATING)
    assert rotated.verify(issued(tokens(clock))).user_id == USER
    assert jwt.get_unverified_header(issued(rotated))["kid"] == NEW.kid


def test_a_key_that_waits_for_its_turn_is_accepted() -> None:
    clock = SettableClock()
    assert tokens(clock, SigningKeys(OLD, NEW)).verify(issued(tokens(clock, ROTATING))).user_id == USER


def test_once_the_old_key_is_gone_its_tokens_are_refused() -> None:
    clock = SettableClock()
    with pytest.raises(InvalidToken):
        tokens(clock, SigningKeys(NEW)).verify(issued(tokens(clock)))


def test_real_ids_and_the_real_clock_are_the_defaults() -> None:
    subject = JwtAccessTokens(ONE_KEY, lifetime_minutes=15)
    with pytest.raises(InvalidToken):
        subject.verify(issued(subject, seconds=-900_000_000))
