"""Access tokens: JWTs (RFC 7519, typ `at+jwt` of RFC 9068) through python-jose, which is far too lenient by itself."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from jose import jwk, jws

from app.application.identity.ports import AccessClaims, InvalidToken
from app.infrastructure.security import base64url
from app.infrastructure.security.keys import SigningKey, SigningKeys
from app.shared.ids import SessionId, TenantId, UserId

T = TypeVar("T")

ALGORITHM = "HS256"
FIXED_CLAIMS = {"iss": "hello-ticket", "aud": "hello-ticket-api", "typ": "access"}
MAX_TOKEN_LENGTH = 2_048
LEEWAY_SECONDS = 5
"""How far another machine's clock may be ahead of ours when it issues."""


class JwtAccessTokens:
    """HS256 only. Verified tokens are remembered by digest, so that a hot path pays for one hash and one look-up."""

    def __init__(
        self,
        keys: SigningKeys,
        *,
        lifetime_minutes: int,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], UUID] = uuid4,
        remembered: int = 20_000,
    ) -> None:
        self._lifetime = lifetime_minutes * 60
        self._clock = clock
        self._new_id = new_id
        self._room = remembered
        self._known: OrderedDict[bytes, AccessClaims] = OrderedDict()
        self._header = {"typ": "at+jwt", "kid": keys.current.kid}
        self._signing_key = _jose_key(keys.current)
        self._keys_by_header = {_header_segment(key): _jose_key(key) for key in keys.accepted}

    @property
    def lifetime_seconds(self) -> int:
        return self._lifetime

    def issue(
        self,
        *,
        user_id: UserId,
        session_id: SessionId,
        tenant_id: TenantId,
        role: str,
        is_superuser: bool,
        now: datetime,
    ) -> str:
        issued_at = int(now.timestamp())
        claims = FIXED_CLAIMS | {
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
            "sub": str(user_id),
            "sid": str(session_id),
            "tid": str(tenant_id),
            "jti": str(self._new_id()),
            "role": role,
            "su": is_superuser,
        }
        token: str = jws.sign(claims, self._signing_key, headers=self._header, algorithm=ALGORITHM)
        return token

    def verify(self, token: str) -> AccessClaims:
        if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise _refused()
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._known.get(digest)
        if claims is not None and self._clock() < claims.expires_at:
            return claims
        self._known.pop(digest, None)
        try:
            claims = self._read(token)
        except Exception as error:  # a hostile token ends in 401, whatever it made the parser do
            raise _refused() from error
        self._remember(digest, claims)
        return claims

    def _read(self, token: str) -> AccessClaims:
        """Raises whatever comes first.

        The header is compared, not parsed: only the spelling we write ourselves for a known key is let through, so no
        `alg`, `crit` or `jku` of a stranger is ever looked at. The claims are parsed after the signature is verified.
        """
        header, payload, signature = token.split(".")
        key = self._keys_by_header[header]
        base64url.decode(payload)
        base64url.decode(signature)
        return self._accepted(json.loads(jws.verify(token, key, [ALGORITHM])))

    def _accepted(self, claims: dict[str, Any]) -> AccessClaims:
        if any(claims[name] != value for name, value in FIXED_CLAIMS.items()):
            raise ValueError("made by another issuer, for another audience or for another purpose")
        issued_at, expires_at = _typed(claims["iat"], int), _typed(claims["exp"], int)
        if not issued_at - LEEWAY_SECONDS <= self._clock() < expires_at <= issued_at + self._lifetime:
            raise ValueError("not valid now, or valid for too long")
        return AccessClaims(
            user_id=UserId(_uuid(claims["sub"])),
            session_id=SessionId(_uuid(claims["sid"])),
            tenant_id=TenantId(_uuid(claims["tid"])),
            token_id=_uuid(claims["jti"]),
            role=_typed(claims["role"], str),
            is_superuser=_typed(claims["su"], bool),
            issued_at=issued_at,
            expires_at=expires_at,
        )

    def _remember(self, digest: bytes, claims: AccessClaims) -> None:
        if len(self._known) >= self._room:
            self._known.popitem(last=False)
        self._known[digest] = claims


def _jose_key(key: SigningKey) -> Any:
    """A ready key object: bytes would be tried as JSON and as a key set first."""
    return jwk.construct(key.access, ALGORITHM)


def _header_segment(key: SigningKey) -> str:
    signed: str = jws.sign({}, _jose_key(key), headers={"typ": "at+jwt", "kid": key.kid}, algorithm=ALGORITHM)
    return signed.partition(".")[0]


def _typed(value: object, expected: type[T]) -> T:
    if type(value) is not expected:
        raise TypeError(f"a claim is not of type {expected.__name__}")
    return value


def _uuid(value: object) -> UUID:
    parsed = UUID(_typed(value, str))
    if str(parsed) != value:
        raise ValueError("not the canonical spelling of a UUID")
    return parsed


def _refused() -> InvalidToken:
    return InvalidToken("The access token is not valid or has expired. Refresh it or sign in again.")
