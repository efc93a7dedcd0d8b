"""Things measured in turn, A B A B …, so that a noisy machine disturbs all alike; medians of the rounds' ratios."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median

from tools.bench.load import Measured

Run = Callable[[], Awaitable[Measured]]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio must be: at least, or at most."""

    least: float | None = None
    most: float | None = None

    def holds(self, ratio: float) -> bool:
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least}" if self.least is not None else f"≤ {self.most}"


@dataclass(frozen=True, slots=True)
class Verdict:
    what: str
    bar: Bar
    ratio: float

    @property
    def passed(self) -> bool:
        return self.bar.holds(self.ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Ours against theirs; the bars are by `rate`, `p50_ms` or `p99_ms` and about ours over theirs."""

    name: str
    ours: list[Measured]
    theirs: list[Measured]
    theirs_is: str
    bars: dict[str, Bar] = field(default_factory=dict)

    def ratio(self, what: str) -> float:
        pairs = zip(self.ours, self.theirs, strict=True)
        return median(_ratio(getattr(mine, what), getattr(its, what)) for mine, its in pairs)

    @property
    def verdicts(self) -> list[Verdict]:
        return [Verdict(what, bar, self.ratio(what)) for what, bar in self.bars.items()]

    @property
    def failures(self) -> list[str]:
        """Refused or lost answers of either side: no load here is meant to cause any."""
        return [
            f"{self.name}, {who}: {run.refused} refused and {run.broken} lost of {run.answers} requests"
            for who, runs in (("ours", self.ours), (self.theirs_is, self.theirs))
            for run in runs
            if run.refused or run.broken
        ]


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else float("inf")


def middle(runs: list[Measured], what: str) -> float:
    return float(median(getattr(run, what) for run in runs))


async def in_turn(*runs: Run, rounds: int) -> list[list[Measured]]:
    """Each once per round; for each, what it measured in every round."""
    measured: list[list[Measured]] = [[] for _ in runs]
    for _ in range(rounds):
        for taken, run in zip(measured, runs, strict=True):
            taken.append(await run())
    return measured
