"""Forms as the OAuth 2 token route takes them (RFC 6749 appendix B): few, small, UTF-8, each field once."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from app.presentation.refusals import BodyTooLarge, MalformedBody

MAX_FORM_BYTES = 16_384
"""A 256-character password of four-byte characters takes 3 KiB when percent-encoded."""
MAX_FIELDS = 32


def check_form(body: bytes) -> None:
    """Raises BodyTooLarge or MalformedBody; the framework would replace broken bytes and take the last of two."""
    if len(body) > MAX_FORM_BYTES:
        raise BodyTooLarge(f"The form is too large. Send at most {MAX_FORM_BYTES} bytes.")
    pairs = body.split(b"&")
    if len(pairs) > MAX_FIELDS:
        raise MalformedBody(f"The form has too many fields. Send at most {MAX_FIELDS}.")
    try:
        names = [_text(pair.partition(b"=")[0]) for pair in pairs]
        whole = _text(body)
    except UnicodeDecodeError:
        raise MalformedBody("The form is not UTF-8 text. Encode it as UTF-8.") from None
    if "\0" in whole:
        raise MalformedBody("The form holds the character NUL. Leave it out.")
    if len(set(names)) != len(names):
        raise MalformedBody("The form has a field twice. Give each field once.")


def _text(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
