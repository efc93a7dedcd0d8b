"""Swagger UI and ReDoc from this host: no CDN, no inline script, nothing asked of another host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.presentation.asyncapi import asyncapi_bytes
from app.presentation.middleware.security_headers import docs_headers
from app.presentation.openapi import openapi_bytes
from app.shared.settings import Settings

STATIC = Path(__file__).parent / "static"
ASSETS = "/docs/assets"
PICTURE_ELSEWHERE = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
"""ReDoc 2 hides the picture when it can't be loaded, and an empty one can't."""

Endpoint = Callable[[Request], Awaitable[Response]]

_FILES: Mapping[str, tuple[str, str]] = {
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-start.js": ("swagger-start.js", "text/javascript"),
    "redoc.standalone.js": ("redoc/redoc.standalone.js", "text/javascript"),
    "favicon.png": ("swagger-ui/favicon-32x32.png", "image/png"),
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="{favicon}">
{body}
</html>
"""
_SWAGGER = """<link rel="stylesheet" href="{css}">
</head>
<body>
<div id="docs"></div>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>"""
_REDOC = """</head>
<body>
<redoc spec-url="/openapi.json"></redoc>
<script src="{bundle}"></script>
</body>"""


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    url: str
    """With a digest of the content, so that it may be kept forever."""


def add_docs(app: FastAPI, settings: Settings) -> None:
    """Adds the pages, their files, the OpenAPI and the AsyncAPI document; production has none of them (404)."""
    if settings.production:
        return
    assets = {name: _load(name, *where) for name, where in _FILES.items()}
    headers = docs_headers(settings)
    pages = {
        ("/docs", "/api/docs"): _swagger_page(app.title, assets),
        ("/redoc", "/api/redoc"): _redoc_page(app.title, assets),
    }
    for paths, page in pages.items():
        for path in paths:
            _add(app, path, _always(page, "text/html", headers))
    document = openapi_bytes(app)
    for path in ("/openapi.json", "/api/v1/openapi.json"):
        _add(app, path, _document(document))
    _add(app, "/asyncapi.json", _document(asyncapi_bytes(app.version)))
    _add(app, ASSETS + "/{name}", _assets(assets))


def _add(app: FastAPI, path: str, endpoint: Endpoint) -> None:
    app.router.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _load(name: str, file: str, media_type: str) -> _Asset:
    content = (STATIC / file).read_bytes().replace(PICTURE_ELSEWHERE, b"data:,")
    return _Asset(content, media_type, f"{ASSETS}/{name}?v={sha256(content).hexdigest()[:12]}")


def _swagger_page(title: str, assets: Mapping[str, _Asset]) -> bytes:
    body = _SWAGGER.format(
        css=assets["swagger-ui.css"].url,
        bundle=assets["swagger-ui-bundle.js"].url,
        start=assets["swagger-start.js"].url,
    )
    return _PAGE.format(title=title, favicon=assets["favicon.png"].url, body=body).encode()


def _redoc_page(title: str, assets: Mapping[str, _Asset]) -> bytes:
    body = _REDOC.format(bundle=assets["redoc.standalone.js"].url)
    return _PAGE.format(title=title, favicon=assets["favicon.png"].url, body=body).encode()


def _always(content: bytes, media_type: str, headers: Mapping[str, str]) -> Endpoint:
    async def answer(_: Request) -> Response:
        return Response(content, headers=dict(headers), media_type=media_type)

    return answer


def _document(document: Callable[[], bytes]) -> Endpoint:
    async def answer(_: Request) -> Response:
        return Response(document(), media_type="application/json")

    return answer


def _assets(assets: Mapping[str, _Asset]) -> Endpoint:
    async def answer(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.content, headers=kept, media_type=asset.media_type)

    return answer
