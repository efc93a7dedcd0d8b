"""A password hasher for tests of handlers, which should not wait for bcrypt."""

from __future__ import annotations

from app.application.identity.ports import PasswordCheck
from app.domain.identity.password import WeakPassword


class PlainHasher:
    """`plain$<password>` is current, `old$<password>` asks for an upgrade; held to the port by the contract tests."""

    async def hash(self, password: str) -> str:
        try:
            password.encode()
        except UnicodeEncodeError:
            raise WeakPassword("not text") from None
        return f"plain${password}"

    async def verify(self, password: str, hashed: str | None) -> PasswordCheck:
        scheme, _, known = (hashed or "").partition("$")
        ok = scheme in {"plain", "old"} and known == password
        return PasswordCheck(ok=ok, needs_upgrade=ok and scheme == "old")
