"""Sealing: AES-256-GCM (NIST SP 800-38D) under keys derived from SECRET_KEY, for secrets that must be read again.

A sealed text is: format 1 byte | key id 8 bytes | nonce 12 bytes | ciphertext and tag. Nonces are random: at 2**32
texts under one key the chance of a repeat is still below 2**-32.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.application.sealing import SealBroken
from app.infrastructure.security.key_file import stored_secret
from app.shared.settings import Settings

_FORMAT = b"\x01"
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEADER_BYTES = len(_FORMAT) + _ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class SealingKey:
    """`id` stands in front of what the key sealed and tells nothing about it."""

    id: bytes
    key: bytes = field(repr=False)

    @classmethod
    def derived_from(cls, secret: str) -> SealingKey:
        """HKDF-SHA256 (RFC 5869), labels of its own: no signing key gives it away."""
        material = secret.encode("utf-8", "surrogateescape")
        return cls(_derived(material, "sealing key id", _ID_BYTES), _derived(material, "sealing", 32))


class AesGcmSealer:
    """`current` seals, all open. Raises SealBroken as its port says."""

    def __init__(
        self, current: SealingKey, *previous: SealingKey, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._current = current
        self._known = {key.id: AESGCM(key.key) for key in (current, *previous)}
        self._random = random

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        header = _FORMAT + self._current.id + nonce
        return header + self._known[self._current.id].encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        header, text = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        cipher = self._known.get(header[1 : 1 + _ID_BYTES])
        if cipher is None or header[:1] != _FORMAT or len(header) != _HEADER_BYTES:
            raise _broken()
        try:
            return cipher.decrypt(header[-_NONCE_BYTES:], text, purpose.encode())
        except InvalidTag as error:
            raise _broken() from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether it opens without SECRET_KEY_PREVIOUS."""
        return sealed[1 : 1 + _ID_BYTES] == self._current.id


def load_sealer(settings: Settings) -> AesGcmSealer:
    """SECRET_KEY seals, SECRET_KEY_PREVIOUS opens as well; in development the stored secret takes its place."""
    current = _given(settings.secret_key) or stored_secret(settings.data_dir / "secrets")
    previous = _given(settings.secret_key_previous)
    return AesGcmSealer(SealingKey.derived_from(current), *([SealingKey.derived_from(previous)] if previous else ()))


def _given(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def _broken() -> SealBroken:
    return SealBroken("What was sealed can't be opened; was SECRET_KEY changed without SECRET_KEY_PREVIOUS?")


def _derived(material: bytes, purpose: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"hello-ticket v1 {purpose}".encode()).derive(
        material
    )
