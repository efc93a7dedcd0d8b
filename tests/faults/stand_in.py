"""The supervisor of ./start.sh around a small application with one table, so that its tests need nothing else.

Run as a program it is the supervisor; uvicorn takes `app` from it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.infrastructure.database.addresses import APP, Addresses
from app.infrastructure.supervision import database_prepared, watch_parent
from app.shared.settings import Settings, SettingsFault
from tools.supervisor import Application, serve

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STATEMENTS = {
    "/health/ready": "SELECT 1",
    "/put": "INSERT INTO kept VALUES ('one')",
    "/count": "SELECT count(*) FROM kept",
}


@dataclass(frozen=True)
class StandInDemo:
    email: str = "staff@example.com"
    password: str = 'it\'s $HOME "quoted"'
    tenant: str = "demo"
    product_id: str = "0192a0b0-0000-7000-8000-000000000001"


def judge(_settings: Settings) -> None:
    raise SettingsFault("SECRET_KEY is missing")


def migrate(owner_dsn: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(owner_dsn)
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (key text PRIMARY KEY)")
        await connection.execute(f"GRANT SELECT, INSERT ON kept TO {APP}")
        await connection.close()

    if os.environ.get("STAND_IN") == "migration fails":
        raise OSError("the stand-in was told to fail")
    asyncio.run(run())


async def prepare(_settings: Settings, _addresses: Addresses) -> StandInDemo:
    return StandInDemo()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    status, body = await _answer(scope["path"], dict(scope["headers"]), receive)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    if os.environ.get("STAND_IN") == "start fails":
        await send({"type": "lifespan.startup.failed", "message": "told to fail"})
        return
    watch_parent()
    await database_prepared()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(path: str, headers: dict[bytes, bytes], receive: Receive) -> tuple[int, str]:
    try:
        if path in STATEMENTS:
            return 200, str(await _ask(STATEMENTS[path]))
        if path == "/slow":
            await asyncio.sleep(1)
        elif path == "/api/v1/auth/login":
            return 200, f'{{"access_token": "abc.def", "refresh_token":"no", "got": {await _body(receive)}}}'
        elif path == "/api/v1/orders":
            who = f"{headers[b'authorization'].decode()} {headers[b'x-tenant-id'].decode()}"
            return 201, f"{who} {await _body(receive)}"
        return 200, str(os.getpid())
    except (OSError, asyncpg.PostgresError) as error:
        return 503, str(error)


async def _ask(statement: str) -> Any:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=5)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _body(receive: Receive) -> str:
    body: bytes = (await receive())["body"]
    return body.decode()


if __name__ == "__main__":
    sys.exit(serve(Application(name="tests.faults.stand_in:app", judge=judge, migrate=migrate, prepare=prepare)))
