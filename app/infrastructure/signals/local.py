"""Signals within one process; the other carriers call these listeners too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from app.application.signals import Topic


class LocalSignals:
    def __init__(self) -> None:
        self._listeners: defaultdict[Topic, list[Callable[[], None]]] = defaultdict(list)

    def listen(self, topic: Topic, wake: Callable[[], None]) -> None:
        self._listeners[topic].append(wake)

    def announce(self, topic: Topic) -> None:
        for wake in self._listeners[topic]:
            wake()
