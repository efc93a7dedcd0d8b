"""Refresh tokens: `htr_` + base64url(tenant_id 16 | session_id 16 | secret 32 bytes)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from uuid import UUID

from app.application.identity.ports import InvalidToken, RefreshHandle
from app.infrastructure.security import base64url
from app.infrastructure.security.keys import SigningKeys
from app.shared.ids import SessionId, TenantId

PREFIX = "htr_"
_SECRET_BYTES = 32
_LENGTH = len(PREFIX) + len(base64url.encode(bytes(32 + _SECRET_BYTES)))


class HmacRefreshSecrets:
    def __init__(self, keys: SigningKeys, *, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._keys = tuple(key.refresh for key in keys.accepted)
        self._random = random

    def new(self, *, tenant_id: TenantId, session_id: SessionId) -> str:
        return _token(tenant_id.bytes + session_id.bytes + self._random(_SECRET_BYTES))

    def successor(self, token: str) -> str:
        return _succeeding(self._keys[0], _content(token))

    def successors(self, token: str) -> tuple[str, ...]:
        content = _content(token)
        return tuple(_succeeding(key, content) for key in self._keys)

    def digest(self, token: str) -> bytes:
        """SHA-256 is enough: 256 random bits can't be searched for."""
        return hashlib.sha256(_content(token)).digest()

    def parse(self, token: str) -> RefreshHandle:
        content = _content(token)
        return RefreshHandle(TenantId(UUID(bytes=content[:16])), SessionId(UUID(bytes=content[16:32])))


def _succeeding(key: bytes, content: bytes) -> str:
    """Without the key, a used token that leaks does not lead to its successor."""
    return _token(content[:32] + hmac.digest(key, content, "sha256"))


def _token(content: bytes) -> str:
    return PREFIX + base64url.encode(content)


def _content(token: str) -> bytes:
    if len(token) != _LENGTH or not token.startswith(PREFIX):
        raise _refused()
    try:
        return base64url.decode(token[len(PREFIX) :])
    except ValueError as error:
        raise _refused() from error


def _refused() -> InvalidToken:
    return InvalidToken("The refresh token is not valid. Sign in again.")
