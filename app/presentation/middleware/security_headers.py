"""Headers every answer carries unless its route set them (OWASP Secure Headers, REST Security Cheat Sheet).

Values are short on purpose: the server checks and writes each byte for each answer.
"""

from __future__ import annotations

from app.shared.settings import CspMode, Settings

Header = tuple[bytes, bytes]

_API_POLICY = {
    CspMode.STRICT: b"default-src 'none';frame-ancestors 'none'",
    CspMode.RELAXED: b"default-src 'self';frame-ancestors 'none'",
}
_DOCS_POLICY = (
    "default-src 'none';script-src 'self';style-src 'self' 'unsafe-inline';img-src 'self' data:;font-src 'self';"
    "connect-src 'self';worker-src blob:;base-uri 'none';form-action 'none';frame-ancestors 'none'"
)


def security_headers(settings: Settings) -> tuple[Header, ...]:
    """For all answers. CORP guards embedding only: readers from another origin come through CORS. COOP is for
    documents, so only the docs pages have it."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", b"camera=(),geolocation=(),microphone=()"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]
    if policy := _API_POLICY.get(settings.csp_mode):
        headers.append((b"content-security-policy", policy))
    if settings.production:
        headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    return tuple(headers)


def docs_headers(settings: Settings) -> dict[str, str]:
    """For the pages of Swagger UI and ReDoc, which style elements in place and draw images from data."""
    opener = {"Cross-Origin-Opener-Policy": "same-origin"}
    return opener if settings.csp_mode is CspMode.DISABLED else {**opener, "Content-Security-Policy": _DOCS_POLICY}
