"""Settings that must not serve the public: each a line that names the variable and never its value."""

from __future__ import annotations

from app.domain.identity.password import WeakPassword, check_password
from app.infrastructure.security.keys import signing_key_faults
from app.shared.settings import CspMode, Settings

ROUNDS = 12
LONGEST_ACCESS_MINUTES = 15
LONGEST_REFRESH_DAYS = 7
_PUBLIC = ("securepass123!",)
"""Printed in manuals; what everybody tries is refused like any account's."""


def settings_faults(settings: Settings) -> tuple[str, ...]:
    """All faults at once. Production refuses to start with any; development says them and goes on."""
    checks = (
        (settings.debug, "DEBUG: switch it off."),
        ("*" in settings.origins, "ALLOWED_ORIGINS: name the shops' origins; a wildcard lets every site in."),
        (settings.csp_mode is CspMode.DISABLED, "CSP_MODE: use strict or relaxed."),
        (settings.password_rounds < ROUNDS, f"PASSWORD_ROUNDS: use at least {ROUNDS}."),
        (
            settings.access_token_expire_minutes > LONGEST_ACCESS_MINUTES,
            f"ACCESS_TOKEN_EXPIRE_MINUTES: use at most {LONGEST_ACCESS_MINUTES}.",
        ),
        (
            settings.refresh_token_expire_days > LONGEST_REFRESH_DAYS,
            f"REFRESH_TOKEN_EXPIRE_DAYS: use at most {LONGEST_REFRESH_DAYS}.",
        ),
        (
            settings.app_dsn is None,
            "DATABASE_URL: production needs a server of its own; the embedded one is for trying.",
        ),
        (
            _weak_password(settings),
            "FIRST_SUPERUSER_PASSWORD: this one is public, short or made of the address; choose another.",
        ),
        (settings.webhook_allow_private, "WEBHOOK_ALLOW_PRIVATE: switch it off; tenants could reach your network."),
        (
            settings.smtp_host is not None and settings.smtp_security == "none",
            "SMTP_SECURITY: use starttls or tls; mail and its password would go in the clear.",
        ),
        (_guest_broker(settings), "RABBITMQ_URL: the guest account is public; make one of your own."),
    )
    return (*signing_key_faults(settings), *(line for wrong, line in checks if wrong))


def _weak_password(settings: Settings) -> bool:
    if settings.first_superuser_password is None:
        return False
    password = settings.first_superuser_password.get_secret_value()
    try:
        check_password(password, context=(settings.first_superuser_email or "",))
    except WeakPassword:
        return True
    return password.casefold() in _PUBLIC


def _guest_broker(settings: Settings) -> bool:
    url = settings.rabbitmq_url
    return settings.rabbitmq_user == "guest" or (url is not None and "//guest:" in url.get_secret_value())
