"""Signing keys: one secret in, one derived key per purpose out, two secrets during a rotation.

A key that may only be accepted goes into SECRET_KEY_PREVIOUS. With one process, a rotation is one restart (the new key
as SECRET_KEY, the old one as SECRET_KEY_PREVIOUS). With several, the new key is first rolled out as SECRET_KEY_PREVIOUS
and then swapped, so that no process ever meets a token it can't verify.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.infrastructure.security.base64url import encode
from app.infrastructure.security.key_file import stored_secret
from app.shared.settings import Settings, SettingsFault

logger = logging.getLogger(__name__)

MIN_SECRET_BYTES = 32
MIN_DISTINCT_BYTES = 10
HOW_TO_MAKE_ONE = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
_PLACEHOLDERS = (
    "changeme",
    "changethis",
    "default",
    "development",
    "example",
    "insecure",
    "password",
    "placeholder",
    "replaceme",
    "secretkey",
    "yoursecret",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The keys of one secret. `kid` names it in token headers and tells nothing about it."""

    kid: str
    access: bytes = field(repr=False)
    cursor: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)
    link: bytes = field(repr=False)
    refresh: bytes = field(repr=False)

    @classmethod
    def derived_from(cls, secret: str) -> SigningKey:
        """HKDF-SHA256 (RFC 5869), a label per purpose: none of them gives away another."""
        material = secret.encode("utf-8", "surrogateescape")
        return cls(
            kid=encode(_derived(material, "key id", 8)),
            access=_derived(material, "access token"),
            cursor=_derived(material, "cursor"),
            fingerprint=_derived(material, "fingerprint"),
            link=_derived(material, "file link"),
            refresh=_derived(material, "refresh successor"),
        )


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """`current` signs; both verify."""

    current: SigningKey
    previous: SigningKey | None = None

    @property
    def accepted(self) -> tuple[SigningKey, ...]:
        """Every key that verifies, the signing one first."""
        return (self.current,) if self.previous is None else (self.current, self.previous)


def load_signing_keys(settings: Settings) -> SigningKeys:
    """SECRET_KEY and SECRET_KEY_PREVIOUS; in development a missing SECRET_KEY is made once under DATA_DIR/secrets.

    Raises SettingsFault when that folder can't be used, and in production for a missing or weak key. Development
    warns about a weak one and goes on.
    """
    faults = signing_key_faults(settings)
    if faults and settings.production:
        raise SettingsFault("\n".join(faults))
    for fault in faults:
        logger.warning(fault)
    secret = _given(settings.secret_key) or stored_secret(settings.data_dir / "secrets")
    previous = _given(settings.secret_key_previous)
    return SigningKeys(SigningKey.derived_from(secret), SigningKey.derived_from(previous) if previous else None)


def signing_key_faults(settings: Settings) -> tuple[str, ...]:
    """What production refuses, one sentence each. Never holds a key."""
    faults: list[str] = []
    if settings.production and not _given(settings.secret_key):
        faults.append(f"SECRET_KEY is not set, and production never makes one by itself. {HOW_TO_MAKE_ONE}")
    for name, value in (("SECRET_KEY", settings.secret_key), ("SECRET_KEY_PREVIOUS", settings.secret_key_previous)):
        weakness = _weakness(_given(value))
        if weakness:
            faults.append(f"{name} {weakness}. {HOW_TO_MAKE_ONE}")
    return tuple(faults)


def _weakness(secret: str) -> str:
    if not secret:
        return ""
    material = secret.encode("utf-8", "surrogateescape")
    if len(material) < MIN_SECRET_BYTES:
        return f"is shorter than {MIN_SECRET_BYTES} bytes"
    if len(set(material)) < MIN_DISTINCT_BYTES:
        return "repeats a few characters"
    plain = "".join(character for character in secret.casefold() if character.isalnum())
    if any(word in plain for word in _PLACEHOLDERS):
        return "looks like a placeholder from an example"
    return ""


def _given(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def _derived(material: bytes, purpose: str, length: int = 32) -> bytes:
    info = f"hello-ticket v1 {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(material)
