"""Keeps secrets out of logs: by the name of the key, and by what credentials look like inside a text."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "[hidden]"
_DEEPEST = 6
_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|authori[sz]ation|cookie|credential|otp|totp|recovery|signature|private"
    r"|seed|dsn|database_url|redis_url|rabbitmq_url|api_?key|(^|_)(key|pin|code)$",
    re.IGNORECASE,
)
_HARMLESS = frozenset({"code", "error_code", "status_code", "token_type", "idempotency_key"})
_TEXTS = (
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(ht_|whsec_)[\w+/=-]{8,}"), HIDDEN),
    (re.compile(r"\bSG\.[\w-]{8,}\.[\w-]{8,}"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(://[^\s:/@]*:)[^\s'\"]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"(?i)\b(\w*(?:password|secret|token|otp)\w*['\"]?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;)}]+)"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(Key \([^)]*\)=\()[^)]*\)"), rf"\1{HIDDEN})"),
)  # the last one: what PostgreSQL says about a duplicate


def scrub(text: str) -> str:
    """Bearer tokens, JWTs, our own and others' keys, passwords in URLs, `password=…`, the values PostgreSQL repeats."""
    for pattern, replacement in _TEXTS:
        text = pattern.sub(replacement, text)
    return text


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; runs last but one, when the traceback is text already."""
    for name, value in event.items():
        event[name] = _clean(name, value, _DEEPEST)
    return event


def _clean(name: str, value: Any, levels: int) -> Any:
    if _NAMES.search(name) and name not in _HARMLESS:
        return HIDDEN
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: _clean(str(key), inner, levels - 1) for key, inner in value.items()} if levels else HIDDEN
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner, levels - 1) for inner in value] if levels else HIDDEN
    return value
