"""What the edge itself refuses, before a route's own rules apply."""

from __future__ import annotations

from app.shared.errors import AppError, Kind


class MalformedRequest(AppError):
    """A header line that the request can't be read without is broken."""

    code = "malformed_request"
    kind = Kind.MALFORMED


class MalformedUrl(AppError):
    """Path or query string is not UTF-8 (RFC 3986 section 2.5) or holds NUL."""

    code = "malformed_url"
    kind = Kind.MALFORMED


class UrlTooLong(AppError):
    """Path and query string together are longer than 8 KiB."""

    code = "url_too_long"
    kind = Kind.MALFORMED


class MalformedBody(AppError):
    """The body is no well-formed document of its type: JSON as RFC 8259 and I-JSON (RFC 7493) want it, or a form."""

    code = "malformed_body"
    kind = Kind.MALFORMED


class BodyTooLarge(AppError):
    """More bytes than MAX_BODY_BYTES, or MAX_UPLOAD_BYTES for a file, whether announced or streamed."""

    code = "body_too_large"
    kind = Kind.TOO_LARGE


class UnsupportedMediaType(AppError):
    """The body's Content-Type is not the one the operation reads."""

    code = "unsupported_media_type"
    kind = Kind.WRONG_TYPE


class UnsupportedEncoding(AppError):
    """The body is compressed; bodies are read as they are (RFC 9110 section 8.4)."""

    code = "unsupported_encoding"
    kind = Kind.WRONG_TYPE


class ValidationFailed(AppError):
    """Well-formed, but fields or query parameters break the operation's rules; `errors` names each."""

    code = "validation_failed"
    kind = Kind.INVALID
