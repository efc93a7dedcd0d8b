from __future__ import annotations

from typing import Any

import pytest

from app.infrastructure.observability.redaction import HIDDEN, redact, scrub

SECRET = "canary-4f1d0f2e"


@pytest.mark.parametrize(
    "name",
    [
        "password", "new_password", "passphrase", "secret", "client_secret", "token", "refresh_token", "Authorization",
        "set-cookie", "otp", "totp_seed", "recovery_codes", "api_key", "apiKey", "key", "signing_key", "x-signature",
        "database_url", "private_note", "credentials", "verification_code", "pin",
    ],
)  # fmt: skip
def test_a_secret_is_hidden_by_its_name_at_every_depth(name: str) -> None:
    event: dict[str, Any] = {name: SECRET, "a": {name: SECRET, "b": [{name: SECRET}, ({name: [SECRET]},)]}}
    assert SECRET not in str(redact(None, "", event))
    assert event[name] == HIDDEN


@pytest.mark.parametrize(
    "name", ["event", "code", "status_code", "token_type", "route", "monkey", "keyboard", "tenant_id"]
)
def test_what_is_no_secret_stays(name: str) -> None:
    assert redact(None, "", {name: "x", "n": 1, "f": None}) == {name: "x", "n": 1, "f": None}


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"basic {SECRET}==",
        f"got eyJhbGciOiJIUzI1NiJ9.{SECRET}.c2ln",
        f"key ht_live_{SECRET}",
        f"key whsec_{SECRET}+/w==",
        f"SG.{SECRET}.{SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
        f"auth_token={SECRET}",
        f"postgresql://app:{SECRET}@db/x",
        f"postgresql://app:p@ss{SECRET}@db/x",
        f"amqp://hello:p/w{SECRET}@rabbitmq:5672/",
        f"connecting to 'redis://:{SECRET}@cache', retrying",
        f"redis://:{SECRET}@cache",
        f"login(password='{SECRET}', x=1)",
        f'{{"new_password": "{SECRET} {SECRET}"}}',
        f"otp={SECRET}",
        f"DETAIL:  Key (email)=({SECRET}) already exists.",
    ],
)
def test_a_credential_inside_a_text_is_hidden(text: str) -> None:
    assert SECRET not in scrub(text)
    assert HIDDEN in scrub(text)


def test_an_ordinary_text_stays() -> None:
    text = "GET /api/v1/orders/7 took 12 ms; see https://example.com/keys and the token route"
    assert scrub(text) == text


def test_endless_nesting_is_cut() -> None:
    deep: Any = SECRET
    for _ in range(50):
        deep = {"a": [deep]}
    assert SECRET not in str(redact(None, "", {"deep": deep}))
