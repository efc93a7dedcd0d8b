"""Keys, ids and instants that tests of the security adapters share."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from app.infrastructure.security.keys import SigningKey, SigningKeys
from app.shared.ids import SessionId, TenantId, UserId

OLD = SigningKey.derived_from("the old secret, long enough for tests 0123")
NEW = SigningKey.derived_from("the new secret, long enough for tests 4567")
STRANGE = SigningKey.derived_from("the secret of somebody else altogether 89")

ONE_KEY = SigningKeys(OLD)
ROTATING = SigningKeys(NEW, OLD)

USER = UserId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
SESSION = SessionId(UUID("01890a5d-ac96-774b-bcce-b302099a8058"))
TENANT = TenantId(UUID("01890a5d-ac96-774b-bcce-b302099a8059"))
TOKEN_ID = UUID("01890a5d-ac96-774b-bcce-b302099a805a")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class SettableClock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.seconds = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


def every_changed_character(text: str, alphabet: str) -> list[str]:
    """`text` with each character in turn replaced by a neighbour of the alphabet, removed, or doubled."""
    changed: list[str] = []
    for at, character in enumerate(text):
        other = alphabet[(alphabet.find(character) + 1) % len(alphabet)]
        changed += [text[:at] + put + text[at + 1 :] for put in (other, "", character * 2)]
    return changed
