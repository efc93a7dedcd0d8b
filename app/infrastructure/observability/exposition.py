"""The answer of GET /metrics: Prometheus' text format, version 0.0.4."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from app.infrastructure.observability.catalogue import BOUNDS, METRICS, PROCESSES, Metric
from app.infrastructure.observability.meters import gauge
from app.infrastructure.observability.tally import Labels, Numbers, Tally

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Values = Mapping[Metric, Mapping[Labels, float]]


class Figures(Protocol):
    async def read(self) -> Values:
        """The last known ones; whatever can't be had is left out."""
        ...


class MetricsText:
    """All processes' numbers, whichever of them answers, and the figures from the database."""

    def __init__(self, tally: Tally, figures: Figures) -> None:
        self._tally = tally
        self._figures = figures

    async def __call__(self) -> bytes:
        figures = await self._figures.read()
        return await asyncio.to_thread(self._render, figures)

    def _render(self, figures: Values) -> bytes:
        numbers, processes = _summed(self._tally)
        given: Values = {**figures, PROCESSES: {(): float(processes)}}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Given([_family(metric, numbers, given.get(metric, {})) for metric in METRICS]))
        return generate_latest(registry)


class _Given(Collector):
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families

    def describe(self) -> Iterable[Family]:
        """Nothing to compare names with: the registry has this collector only."""
        return ()


def _summed(tally: Tally) -> tuple[Mapping[str, dict[Labels, list[float]]], int]:
    """By name and labels; gauges of the processes that live, the rest of all there ever were."""
    sums: defaultdict[str, dict[Labels, list[float]]] = defaultdict(dict)
    living = 0
    for alive, numbers in tally.read():
        living += alive
        _add(sums, numbers, alive=alive)
    return sums, living


def _add(sums: defaultdict[str, dict[Labels, list[float]]], numbers: Numbers, *, alive: bool) -> None:
    for (name, labels), values in numbers.items():
        if alive or not name.startswith("gauge:"):
            known = sums[name].get(labels)
            sums[name][labels] = [a + b for a, b in zip(known, values, strict=True)] if known else values


def _family(metric: Metric, numbers: Mapping[str, dict[Labels, list[float]]], given: Mapping[Labels, float]) -> Family:
    counted = numbers.get(gauge(metric) if metric.kind == "gauge" else metric.name, {})
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, (total, *buckets) in sorted(counted.items()):
            histogram.add_metric(labels, _cumulative(buckets), total)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted({**{known: values[0] for known, values in counted.items()}, **given}.items()):
        family.add_metric(labels, value)
    return family


def _cumulative(buckets: list[float]) -> list[tuple[str, float]]:
    ends = [*(str(bound) for bound in BOUNDS), "+Inf"]
    counted: list[tuple[str, float]] = []
    for end, count in zip(ends, buckets, strict=True):
        counted.append((end, count + (counted[-1][1] if counted else 0.0)))
    return counted
