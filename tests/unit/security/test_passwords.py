from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from threading import Event

import bcrypt as plain_bcrypt
import pytest
import pytest_asyncio
from passlib.hash import bcrypt_sha256

from app.application.identity.ports import PasswordCheck
from app.domain.identity.password import WeakPassword
from app.infrastructure.security.passwords import MAX_CHARACTERS, BcryptSha256Hasher
from app.shared.errors import Overloaded

RIGHT = PasswordCheck(ok=True, needs_upgrade=False)
WRONG = PasswordCheck(ok=False, needs_upgrade=False)
OLD = PasswordCheck(ok=True, needs_upgrade=True)

SALT, DIGEST = "abcdefghijklmnopqrstuO", "abcdefghijklmnopqrstuvwxyzabcd2"


@pytest_asyncio.fixture
async def hasher() -> AsyncIterator[BcryptSha256Hasher]:
    made = BcryptSha256Hasher(rounds=5)
    yield made
    made.close()


def old_plain(password: bytes, rounds: int = 5) -> str:
    return plain_bcrypt.hashpw(password, plain_bcrypt.gensalt(rounds)).decode()


async def test_the_hash_says_scheme_and_rounds_and_is_salted(hasher: BcryptSha256Hasher) -> None:
    first, second = await hasher.hash("margaret wove memory"), await hasher.hash("margaret wove memory")
    assert first.startswith("$bcrypt-sha256$v=2,t=2b,r=5$")
    assert first != second


def test_twelve_rounds_are_the_default() -> None:
    made = BcryptSha256Hasher()
    made.close()
    assert made._hash("once").startswith("$bcrypt-sha256$v=2,t=2b,r=12$")


@pytest.mark.parametrize("at", [0, 54, 55, 71, 72, 73, 254, 255])
async def test_every_character_counts(hasher: BcryptSha256Hasher, at: int) -> None:
    password = "x" * 256
    hashed = await hasher.hash(password)
    assert await hasher.verify(password, hashed) == RIGHT
    assert await hasher.verify(password[:at] + "y" + password[at + 1 :], hashed) == WRONG
    assert await hasher.verify(password[:-1], hashed) == WRONG


@pytest.mark.parametrize("password", ["жёлтая подводная лодка", "🎫" * 256, "a\0b", "\0", "", " spaced "])
async def test_any_text_is_taken_as_it_is(hasher: BcryptSha256Hasher, password: str) -> None:
    hashed = await hasher.hash(password)
    assert await hasher.verify(password, hashed) == RIGHT
    assert await hasher.verify(password + "\0", hashed) == WRONG


@pytest.mark.parametrize("password", ["half \ud83d", "x" * (MAX_CHARACTERS + 1)])
async def test_what_cannot_be_hashed_is_refused_and_never_matches(hasher: BcryptSha256Hasher, password: str) -> None:
    with pytest.raises(WeakPassword):
        await hasher.hash(password)
    assert await hasher.verify(password, await hasher.hash("something")) == WRONG
    assert await hasher.verify(password, None) == WRONG


async def test_the_longest_that_libpass_takes_is_taken(hasher: BcryptSha256Hasher) -> None:
    assert await hasher.verify("é" * MAX_CHARACTERS, await hasher.hash("é" * MAX_CHARACTERS)) == RIGHT


async def test_an_unknown_account_is_a_failed_check(hasher: BcryptSha256Hasher) -> None:
    assert await hasher.verify("anything", None) == WRONG


@pytest.mark.parametrize("rounds", [4, 6])
async def test_other_rounds_verify_and_ask_for_an_upgrade(hasher: BcryptSha256Hasher, rounds: int) -> None:
    stored = bcrypt_sha256.using(rounds=rounds).hash("right")
    assert await hasher.verify("right", stored) == OLD
    assert await hasher.verify("wrong", stored) == WRONG


async def test_the_first_version_of_the_scheme_asks_for_an_upgrade(hasher: BcryptSha256Hasher) -> None:
    stored = bcrypt_sha256.using(rounds=5, version=1).hash("right")
    assert await hasher.verify("right", stored) == OLD


async def test_plain_bcrypt_verifies_as_it_was_cut_and_asks_for_an_upgrade(hasher: BcryptSha256Hasher) -> None:
    stored = old_plain(b"x" * 72)
    assert await hasher.verify("x" * 72, stored) == OLD
    assert await hasher.verify("x" * 72 + "tail", stored) == OLD
    assert await hasher.verify("x" * 71, stored) == WRONG
    assert await hasher.verify("x\0", stored) == WRONG


async def test_plain_bcrypt_cut_inside_a_character_verifies(hasher: BcryptSha256Hasher) -> None:
    password = "x" * 71 + "é"
    assert await hasher.verify(password, old_plain(password.encode()[:72])) == OLD


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain text",
        "$bcrypt-sha256$",
        "$bcrypt-sha256$v=2,t=2b,r=5$",
        f"$bcrypt-sha256$v=2,t=2b,r=5${SALT}$",
        f"$bcrypt-sha256$v=2,t=2b,r=05${SALT}${DIGEST}",
        f"$bcrypt-sha256$v=2,t=2b,r=3${SALT}${DIGEST}",
        f"$bcrypt-sha256$v=2,t=2b,r=17${SALT}${DIGEST}",
        f"$bcrypt-sha256$v=2,t=2b,r=31${SALT}${DIGEST}",
        f"$bcrypt-sha256$v=2,t=2b,r=5${SALT[:-1]}x${DIGEST}",
        f"$bcrypt-sha256$v=2,t=2b,r=5${SALT}${DIGEST[:-1]}x",
        f"$bcrypt-sha256$v=2,t=2b,r=5${SALT}${DIGEST}\n",
        f"$bcrypt-sha256$v=3,t=2b,r=5${SALT}${DIGEST}",
        "$2b$",
        f"$2x$05${SALT}{DIGEST}",
        f"$2b$31${SALT}{DIGEST}",
        f"$2b$00${SALT}{DIGEST}",
        f"$2b$٠5${SALT}{DIGEST}",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        "\ud800",
    ],
)
async def test_a_malformed_stored_hash_is_a_failed_check(hasher: BcryptSha256Hasher, stored: str) -> None:
    assert await hasher.verify("anything", stored) == WRONG


def cpu_seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        started = time.thread_time()
        work()
        return time.thread_time() - started

    return min(once() for _ in range(5))


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(bcrypt_sha256.using(rounds=8).hash("right"), id="known"),
        pytest.param(bcrypt_sha256.using(rounds=5).hash("right"), id="old rounds"),
        pytest.param(bcrypt_sha256.using(rounds=7, version=1).hash("right"), id="old version"),
        pytest.param(old_plain(b"right", 6), id="plain bcrypt"),
        pytest.param("malformed", id="malformed"),
    ],
)
def test_a_failed_check_costs_what_an_unknown_account_costs(stored: str) -> None:
    hasher = BcryptSha256Hasher(rounds=8)
    hasher.close()
    unknown = cpu_seconds(lambda: hasher._verify("wrong", None))
    assert 0.7 < cpu_seconds(lambda: hasher._verify("wrong", stored)) / unknown < 1.4


class HeldHasher(BcryptSha256Hasher):
    """Its threads say that they have begun and wait for the test before they hash."""

    def __init__(self, *, workers: int, max_waiting: int) -> None:
        super().__init__(4, workers, max_waiting)
        self.begun = Event()
        self.go = Event()

    def _hash(self, password: str) -> str:
        self.begun.set()
        assert self.go.wait(10)
        return super()._hash(password)

    async def enter(self, callers: int) -> list[asyncio.Task[str]]:
        """Callers that are inside, in the pool or in its queue, once this returns."""
        tasks = [asyncio.create_task(self.hash("x")) for _ in range(callers)]
        assert await asyncio.to_thread(self.begun.wait, 10)
        assert self._inside == callers
        return tasks

    async def leave(self) -> None:
        self.go.set()
        self.close()
        await asyncio.to_thread(self._pool.shutdown)
        assert self._inside == 0


async def test_more_than_may_wait_are_refused_at_once_and_told_when_to_come_back() -> None:
    hasher = HeldHasher(workers=2, max_waiting=3)
    inside = await hasher.enter(5)
    with pytest.raises(Overloaded) as refused:
        await hasher.verify("x", None)
    assert refused.value.retry_after == 1
    hasher.go.set()
    assert len(await asyncio.gather(*inside)) == 5
    assert await hasher.verify("x", None) == WRONG
    await hasher.leave()


async def test_more_rounds_and_a_longer_queue_mean_a_later_return() -> None:
    hasher = BcryptSha256Hasher(rounds=14, workers=1, max_waiting=8)
    hasher.close()
    hasher._inside = 9
    with pytest.raises(Overloaded) as refused:
        await hasher.hash("x")
    assert refused.value.retry_after == 9


async def test_a_caller_who_leaves_the_queue_makes_room() -> None:
    hasher = HeldHasher(workers=1, max_waiting=1)
    running, waiting = await hasher.enter(2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    following = asyncio.create_task(hasher.verify("x", None))
    hasher.go.set()
    assert (await running).startswith("$bcrypt-sha256$")
    assert await following == WRONG
    await hasher.leave()


async def test_a_caller_who_leaves_while_the_thread_works_makes_none() -> None:
    hasher = HeldHasher(workers=1, max_waiting=0)
    (running,) = await hasher.enter(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(Overloaded):
        await hasher.hash("x")
    await hasher.leave()


async def test_a_closed_hasher_takes_nothing_and_finishes_what_is_inside() -> None:
    hasher = HeldHasher(workers=1, max_waiting=9)
    inside = await hasher.enter(2)
    hasher.close()
    with pytest.raises(Overloaded):
        await hasher.hash("x")
    hasher.go.set()
    assert len(await asyncio.gather(*inside)) == 2
    await hasher.leave()
