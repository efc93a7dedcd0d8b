"""The bench itself, briefly: that it measures all it says it does, and that it sees what is wrong."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import Settings
from tests.support.postgres import new_database
from tests.unit.bench.builders import answering, measured
from tools.bench.client import Answered
from tools.bench.constant import PAGE
from tools.bench.constant import make_app as make_constant
from tools.bench.counts import disagreements
from tools.bench.database import DatabaseInUse, database, forget_orders, owner
from tools.bench.floor import _plain
from tools.bench.floor import make_app as make_floor
from tools.bench.history import fill
from tools.bench.load import Load, Measured
from tools.bench.report import faults_of
from tools.bench.run import Options, run
from tools.bench.scenarios import SCENARIOS, Stage
from tools.bench.servers import NotServing, _answers, serving
from tools.bench.stampede import _kind
from tools.bench.world import World, found_world, order_body


@pytest.fixture
def own(database_server: EmbeddedServer, addresses: Addresses) -> Addresses:
    """A database nobody else is in, since the bench empties it. `addresses` has made the template."""
    return new_database(database_server, "hello_bench")


@pytest.fixture
async def world(settings: Settings, own: Addresses) -> World:
    return await found_world(settings, own)


async def test_every_scenario_is_measured_and_nothing_disagrees() -> None:
    options = Options(
        seconds=0.4, rounds=1, connections=8, workers=1, large_table=1_500, built_in_client=True, only=tuple(SCENARIOS)
    )
    told: list[str] = []
    result = await run(options, told.append)
    assert list(result.outcomes) == list(SCENARIOS)
    assert [line for outcome in result.outcomes.values() for line in faults_of(outcome)] == []
    for outcome in result.outcomes.values():
        assert all(duel.ratio("rate") > 0 for duel in outcome.duels)
    assert result.machine["client"] == "built-in"
    assert "Measuring stampede …" in told


async def test_a_table_with_a_past_agrees_with_its_counters(own: Addresses, world: World) -> None:
    await fill(own, world, first=1, last=50)
    assert await disagreements(own) == []
    await forget_orders(own)
    assert await disagreements(own) == []


@pytest.mark.parametrize("table", ["events", "outbox", "audit_log", "idempotency_keys"])
async def test_a_lost_row_is_seen(own: Addresses, world: World, table: str) -> None:
    await fill(own, world, first=1, last=3)
    async with owner(own) as connection:
        lost = {"events": "stream = 'order'", "audit_log": "target_kind = 'order'", "outbox": "request_id = 'past'"}
        which = lost.get(table, "true")
        await connection.execute(f"DELETE FROM {table} WHERE ctid = (SELECT ctid FROM {table} WHERE {which} LIMIT 1)")
    assert len(await disagreements(own)) == 2


async def test_a_piece_counted_twice_is_seen(own: Addresses, world: World) -> None:
    async with owner(own) as connection:
        await connection.execute("UPDATE stock_pools SET held = held + 1 WHERE capacity = 100")
    (fault,) = await disagreements(own)
    assert fault.startswith("SCARCE: counted 1, taken 0")


async def test_a_database_with_tenants_in_it_is_left_alone(own: Addresses, settings: Settings) -> None:
    named = _named(own, settings)
    async with owner(own) as connection:
        await connection.execute(
            "INSERT INTO tenants VALUES (gen_random_uuid(), 'somebody', 'Somebody', 'active', 1, now())"
        )
    with pytest.raises(DatabaseInUse, match="holds 1 tenants"):
        async with database(named):
            pass
    async with owner(own) as connection:
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 1


async def test_what_a_run_left_in_a_given_database_is_emptied(own: Addresses, settings: Settings) -> None:
    await found_world(settings, own)
    async with database(_named(own, settings)) as given:
        async with owner(given) as connection:
            assert await connection.fetchval("SELECT count(*) FROM tenants") == 0
        await found_world(settings, given)
    async with owner(own) as connection:
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 0
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1


async def test_a_program_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(NotServing, match="no_such_module"):
        async with serving("no_such_module:app", ready="/", workers=1, environment={}, log=tmp_path / "log"):
            pass


async def test_a_program_is_waited_for_until_it_answers_with_200() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    async with answering(busy, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        await _answers(port, "/ready")
    assert len(asked) == 3


async def test_the_floor_checks_what_the_application_checks(
    own: Addresses, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_environment(monkeypatch, settings, own)
    app = make_floor()
    signed_in = {"Authorization": f"Bearer {world.customer_token()}"}
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://f") as client:
        for path in ("/orders", "/orders-at-once"):
            assert (await client.post(path, content=b"{}")).status_code == 401
            body, headers = order_body(world.hot), signed_in | {"Idempotency-Key": path}
            assert (await client.post(path, content=body, headers=headers)).status_code == 201
            assert (await client.post(path, content=body, headers=headers)).status_code == 409
            many = order_body(world.scarce).replace(b'"quantity":1', b'"quantity":101')
            refused = await client.post(path, content=many, headers=signed_in | {"Idempotency-Key": f"{path} too many"})
            assert refused.json() == {"code": "sold_out"}
        assert (await client.get("/products")).status_code == 401
        assert len((await client.get("/products", headers=signed_in)).json()["items"]) == 25
    assert await disagreements(own) == []


def test_only_ids_and_times_are_written_as_text() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        _plain(object())


async def test_the_constant_page_asks_for_a_token_as_well(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page"
    page.write_bytes(b"{}")
    _as_environment(monkeypatch, settings, None)
    monkeypatch.setenv(PAGE, str(page))
    transport = httpx.ASGITransport(app=make_constant())
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
        assert (await client.get("/page")).status_code == 401


class _Answers:
    """A client that says the same of every load."""

    name = "fake"

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self.seconds: list[float] = []

    async def run(self, load: Load) -> Measured:
        self.seconds.append(load.seconds)
        return self._measured


async def test_orders_that_were_told_of_and_not_written_are_a_fault(own: Addresses, world: World) -> None:
    client = _Answers(measured(answers=7))
    stage = Stage(
        client=client, world=world, addresses=own, ours=1, floor=2, constant=3,
        connections=2, seconds=3.0, rounds=1, large_table=1_001,
    )  # fmt: skip
    outcome = await SCENARIOS["orders_hot"](stage)
    assert outcome.faults == ["orders_hot: 42 orders were answered as placed, 0 are in the table"]
    assert client.seconds == [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]


def test_the_program_starts_as_a_file_and_as_a_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Path(__file__).parents[2] / "tools/bench/__main__.py"
    monkeypatch.setattr(sys, "argv", [str(program), "--help"])
    monkeypatch.setattr(sys, "path", ["elsewhere", *sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(program), run_name="__main__")
    assert ended.value.code == 0
    assert "hand-written floor" in capsys.readouterr().out
    assert sys.path[0] == str(program.parents[2])
    runpy.run_path(str(program), run_name="imported")


def _as_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings, own: Addresses | None) -> None:
    assert settings.secret_key is not None
    monkeypatch.setenv("SECRET_KEY", settings.secret_key.get_secret_value())
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    if own is not None:
        monkeypatch.setenv("DATABASE_URL", own.app)


def test_only_sold_out_is_a_fair_refusal() -> None:
    assert _kind(Answered(409, b'{"code":"sold_out"}')) == "sold_out"
    assert _kind(Answered(409, b'{"code":"idempotency_in_flight"}')) == "other"
    assert _kind(Answered(500, b"")) == "other"


def _named(own: Addresses, settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "database_url": SecretStr(own.app),
            "worker_database_url": SecretStr(own.worker),
            "migration_database_url": SecretStr(own.owner),
        }
    )
