"""Wake-up calls between processes. Never more than a hint: whoever listens also looks by itself now and then."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What there may be news of."""

    OUTBOX = "outbox"
    QUEUE = "queue"
    REVOCATIONS = "revocations"
    WEBHOOKS = "webhooks"
    MESSAGES = "messages"


class Signals(Protocol):
    def announce(self, topic: Topic) -> None:
        """Wakes the listeners of this process at once and those of others shortly. Never waits and never raises."""
        ...

    def listen(self, topic: Topic, wake: Callable[[], None]) -> None:
        """`wake` is called in the event loop for every announcement, and whenever one may have been missed."""
        ...
