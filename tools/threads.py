"""Blocking work that must not hold up the end of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable


async def in_daemon_thread(step: Callable[[], None]) -> None:
    """Like asyncio.to_thread, but a cancelled caller goes at once and a step that hangs dies with the process."""
    outcome: concurrent.futures.Future[None] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            step()
            outcome.set_result(None)
        except BaseException as error:  # noqa: BLE001  # handed to whoever awaits, nothing is lost
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    await asyncio.wrap_future(outcome)
