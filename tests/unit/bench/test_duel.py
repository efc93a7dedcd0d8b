from __future__ import annotations

import math

from tests.unit.bench.builders import measured
from tools.bench.duel import Bar, Duel, in_turn, middle
from tools.bench.load import Measured


def test_a_ratio_is_the_median_over_the_rounds() -> None:
    ours = [measured(answers=300), measured(answers=900), measured(answers=200)]
    theirs = [measured(answers=100), measured(answers=100), measured(answers=100)]
    duel = Duel(name="d", ours=ours, theirs=theirs, theirs_is="floor", bars={"rate": Bar(least=3.0)})
    assert duel.ratio("rate") == 3.0
    assert [verdict.passed for verdict in duel.verdicts] == [True]


def test_a_missed_bar_is_seen_in_both_directions() -> None:
    bars = {"rate": Bar(least=1.5), "p99_ms": Bar(most=1.0)}
    duel = Duel(
        name="d", ours=[measured(answers=149, p99=21)], theirs=[measured(answers=100)], theirs_is="floor", bars=bars
    )
    assert [str(verdict.bar) for verdict in duel.verdicts if not verdict.passed] == ["≥ 1.5", "≤ 1.0"]


def test_refused_answers_are_no_rate_and_are_reported() -> None:
    duel = Duel(name="d", ours=[measured(refused=100)], theirs=[measured(broken=1)], theirs_is="floor")
    assert duel.ours[0].rate == 0
    assert duel.failures == [
        "d, ours: 100 refused and 0 lost of 100 requests",
        "d, floor: 0 refused and 1 lost of 100 requests",
    ]


def test_nothing_on_the_other_side_makes_an_infinite_ratio() -> None:
    duel = Duel(name="d", ours=[measured()], theirs=[measured(refused=100)], theirs_is="floor")
    assert math.isinf(duel.ratio("rate"))


async def test_runs_take_turns() -> None:
    order: list[str] = []

    async def run(name: str) -> Measured:
        order.append(name)
        return measured(answers=len(order))

    first, second = await in_turn(lambda: run("a"), lambda: run("b"), rounds=2)
    assert order == ["a", "b", "a", "b"]
    assert [m.answers for m in first] == [1, 3]
    assert middle(second, "answers") == 3
