from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

from tests.unit.bench.builders import measured
from tools.bench import command
from tools.bench.database import DatabaseInUse
from tools.bench.duel import Bar, Duel
from tools.bench.run import Options, Result, Tell
from tools.bench.scenarios import SCENARIOS, Outcome

ASKED: list[Options] = []


def answer_with(monkeypatch: pytest.MonkeyPatch, outcome: Outcome | Exception) -> None:
    async def run(options: Options, tell: Tell) -> Result:
        ASKED.append(options)
        tell("Measuring …")
        if isinstance(outcome, Exception):
            raise outcome
        return Result({"orders_hot": outcome}, {"cores": 2})

    monkeypatch.setattr(command, "run", run)


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command.bench)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def missing_a_bar() -> Outcome:
    sides = [measured()], [measured()]
    return Outcome([Duel(name="d", ours=sides[0], theirs=sides[1], theirs_is="floor", bars={"rate": Bar(least=3.0)})])


def test_a_missed_bar_fails_only_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, missing_a_bar())
    assert invoke()[0] == 0
    assert invoke("--strict")[0] == 1


def test_a_disagreement_always_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, Outcome(faults=["HOT: counted 1, orders 2"]))
    assert invoke()[0] == 1


def test_what_could_not_be_measured_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, DatabaseInUse("This database holds tenants."))
    code, output = invoke()
    assert code == 2
    assert "This database holds tenants." in output


def test_the_figures_are_written_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer_with(monkeypatch, missing_a_bar())
    invoke("--json", str(tmp_path / "out.json"), "--only", "orders_hot", "--seconds", "2")
    told = orjson.loads((tmp_path / "out.json").read_bytes())
    assert told["options"]["only"] == ["orders_hot"]
    assert ASKED[-1].scenarios == ["orders_hot"]
    assert ASKED[-1].seconds == 2


def test_an_unknown_scenario_is_refused() -> None:
    code, output = invoke("--only", "everything")
    assert code == 2
    assert "is no scenario" in output


def test_without_a_choice_everything_is_measured() -> None:
    assert Options().scenarios == list(SCENARIOS)
