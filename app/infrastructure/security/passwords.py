"""Password hashes: `bcrypt_sha256` of libpass (HMAC-SHA256 before bcrypt, so every byte counts) in a bounded pool."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from passlib.hash import bcrypt, bcrypt_sha256

from app.application.identity.ports import PasswordCheck
from app.domain.identity.password import WeakPassword
from app.shared.errors import Overloaded

T = TypeVar("T")

MIN_ROUNDS = 4
MAX_STORED_ROUNDS = 16
"""A stored hash may not cost more than this or the configured rounds: a planted one would hold a thread for days."""
MAX_CHARACTERS = 4_096
_BCRYPT_BYTES = 72
_SECONDS_AT_12_ROUNDS = 0.25
# The last character of a salt or checksum carries only 4 or 2 significant bits; other spellings are not canonical.
_DIGEST = r"[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
_SALT = r"[./A-Za-z0-9]{21}[.Oeu]"
_CURRENT = re.compile(rf"\$bcrypt-sha256\$v=2,t=2b,r=([1-9][0-9]?)\${_SALT}\${_DIGEST}")
_OLDER = re.compile(rf"\$bcrypt-sha256\$2[ab],([1-9][0-9]?)\${_SALT}\${_DIGEST}")
_PLAIN = re.compile(rf"\$2[aby]\$([0-9]{{2}})\${_SALT}{_DIGEST}")


class BcryptSha256Hasher:
    """`workers` threads hash (bcrypt lets go of the GIL), `max_waiting` more callers may queue, the rest is refused."""

    def __init__(self, rounds: int = 12, workers: int = 1, max_waiting: int = 16) -> None:
        self._rounds = rounds
        self._scheme = bcrypt_sha256.using(rounds=rounds)
        self._decoy = _decoy()
        self._workers = workers
        self._room = workers + max_waiting
        self._inside = 0
        self._closed = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password")

    async def hash(self, password: str) -> str:
        if not _hashable(password):
            raise WeakPassword("The password holds text that can't be stored. Choose another one.")
        return await self._run(partial(self._hash, password))

    async def verify(self, password: str, hashed: str | None) -> PasswordCheck:
        if not _hashable(password):  # refused by its looks alone, so it says nothing about the account
            return PasswordCheck(ok=False, needs_upgrade=False)
        return await self._run(partial(self._verify, password, hashed))

    def close(self) -> None:
        """Takes nothing new; what is already inside finishes."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._closed or self._inside >= self._room:
                raise Overloaded("Too many sign-ins at once. Try again shortly.", retry_after=self._seconds_to_wait())
            future = self._pool.submit(work)
            self._inside += 1
        # Counted until the thread is free, not until the caller is gone: a disconnect does not stop bcrypt.
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _left(self, _: Future[T]) -> None:
        with self._lock:
            self._inside -= 1

    def _seconds_to_wait(self) -> int:
        each = _SECONDS_AT_12_ROUNDS * 2.0 ** (self._rounds - 12)
        return max(1, math.ceil(self._inside * each / self._workers))

    def _hash(self, password: str) -> str:
        return str(self._scheme.hash(password))

    def _verify(self, password: str, hashed: str | None) -> PasswordCheck:
        rounds = self._readable_rounds(password, hashed)
        if hashed is None or rounds is None:
            self._spend(password, self._rounds)
            return PasswordCheck(ok=False, needs_upgrade=False)
        if _matches(password, hashed):
            return PasswordCheck(ok=True, needs_upgrade=self._outdated(hashed))
        # 2^r + (2^r + 2^(r+1) + … + 2^(n-1)) = 2^n: an old, cheaper hash fails as slowly as an unknown account.
        for cheaper in range(rounds, self._rounds):
            self._spend(password, cheaper)
        return PasswordCheck(ok=False, needs_upgrade=False)

    def _readable_rounds(self, password: str, hashed: str | None) -> int | None:
        """None for a hash that is malformed, that we won't pay for, or that this password can't have made."""
        text = hashed or ""
        found = _CURRENT.fullmatch(text) or _OLDER.fullmatch(text)
        if not found and "\0" not in password:  # plain bcrypt ends at a NUL and refuses it
            found = _PLAIN.fullmatch(text)
        rounds = int(found[1]) if found else 0
        return rounds if MIN_ROUNDS <= rounds <= max(MAX_STORED_ROUNDS, self._rounds) else None

    def _outdated(self, hashed: str) -> bool:
        return not _CURRENT.fullmatch(hashed) or bool(self._scheme.needs_update(hashed))

    def _spend(self, password: str, rounds: int) -> None:
        bcrypt_sha256.verify(password, self._decoy.format(rounds=rounds))


def _decoy() -> str:
    """A hash of nothing anyone can type, made for the least rounds and then relabelled: checking costs what it says."""
    return str(bcrypt_sha256.using(rounds=MIN_ROUNDS).hash(secrets.token_hex(32))).replace(
        f"r={MIN_ROUNDS}$", "r={rounds}$"
    )


def _matches(password: str, hashed: str) -> bool:
    if not _PLAIN.fullmatch(hashed):
        return bool(bcrypt_sha256.verify(password, hashed))
    # Plain bcrypt was cut at 72 bytes when it was made; the upgrade that follows takes the whole password.
    return bool(bcrypt.verify(password.encode()[:_BCRYPT_BYTES], hashed))


def _hashable(password: str) -> bool:
    """Whether libpass takes it: not absurdly long, no lone surrogates."""
    if len(password) > MAX_CHARACTERS:
        return False
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
