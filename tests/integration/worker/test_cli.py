"""tools/worker.py: what each verb says, its exit codes, and how a worker ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import ROOT, Settings
from tests.migrations.conftest import set_addresses
from tests.support.letters import REASON, buried
from tests.support.own_database import own_database
from tests.support.system import System, running
from tools.worker_verbs import run

T = TypeVar("T")
Cli = Callable[..., tuple[int, str, str]]
PATIENCE = 60


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    with own_database(database_server) as own:
        yield own


@pytest.fixture
def configured(addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """As an operator's environment has it."""
    for name in Settings.model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    set_addresses(monkeypatch, addresses)
    monkeypatch.setenv("SECRET_KEY", "the key of the tests, which is long enough")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    return addresses


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], configured: Addresses) -> Cli:
    """Returns the exit code, stdout and stderr of one verb."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def ask(configured: Addresses) -> Callable[..., list[Any]]:
    """Runs SQL as the owner."""

    async def fetch(sql: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(configured.owner)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    return lambda sql, *arguments: asyncio.run(fetch(sql, *arguments))


def within(settings: Settings, addresses: Addresses, work: Callable[[System], Awaitable[T]]) -> T:
    async def main() -> T:
        async with running(settings, addresses) as system:
            return await work(system)

    return asyncio.run(main())


@pytest.fixture
def letter(settings: Settings, configured: Addresses) -> tuple[str, UUID]:
    """A tenant's slug and its dead letter."""

    async def make(system: System) -> tuple[str, UUID]:
        organizer = await system.organizer()
        await buried(system, (await system.organizer()).tenant_id, subscriber="webhooks")
        return organizer.slug, await buried(system, organizer.tenant_id)

    return within(settings, configured, make)


def refused(result: tuple[int, str, str], code: int = 1) -> str:
    found, _, err = result
    assert found == code
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_without_a_verb_it_says_what_there_is(cli: Cli) -> None:
    code, out, err = cli()

    assert (code, err) == (0, "")
    for verb in ("run", "schedules", "start", "dead-letters"):
        assert verb in out


@pytest.mark.parametrize("arguments", [("walk",), ("start",), ("dead-letters", "show", "a", "not-an-id")])
def test_what_it_does_not_understand_is_exit_code_two(cli: Cli, arguments: tuple[str, ...]) -> None:
    refused(cli(*arguments), 2)


@pytest.mark.parametrize("verb", [("run",), ("schedules",), ("start", "expiry"), ("dead-letters", "list")])
def test_pending_migrations_are_one_clear_line(cli: Cli, ask: Callable[..., list[Any]], verb: tuple[str, ...]) -> None:
    ask("UPDATE alembic_version SET version_num = '0001'")

    assert "Migrations are pending: run `python tools/migrate-db.py upgrade` first." in refused(cli(*verb))


def test_a_database_that_is_away_is_one_clear_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "WORKER_DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://nobody@127.0.0.1:1/nothing")

    refused(cli("schedules"))


def test_schedules_before_any_worker_ran(cli: Cli) -> None:
    assert cli("schedules") == (0, "No worker has run yet, so there are no schedules.\n", "")


def test_an_unknown_schedule_is_refused(cli: Cli) -> None:
    assert "no schedule of this name" in refused(cli("start", "no-such-thing"))


def test_letters_are_listed_of_all_or_of_one_tenant(cli: Cli, letter: tuple[str, UUID]) -> None:
    slug, letter_id = letter

    code, out, err = cli("dead-letters", "list")
    assert (code, err, out.count("\n")) == (0, "", 2)
    (own,) = [line for line in out.splitlines() if str(letter_id) in line]
    assert own.split("  ")[1:] == [slug, str(letter_id), "mail", "thing.happened", "tries: 5", REASON]
    assert cli("dead-letters", "list", "--tenant", slug)[1] == f"{own}\n"


def test_without_letters_it_says_so(cli: Cli) -> None:
    assert cli("dead-letters", "list") == (0, "There are none.\n", "")


def test_an_unknown_tenant_is_refused(cli: Cli) -> None:
    refused(cli("dead-letters", "list", "--tenant", "nobody"))
    refused(cli("dead-letters", "show", "nobody", str(uuid4())))


def test_one_letter_is_shown_with_its_event(cli: Cli, letter: tuple[str, UUID]) -> None:
    slug, letter_id = letter

    code, out, err = cli("dead-letters", "show", slug, str(letter_id))

    assert (code, err) == (0, "")
    shown = orjson.loads(out)
    assert (shown["letter"]["id"], shown["event"]["data"]) == (str(letter_id), {"word": "hello"})


def test_a_letter_is_replayed_once(cli: Cli, ask: Callable[..., list[Any]], letter: tuple[str, UUID]) -> None:
    slug, letter_id = letter

    code, out, err = cli("dead-letters", "replay", slug, str(letter_id))

    assert (code, out, err) == (0, "mail gets thing.happened again as soon as a worker runs.\n", "")
    assert ask("SELECT subscriber FROM outbox WHERE subscriber IS NOT NULL") == [("mail",)]
    assert cli("dead-letters", "list", "--tenant", slug)[1].endswith("  replayed\n")
    assert "replayed already" in refused(cli("dead-letters", "replay", slug, str(letter_id)))


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("y\n", 0)])
def test_a_letter_is_discarded_when_that_is_meant(
    cli: Cli, ask: Callable[..., list[Any]], letter: tuple[str, UUID], answer: str, left: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import io

    slug, letter_id = letter
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    code, out, err = cli("dead-letters", "discard", slug, str(letter_id))

    assert code == (1 if left else 0)
    assert ("nothing was changed" in err) == bool(left)
    assert ("Discarded." in out) != bool(left)
    assert len(ask("SELECT 1 FROM dead_letters WHERE id = $1", letter_id)) == left


def test_who_says_yes_is_not_asked(cli: Cli, letter: tuple[str, UUID]) -> None:
    slug, letter_id = letter

    assert cli("dead-letters", "discard", slug, str(letter_id), "--yes") == (0, "Discarded.\n", "")
    assert "no such dead letter" in refused(cli("dead-letters", "discard", slug, str(letter_id), "--yes"))


def test_a_letter_of_another_tenant_is_not_found(
    cli: Cli, ask: Callable[..., list[Any]], letter: tuple[str, UUID]
) -> None:
    slug, letter_id = letter
    ((foreign,),) = ask("SELECT id FROM dead_letters WHERE id <> $1", letter_id)

    for verb in (("show",), ("replay",), ("discard", "--yes")):
        assert "no such dead letter" in refused(cli("dead-letters", *verb, slug, str(foreign)))


class Worker:
    """`python tools/worker.py run`, in a process of its own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "tools/worker.py", "run"], cwd=ROOT, env=dict(os.environ), stdout=out, stderr=out
            )

    def until(self, true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"{what} did not happen: {self.log.read_text()}"
            time.sleep(0.05)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


@pytest.fixture
def worker(configured: Addresses, tmp_path: Path) -> Generator[Worker]:
    found = Worker(tmp_path / "worker.log")
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.wait(PATIENCE)


HELD = "SELECT name FROM leases WHERE holder IS NOT NULL"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_works_until_it_is_told_to_end_and_gives_everything_back(
    worker: Worker, ask: Callable[..., list[Any]], cli: Cli, number: signal.Signals
) -> None:
    worker.until(lambda: "Working." in worker.log.read_text(), "the start")
    worker.until(lambda: ask(HELD), "the first lease")
    worker.until(lambda: ask("SELECT 1 FROM schedules WHERE name = 'expiry' AND runs > 1"), "a second tick")
    assert ask("SELECT kind FROM workers") == [("worker",)]
    names = [line.split()[0] for line in cli("schedules")[1].splitlines()]
    assert {"clean_up", "expiry", "retention"} <= set(names)
    assert names == sorted(names)
    worker.until(lambda: "last 20" in cli("schedules")[1], "the first end")
    assert cli("start", "clean_up")[1] in {"clean_up is due now.\n", "clean_up is due or running already.\n"}

    worker.process.send_signal(number)

    assert worker.ended() == 0
    assert worker.log.read_text().splitlines()[-1] == "Stopped."
    assert ask(HELD) == []
    assert ask("SELECT 1 FROM workers") == []
    assert ask("SELECT name FROM schedules WHERE holder IS NOT NULL") == []


def test_what_was_committed_before_a_worker_ran_is_dealt_with_by_it(
    letter: tuple[str, UUID], worker: Worker, ask: Callable[..., list[Any]]
) -> None:
    worker.until(lambda: not ask("SELECT 1 FROM outbox WHERE published_at IS NULL"), "publishing")
    worker.until(lambda: not ask("SELECT 1 FROM queue_messages"), "the end of the queue")


def test_a_worker_waits_for_a_database_that_is_away(
    configured: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "WORKER_DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://nobody@127.0.0.1:1/nothing")
    waiting = Worker(tmp_path / "waiting.log")
    try:
        waiting.until(lambda: "The database does not answer; waiting for it." in waiting.log.read_text(), "the word")
        waiting.until(lambda: "Working." in waiting.log.read_text(), "the start")
        waiting.process.terminate()
        assert waiting.ended() == 0
    finally:
        waiting.process.kill()
        waiting.process.wait(PATIENCE)
