"""Links to files: the tenant and an HMAC-SHA256 (RFC 2104) over tenant, file and expiry, in base64url."""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from uuid import UUID

from app.application.files.ports import InvalidLink
from app.application.ports import Clock
from app.infrastructure.security import base64url
from app.infrastructure.security.fingerprints import joined
from app.infrastructure.security.keys import SigningKeys
from app.shared.ids import FileId, TenantId

_TENANT_BYTES = 16
_SIGNATURE_LENGTH = 64
"""Characters: 16 bytes of the tenant and 32 of the HMAC."""
_SECONDS = re.compile(r"[1-9][0-9]{0,11}")


class HmacFileLinks:
    """`base_url` is where the public reaches this application; the request's Host has no say in it."""

    def __init__(self, keys: SigningKeys, base_url: str, clock: Clock) -> None:
        self._key = keys.current.link
        self._accepted = tuple(key.link for key in keys.accepted)
        self._base_url = base_url.rstrip("/")
        self._clock = clock

    def url(self, tenant_id: TenantId, file_id: FileId, lifetime: timedelta) -> str:
        expires = str(int((self._clock.now() + lifetime).timestamp()))
        signature = base64url.encode(tenant_id.bytes + _mac(self._key, tenant_id.bytes, file_id, expires))
        return f"{self._base_url}/api/v1/files/{file_id}?expires={expires}&signature={signature}"

    def check(self, file_id: FileId, *, expires: str, signature: str) -> TenantId:
        if len(signature) != _SIGNATURE_LENGTH or not _SECONDS.fullmatch(expires):
            raise _refused()
        try:
            sealed = base64url.decode(signature)
        except ValueError as error:
            raise _refused() from error
        tenant, mac = sealed[:_TENANT_BYTES], sealed[_TENANT_BYTES:]
        if not any(hmac.compare_digest(_mac(key, tenant, file_id, expires), mac) for key in self._accepted):
            raise _refused()
        if int(expires) <= self._clock.now().timestamp():
            raise _refused()
        return TenantId(UUID(bytes=tenant))


def _mac(key: bytes, tenant: bytes, file_id: FileId, expires: str) -> bytes:
    return hmac.digest(key, joined(tenant, file_id.bytes, expires.encode("ascii")), "sha256")


def _refused() -> InvalidLink:
    return InvalidLink("This link is not valid or its time is over. Ask for the image again to get a new one.")
