"""FastAPI returning constant bytes behind the same token check: what a product page is measured against.

`uvicorn --factory tools.bench.constant:make_app`; BENCH_PAGE names the file whose bytes it answers with.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response

from app.application.identity.ports import AccessClaims, InvalidToken
from app.infrastructure.security.tokens import JwtAccessTokens
from app.infrastructure.supervision import watch_parent
from tools.bench.tokens import token_check

PAGE = "BENCH_PAGE"


@asynccontextmanager
async def _watched(_app: FastAPI) -> AsyncGenerator[None]:
    watch_parent()
    yield


async def signed_in(request: Request) -> AccessClaims:
    tokens: JwtAccessTokens = request.app.state.tokens
    try:
        return tokens.verify(request.headers.get("authorization", "")[len("bearer ") :])
    except InvalidToken as error:
        raise HTTPException(401) from error


async def constant(request: Request, claims: Annotated[AccessClaims, Depends(signed_in)]) -> Response:  # noqa: ARG001 — a guard
    return Response(request.app.state.page, media_type="application/json")


async def ready() -> Response:
    return Response(b"{}")


def make_app() -> FastAPI:
    app = FastAPI(lifespan=_watched, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.tokens, app.state.page = token_check(), Path(os.environ[PAGE]).read_bytes()
    app.get("/page")(constant)
    app.get("/ready")(ready)
    return app
