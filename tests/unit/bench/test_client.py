from __future__ import annotations

from tests.unit.bench.builders import answering
from tools.bench.client import BuiltIn, percentile, request_bytes
from tools.bench.load import Load

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
CONFLICT = b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n"
BARE = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_every_answer_is_counted_and_refusals_are_no_successes() -> None:
    async with answering(CREATED, CONFLICT, BARE) as (port, asked):
        result = await BuiltIn().run(Load(port=port, path="/x", connections=2, seconds=0.1))
    assert result.answers == len(asked)
    assert result.refused == sum(n % 3 == 1 for n in range(result.answers))
    assert result.good == result.answers - result.refused
    assert result.rate == result.good / result.seconds


async def test_a_server_that_hangs_up_is_counted_as_broken() -> None:
    async with answering(b"") as (port, _):
        result = await BuiltIn().run(Load(port=port, path="/x", connections=3, seconds=0.1))
    assert (result.answers, result.broken, result.p99_ms) == (0, 3, 0.0)


async def test_each_request_has_an_idempotency_key_of_its_own() -> None:
    load = Load(port=0, path="/x", method="POST", bodies=(b"{}",), keyed=True, connections=2, seconds=0.05)
    async with answering(CREATED) as (port, asked):
        await BuiltIn().run(Load(**{name: getattr(load, name) for name in load.__slots__} | {"port": port}))
    keys = [line for head in asked for line in head.split(b"\r\n") if line.startswith(b"Idempotency-Key")]
    assert len(keys) == len(set(keys)) == len(asked) > 0


def test_a_request_says_who_asks_and_how_long_its_body_is() -> None:
    load = Load(port=80, path="/x", method="POST", token="of the load")
    text = request_bytes(load, body=b"{}", key="k", token="own").decode()
    assert text.endswith("Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    assert "Authorization: Bearer own\r\n" in text
    assert "Authorization: Bearer of the load\r\n" in request_bytes(load).decode()


def test_a_percentile_is_the_value_that_many_are_below() -> None:
    assert percentile([1, 2, 3, 4], 50) == 3
    assert percentile([1, 2, 3, 4], 100) == 4
    assert percentile([], 99) == 0.0


def test_a_load_can_be_given_other_connections_and_another_length() -> None:
    load = Load(port=1, path="/", connections=64, seconds=5)
    assert (load.at(connections=1).connections, load.at(connections=1).seconds) == (1, 5)
    assert (load.at(seconds=2).connections, load.at(seconds=2).seconds) == (64, 2)
