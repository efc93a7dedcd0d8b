"""README's five lines and QUICKSTART's requests, pasted into a shell against a server that has just been started."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator

import pytest

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import ROOT, Settings
from tests.support.served import served
from tests.support.system import running

STANDARD = "http://127.0.0.1:8000"
NEXT = "--- next block ---"

CHANGING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "an id"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "a time"),
    (re.compile(r"HT-[0-9A-Z]{5}-[0-9A-Z]{5}"), "a number"),
)


@pytest.fixture
async def server(settings: Settings, addresses: Addresses) -> AsyncGenerator[str]:
    """The address of the application on a free port, with the demo tenant."""
    async with running(settings.model_copy(update={"demo_data": True}), addresses) as system, served(system.app) as at:
        yield at


async def pasted(script: str) -> str:
    """What bash prints; it stops at the first command that fails."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
    )
    out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, ""), out.decode()
    return out.decode()


def blocks_of(name: str) -> list[tuple[str, str]]:
    """Language and text of each block of code, in order."""
    return re.findall(r"```(\w+)\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def shown_in(shown: object, real: object) -> bool:
    """Whether what the document shows is part of the answer: fields may be left out, entries of a list may not."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return all(name in real and shown_in(value, real[name]) for name, value in shown.items())
    if isinstance(shown, list) and isinstance(real, list):
        return len(shown) == len(real) and all(map(shown_in, shown, real))
    return type(shown) is type(real) and alike(shown) == alike(real)


def alike(value: object) -> object:
    if isinstance(value, str):
        for pattern, word in CHANGING:
            value = pattern.sub(word, value)
    return value


async def test_the_five_lines_of_the_readme_confirm_an_order(server: str) -> None:
    lines = next(text for language, text in blocks_of("README.md") if "$API/orders" in text)

    answer = json.loads(await pasted(lines.replace(STANDARD, server)))

    assert len(lines.strip().splitlines()) == 5
    assert answer["status"] == "confirmed"
    assert answer["total"] == {"amount": 9000, "currency": "EUR"}


async def test_the_requests_of_the_quickstart_answer_what_is_shown(server: str) -> None:
    blocks = blocks_of("docs/QUICKSTART.md")
    commands = [text for language, text in blocks if language == "sh"]
    script = f"\nprintf '\\n%s\\n' '{NEXT}'\n".join(commands).replace(STANDARD, server)

    answers = iter((await pasted(script)).split(NEXT))

    compared = 0
    for (language, _), (following, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        real = next(answers).strip() if language == "sh" else ""
        if language == "sh" and following == "json":
            assert shown_in(json.loads(shown), json.loads(real)), real
        elif language == "sh" and following == "text":
            assert real.split() == shown.split()
        compared += language == "sh" and following in {"json", "text"}
    assert compared >= 10


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"status": "pending"}, {"status": "confirmed", "version": 1}),
        ({"gone": 1}, {"status": "confirmed"}),
        ([{"version": 1}], [{"version": 1}, {"version": 2}]),
        ({"version": True}, {"version": 1}),
        ("an order", "another order"),
    ],
)
def test_an_answer_that_is_not_what_is_shown_is_noticed(shown: object, real: object) -> None:
    assert not shown_in(shown, real)
