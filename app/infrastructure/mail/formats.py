"""Money and instants as people write them in their language (Unicode CLDR, by Babel)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision

_LETTER_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")
"""Where CLDR's currencySpacing puts a space, which Babel leaves out: CHF 45.00."""

REGIONS = {"en": "en_GB", "de": "de_DE"}
"""Whose habits a language without a region takes: day before month, and 24 hours."""


def money(value: Mapping[str, object], locale: str) -> str:
    """`{"amount": 123456, "currency": "EUR"}` is €1,234.56 in English; the minor unit is the currency's own."""
    currency = str(value["currency"])
    exact = Decimal(str(value["amount"])).scaleb(-get_currency_precision(currency))
    return _LETTER_DIGIT.sub("\N{NO-BREAK SPACE}", format_currency(exact, currency, locale=REGIONS[locale]))


def instant(value: str, locale: str) -> str:
    """An RFC 3339 instant with the weekday, in UTC and saying so: a mail does not know where it is read."""
    at = datetime.fromisoformat(value).astimezone(UTC)
    return f"{format_date(at.date(), 'full', locale=REGIONS[locale])}, {at:%H:%M} UTC"


def text_on(background: str) -> str:
    """Black or white, whichever is easier to read on `#rrggbb` (WCAG 2.2, relative luminance)."""
    channels = [int(background[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # noqa: PLR2004 — WCAG's
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"
