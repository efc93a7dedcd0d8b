"""Everybody at once for too few pieces: every single answer counts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from tools.bench.client import Answered, Line, request_bytes
from tools.bench.load import Load
from tools.bench.world import SCARCE, World, order_body

BUYERS = 500
PLACED, CONFLICT = 201, 409


@dataclass(frozen=True, slots=True)
class Stampede:
    """`seconds` from the first request to the last answer."""

    buyers: int
    placed: int
    sold_out: int
    seconds: float

    @property
    def faults(self) -> list[str]:
        exact = self.placed == SCARCE and self.sold_out == self.buyers - SCARCE
        if exact:
            return []
        other = self.buyers - self.placed - self.sold_out
        return [f"stampede: {self.placed} placed, {self.sold_out} sold_out, {other} other for {SCARCE} pieces"]


async def stampede(port: int, world: World, *, buyers: int = BUYERS) -> Stampede:
    """Each buyer has an account, a token and a connection of their own; all connections are open before it begins."""
    load = Load(port=port, path="/api/v1/orders", method="POST")
    body = order_body(world.scarce)
    requests = [
        request_bytes(load, body=body, token=world.stranger_token(), key=f"stampede-{number}")
        for number in range(buyers)
    ]
    lines = await asyncio.gather(*(Line.open(port) for _ in requests))
    started = time.perf_counter()
    try:
        answers = await asyncio.gather(*(line.ask(request) for line, request in zip(lines, requests, strict=True)))
        seconds = time.perf_counter() - started
    finally:
        for line in lines:
            line.close()
    kinds = Counter(_kind(answer) for answer in answers)
    return Stampede(buyers, kinds["placed"], kinds["sold_out"], seconds)


def _kind(answer: Answered) -> str:
    if answer.status == PLACED:
        return "placed"
    return "sold_out" if answer.status == CONFLICT and b'"sold_out"' in answer.body else "other"
