"""How many requests one process works on at once. Beyond that it says so soon, instead of making everybody wait.

Welsh and Culler, "Adaptive Overload Control for Busy Internet Servers" (USITS 2003): what is refused early costs next
to nothing, what is accepted and answered too late costs all of it.
"""

from __future__ import annotations

import asyncio

from app.shared.errors import Overloaded

RETRY_SECONDS = 1
HOLD_SECONDS = 0.5
"""A refusal comes a little later: whoever repeats it on the spot would cost more than those who are served."""
ALWAYS = "/health"
"""Who asks how we are is answered however much there is to do."""


class Room:
    """A context per request; shared by all, since it only counts."""

    __slots__ = ("_most", "_taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    async def __aenter__(self) -> None:
        """Raises Overloaded."""
        if self._taken >= self._most:
            await asyncio.sleep(HOLD_SECONDS)
            raise Overloaded("Too many requests are in progress here; repeat it shortly.", retry_after=RETRY_SECONDS)
        self._taken += 1

    async def __aexit__(self, *_: object) -> None:
        self._taken -= 1
