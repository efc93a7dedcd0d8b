"""The floor: bare Starlette on asyncpg, doing the same work for an order with nothing around it.

`uvicorn --factory tools.bench.floor:make_app`. Same token check, role, row-level security, tables and columns; a pool
of 16 prepared connections a worker. `/orders` has one prepared statement per row kind, `/orders-at-once` a single
statement for all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from random import getrandbits
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.application.identity.ports import AccessClaims, InvalidToken
from app.infrastructure.supervision import watch_parent
from tools.bench.floor_orders import Draft, Hand, SoldOut, draft_of
from tools.bench.tokens import token_check

CONNECTIONS = 16
JSON = "application/json"

Place = Callable[[Hand, Draft], Awaitable[bytes]]


class Floor:
    """One worker's floor. The queue is the pool: last in, first out keeps few connections warm."""

    def __init__(self) -> None:
        self._verify = token_check().verify
        self._hands: asyncio.LifoQueue[Hand] = asyncio.LifoQueue()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        watch_parent()
        dsn = os.environ["DATABASE_URL"]
        for _ in range(CONNECTIONS):
            self._hands.put_nowait(await Hand.ready(dsn))
        yield
        for _ in range(CONNECTIONS):
            await (await self._hands.get()).close()

    async def order(self, request: Request) -> Response:
        return await self._place(request, Hand.place)

    async def order_at_once(self, request: Request) -> Response:
        return await self._place(request, Hand.place_at_once)

    async def _place(self, request: Request, place: Place) -> Response:
        headers = request.headers
        try:
            claims = self._claims(request)
        except InvalidToken:
            return Response(status_code=401)
        ip = request.client.host if request.client else ""
        request_id = f"{getrandbits(128):032x}"
        key = headers["idempotency-key"]
        draft = draft_of(claims, await request.body(), key, request_id, ip, headers.get("user-agent", ""))
        hand = await self._hands.get()
        try:
            body = await place(hand, draft)
        except SoldOut:
            return Response(b'{"code":"sold_out"}', 409, media_type=JSON)
        except asyncpg.UniqueViolationError:
            return Response(b'{"code":"idempotency_in_flight"}', 409, media_type=JSON)
        finally:
            self._hands.put_nowait(hand)
        return Response(body, 201, {"location": f"/orders/{draft.order_id}"}, media_type=JSON)

    async def products(self, request: Request) -> Response:
        try:
            claims = self._claims(request)
        except InvalidToken:
            return Response(status_code=401)
        hand = await self._hands.get()
        try:
            rows = await hand.products(claims.tenant_id)
        finally:
            self._hands.put_nowait(hand)
        return Response(orjson.dumps({"items": [dict(row) for row in rows[:25]]}, default=_plain), media_type=JSON)

    def _claims(self, request: Request) -> AccessClaims:
        return self._verify(request.headers.get("authorization", "")[len("bearer ") :])


async def ready(_request: Request) -> Response:
    return Response(b"{}", media_type=JSON)


def _plain(value: Any) -> str:
    """asyncpg's UUID is a subclass, which orjson does not take for one."""
    if isinstance(value, UUID | datetime):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def make_app() -> Starlette:
    """`uvicorn --factory tools.bench.floor:make_app`."""
    floor = Floor()
    return Starlette(
        routes=[
            Route("/ready", ready, methods=["GET"]),
            Route("/orders", floor.order, methods=["POST"]),
            Route("/orders-at-once", floor.order_at_once, methods=["POST"]),
            Route("/products", floor.products, methods=["GET"]),
        ],
        lifespan=floor.lifespan,
    )
