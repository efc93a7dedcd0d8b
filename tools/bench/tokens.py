"""The application's own token check, for the programs it is measured against: the same check, memo included."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from app.infrastructure.security.keys import load_signing_keys
from app.infrastructure.security.tokens import JwtAccessTokens
from app.shared.settings import Settings, load_settings


def token_check(settings: Settings | None = None) -> JwtAccessTokens:
    settings = settings or load_settings()
    return JwtAccessTokens(
        load_signing_keys(settings), lifetime_minutes=settings.access_token_expire_minutes, new_id=uuid7
    )
