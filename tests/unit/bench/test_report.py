from __future__ import annotations

import io
from pathlib import Path

import orjson
from rich.console import Console

from tests.unit.bench.builders import measured
from tools.bench.duel import Bar, Duel
from tools.bench.report import _processor, as_json, machine, missed, print_report
from tools.bench.scenarios import Outcome


def outcome(*, ours: int, fault: str = "") -> Outcome:
    duel = Duel(
        name="orders",
        ours=[measured(answers=ours)],
        theirs=[measured(answers=100)],
        theirs_is="floor",
        bars={"rate": Bar(least=3.0)},
    )
    return Outcome([duel], {"seconds": 1.5}, [fault] if fault else [])


def printed(outcomes: dict[str, Outcome]) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_report(console, outcomes)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_met_bar_passes() -> None:
    said = printed({"orders": outcome(ours=301)})
    assert "rate 3.01 ≥ 3.0 PASS" in said
    assert "seconds: 1.500" in said
    assert "Counters and rows agree" in said


def test_a_missed_bar_and_a_disagreement_are_told() -> None:
    said = printed({"orders": outcome(ours=299, fault="HOT: counted 1, orders 2")})
    assert "rate 2.99 ≥ 3.0 FAIL" in said
    assert "WRONG HOT: counted 1, orders 2" in said
    assert missed({"orders": outcome(ours=299)}) == ["orders: rate 2.99, wanted ≥ 3.0"]


def test_the_json_holds_every_round_and_the_machine() -> None:
    facts = machine("wrk", "18.1")
    told = orjson.loads(as_json({"orders": outcome(ours=300)}, facts, {"seconds": 5.0}))
    duel = told["scenarios"]["orders"]["duels"][0]
    assert duel["ratios"]["rate"] == 3.0
    assert duel["bars"] == [{"what": "rate", "bar": "≥ 3.0", "ratio": 3.0, "passed": True}]
    assert duel["ours"]["rounds"][0]["answers"] == 300
    assert told["machine"]["postgres"] == "18.1"
    assert told["missed"] == []


def test_the_processor_is_named_where_the_system_tells(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name : A Fine One\n")
    assert _processor(cpuinfo) == "A Fine One"
    cpuinfo.write_text("processor : 0\n")
    assert _processor(cpuinfo)
    assert _processor(tmp_path / "absent")
