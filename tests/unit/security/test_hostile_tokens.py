"""PROMISES 1: each forgery is refused with the same error, at once."""

from __future__ import annotations

import json
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import jwk, jws

from app.application.identity.ports import InvalidToken
from app.infrastructure.security.base64url import encode
from app.infrastructure.security.keys import SigningKey
from app.infrastructure.security.tokens import MAX_TOKEN_LENGTH, JwtAccessTokens
from tests.unit.security.builders import (
    NOW,
    OLD,
    ONE_KEY,
    SESSION,
    STRANGE,
    TENANT,
    TOKEN_ID,
    USER,
    SettableClock,
    every_changed_character,
)

ALPHABET = string.ascii_letters + string.digits + "-_"
SUBJECT = JwtAccessTokens(ONE_KEY, lifetime_minutes=15, clock=SettableClock(), new_id=lambda: TOKEN_ID)
GENUINE = SUBJECT.issue(user_id=USER, session_id=SESSION, tenant_id=TENANT, role="owner", is_superuser=True, now=NOW)
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": OLD.kid}
CLAIMS: dict[str, Any] = json.loads(jws.get_unverified_claims(GENUINE))
ISSUED = int(NOW.timestamp())


def signed(header: str, payload: str, key: SigningKey = OLD) -> str:
    """What somebody who holds the access key could make, to show that the checks behind the signature hold too."""
    return signed_as_spelled(encode(header.encode()), encode(payload.encode()), key)


def signed_as_spelled(header: str, payload: str, key: SigningKey = OLD) -> str:
    spelled = f"{header}.{payload}"
    return f"{spelled}.{encode(jwk.construct(key.access, 'HS256').sign(spelled.encode()))}"


def with_header(**members: Any) -> str:
    return signed(spell(HEADER | members), spell(CLAIMS))


def with_claims(**members: Any) -> str:
    return signed(spell(HEADER), spell(CLAIMS | members))


def without(claim: str) -> str:
    return signed(spell(HEADER), spell({name: value for name, value in CLAIMS.items() if name != claim}))


def spell(content: dict[str, Any]) -> str:
    """As python-jose writes headers."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_a_forgery_without_a_fault_would_be_accepted() -> None:
    assert SUBJECT.verify(signed(spell(HEADER), spell(CLAIMS))) == SUBJECT.verify(GENUINE)
    assert SUBJECT.verify(with_claims(auth_time=ISSUED)).user_id == USER


HOSTILE_HEADERS = {
    "alg none": with_header(alg="none"),
    "alg none, no signature": f"{encode(spell(HEADER | {'alg': 'none'}).encode())}.{GENUINE.split('.')[1]}.",
    "alg NONE": with_header(alg="NonE"),
    "alg RS256": with_header(alg="RS256"),
    "alg HS512": with_header(alg="HS512"),
    "alg lower case": with_header(alg="hs256"),
    "alg missing": signed(spell({"typ": "at+jwt", "kid": OLD.kid}), spell(CLAIMS)),
    "alg a list": with_header(alg=["HS256"]),
    "typ JWT": with_header(typ="JWT"),
    "typ missing": signed(spell({"alg": "HS256", "kid": OLD.kid}), spell(CLAIMS)),
    "kid missing": signed(spell({"alg": "HS256", "typ": "at+jwt"}), spell(CLAIMS)),
    "kid unknown": with_header(kid="AAAAAAAAAAA"),
    "kid a path": with_header(kid="../../dev/null"),
    "kid null": with_header(kid=None),
    "crit": with_header(crit=["exp"]),
    "crit unknown": with_header(crit=["http://example.com/x"], **{"http://example.com/x": True}),
    "b64 false": with_header(b64=False, crit=["b64"]),
    "jku": with_header(jku="https://attacker.example/keys"),
    "jwk": with_header(jwk={"kty": "oct", "k": "AA"}),
    "x5u": with_header(x5u="https://attacker.example/cert"),
    "x5c": with_header(x5c=["AA"]),
    "zip": with_header(zip="DEF"),
    "nested 1,000 deep": signed(nested(500), spell(CLAIMS)),
    "nested beyond the cap": signed('{"alg":' + nested(1_000) + "}", spell(CLAIMS)),
    "duplicate alg": signed('{"alg":"none",' + spell(HEADER)[1:], spell(CLAIMS)),
    "spaced": signed(json.dumps(HEADER), spell(CLAIMS)),
    "not an object": signed("[]", spell(CLAIMS)),
    "not JSON": signed("nonsense", spell(CLAIMS)),
    "strange key": signed(spell(HEADER), spell(CLAIMS), STRANGE),
    "strange key with its own kid": signed(spell(HEADER | {"kid": STRANGE.kid}), spell(CLAIMS), STRANGE),
}

HOSTILE_CLAIMS = {
    **{f"{claim} missing": without(claim) for claim in CLAIMS},
    **{f"{claim} null": with_claims(**{claim: None}) for claim in CLAIMS},
    **{f"{claim} a list": with_claims(**{claim: [CLAIMS[claim]]}) for claim in CLAIMS},
    **{f"{claim} an object": with_claims(**{claim: {}}) for claim in CLAIMS},
    **{f"{claim} empty": with_claims(**{claim: ""}) for claim in CLAIMS if claim != "role"},
    "iss of another": with_claims(iss="hello-ticket.example"),
    "aud of another": with_claims(aud="another-api"),
    "purpose refresh": with_claims(typ="refresh"),
    "purpose challenge": with_claims(typ="2fa"),
    "exp text": with_claims(exp=str(ISSUED + 900)),
    "exp float": with_claims(exp=ISSUED + 900.5),
    "exp true": with_claims(exp=True),
    "exp infinite": signed(spell(HEADER), spell(CLAIMS).replace(str(ISSUED + 900), "Infinity")),
    "exp NaN": signed(spell(HEADER), spell(CLAIMS).replace(str(ISSUED + 900), "NaN")),
    "exp of 1,000 digits": signed(spell(HEADER), spell(CLAIMS).replace(str(ISSUED + 900), "9" * 1_000)),
    "exp past": with_claims(exp=ISSUED, iat=ISSUED - 900),
    "exp later than allowed": with_claims(exp=ISSUED + 901),
    "exp before iat": with_claims(exp=ISSUED - 1),
    "exp negative": with_claims(exp=-1),
    "iat text": with_claims(iat=str(ISSUED)),
    "iat future": with_claims(iat=ISSUED + 60, exp=ISSUED + 900),
    "sub no UUID": with_claims(sub="admin"),
    "sub upper case": with_claims(sub=str(USER).upper()),
    "sub braces": with_claims(sub="{" + str(USER) + "}"),
    "sub urn": with_claims(sub=f"urn:uuid:{USER}"),
    "sid plain hex": with_claims(sid=SESSION.hex),
    "tid number": with_claims(tid=TENANT.int),
    "jti spaced": with_claims(jti=f" {TOKEN_ID}"),
    "role number": with_claims(role=1),
    "su number": with_claims(su=1),
    "su text": with_claims(su="true"),
    "payload a list": signed(spell(HEADER), "[]"),
    "payload a number": signed(spell(HEADER), "1"),
    "payload text": signed(spell(HEADER), '"claims"'),
    "payload empty": signed(spell(HEADER), ""),
    "payload nested deep": signed(spell(HEADER), "[" * 1_400),
    "payload nested and whole": signed(spell(HEADER), nested(700)),
}

HOSTILE_SPELLINGS = {
    "junk behind": GENUINE + "!!",
    "padding": GENUINE + "=",
    "double padding": GENUINE + "==",
    "newline behind": GENUINE + "\n",
    "space before": " " + GENUINE,
    "space inside": GENUINE[:100] + " " + GENUINE[100:],
    "NUL": GENUINE + "\0",
    "non-ASCII digit": GENUINE + "٣",
    "lone surrogate": GENUINE + "\ud800",
    "full width": GENUINE[:-1] + "Ａ",
    "empty": "",
    "dots": "..",
    "many dots": "." * MAX_TOKEN_LENGTH,
    "two segments": GENUINE.rpartition(".")[0],
    "four segments": GENUINE + ".AAAA",
    "five segments (JWE)": GENUINE + ".AAAA.AAAA",
    "no header": "." + GENUINE.split(".", 1)[1],
    "no payload": ".".join((GENUINE.split(".")[0], "", GENUINE.split(".")[2])),
    "no signature": GENUINE.rpartition(".")[0] + ".",
    "padded payload": GENUINE.replace(".", "=.", 2),
    "stray bits in the signature": GENUINE[:-1] + ALPHABET[(ALPHABET.index(GENUINE[-1]) + 1) % 64],
    "signed with padding": signed_as_spelled(encode(spell(HEADER).encode()), encode(spell(CLAIMS).encode()) + "=="),
    "signed with junk": signed_as_spelled(encode(spell(HEADER).encode()), encode(spell(CLAIMS).encode()) + "!!"),
    "signed, padded header": signed_as_spelled(encode(spell(HEADER).encode()) + "=", encode(spell(CLAIMS).encode())),
    "signed but too long": with_claims(extra="x" * MAX_TOKEN_LENGTH),
    "bearer": f"Bearer {GENUINE}",
    "huge": GENUINE + "A" * 1_000_000,
    "huge header": "A" * 5_000_000 + ".A.A",
}


@pytest.mark.parametrize("name", [*HOSTILE_HEADERS, *HOSTILE_CLAIMS, *HOSTILE_SPELLINGS])
def test_a_hostile_token_is_refused_at_once(name: str) -> None:
    token = {**HOSTILE_HEADERS, **HOSTILE_CLAIMS, **HOSTILE_SPELLINGS}[name]
    started = time.thread_time()
    with pytest.raises(InvalidToken) as refused:
        SUBJECT.verify(token)
    assert time.thread_time() - started < 0.02
    assert (refused.value.code, refused.value.extra, refused.value.errors) == ("invalid_token", {}, ())


def test_a_changed_character_anywhere_is_refused() -> None:
    for changed in every_changed_character(GENUINE, ALPHABET + "."):
        with pytest.raises(InvalidToken):
            SUBJECT.verify(changed)


@given(st.text(max_size=400))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        SUBJECT.verify(text)


@given(st.integers(0, len(GENUINE) - 1), st.characters())
def test_any_other_character_anywhere_is_refused(at: int, character: str) -> None:
    if GENUINE[at] != character:
        with pytest.raises(InvalidToken):
            SUBJECT.verify(GENUINE[:at] + character + GENUINE[at + 1 :])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5))
def test_any_json_that_is_signed_but_no_set_of_claims_is_refused(payload: object) -> None:
    with pytest.raises(InvalidToken):
        SUBJECT.verify(signed(spell(HEADER), json.dumps(payload)))
