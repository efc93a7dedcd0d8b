"""The pinned requirements fit one another, so that a first ./start.sh installs, and are what the tests run with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FILES = ("requirements.txt", "tools/requirements-dev.txt")


def pins() -> dict[str, Requirement]:
    lines = [line for name in FILES for line in (ROOT / name).read_text("utf-8").splitlines()]
    pinned = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {_canonical(pin.name): pin for pin in pinned}


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def misfits(pinned: dict[str, Requirement]) -> Iterator[str]:
    """What a pinned package asks for, where another pin says otherwise."""
    for pin in pinned.values():
        for needed in map(Requirement, requires(pin.name) or []):
            other = pinned.get(_canonical(needed.name))
            if other is None or (needed.marker and not needed.marker.evaluate({"extra": ""})):
                continue
            if not needed.specifier.contains(str(other.specifier).removeprefix("=="), prereleases=True):
                yield f"{pin} wants {needed}, but {other} is pinned"


def test_the_pins_fit_one_another() -> None:
    assert list(misfits(pins())) == []


def test_the_tests_run_with_what_is_pinned() -> None:
    other = [str(pin) for pin in pins().values() if not pin.specifier.contains(distribution(pin.name).version)]

    assert other == []


@pytest.mark.parametrize("moved", ["opentelemetry-api==1.45.2", "opentelemetry-sdk==1.0.0"])
def test_a_pin_that_another_refuses_is_found(moved: str) -> None:
    pin = Requirement(moved)

    assert list(misfits(pins() | {pin.name: pin})) != []
