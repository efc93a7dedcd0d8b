from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.infrastructure.observability.catalogue import BOUNDS, METRICS, ORDERS
from app.infrastructure.observability.exposition import MetricsText, Values
from app.infrastructure.observability.meters import HttpMeter, PoolMeter
from app.infrastructure.observability.tally import Tally

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Given:
    def __init__(self, values: Values) -> None:
        self._values = values

    async def read(self) -> Values:
        return self._values


def samples(tally: Tally, values: Values | None = None) -> Mapping[Sample, float]:
    text = asyncio.run(MetricsText(tally, Given(values or {}))()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: Mapping[Sample, float], name: str) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in labels): number for (own, labels), number in found.items() if own == name}


def test_requests_fall_into_buckets_by_their_duration() -> None:
    tally = Tally(None)
    meter = HttpMeter(tally, ["/a"])
    for milliseconds in (0.5, 1.0, 1.1, 20_000.0):
        meter.begin()
        meter.end("GET", "/a", 200, milliseconds)

    found = samples(tally)
    buckets = {labels[0]: count for labels, count in of(found, "hello_http_request_duration_seconds_bucket").items()}
    assert (buckets["0.001"], buckets["0.0025"], buckets["10.0"], buckets["+Inf"]) == (2, 3, 3, 4)
    assert len(buckets) == len(BOUNDS) + 1
    assert of(found, "hello_http_request_duration_seconds_count") == {("GET", "/a"): 4}
    assert of(found, "hello_http_request_duration_seconds_sum")[("GET", "/a")] == pytest.approx(20.0026)


def test_what_is_begun_and_not_ended_is_in_flight() -> None:
    tally = Tally(None)
    meter = HttpMeter(tally, ["/a"])
    meter.begin()
    meter.begin()
    meter.end("GET", "/a", 200, 1.0)
    assert of(samples(tally), "hello_http_requests_in_flight") == {(): 1}


def test_strangers_can_not_make_series() -> None:
    tally = Tally(None)
    meter = HttpMeter(tally, ["/a"])
    for number in range(1_000):
        meter.begin()
        meter.end(f"M{number}", f"/x{number}", 404, 1.0)
    assert of(samples(tally), "hello_http_requests_total") == {("unknown", "unknown", "4xx"): 1_000}
    assert meter._slots == {}


def test_a_pool_is_waited_for_taken_from_and_given_back_to() -> None:
    tally = Tally(None)
    pool = PoolMeter(tally, "app", 70)

    def state() -> list[float]:
        found = samples(tally)
        names = ("in_use", "awaited", "max")
        return [of(found, f"hello_database_connections_{name}")[("app",)] for name in names]

    pool.wait()
    pool.wait()
    assert state() == [0, 2, 70]
    pool.take()
    pool.give_up()
    assert state() == [1, 0, 70]
    pool.give_back()
    pool.slow()
    assert state() == [0, 0, 70]
    assert of(samples(tally), "hello_database_slow_statements_total") == {("app",): 1}


def test_figures_are_shown_beside_what_was_counted() -> None:
    assert of(samples(Tally(None), {ORDERS: {("pending",): 3.0}}), "hello_orders") == {("pending",): 3}


def test_every_metric_is_named_once_and_says_what_it_is() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("hello_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.help.endswith(".")
        assert "tenant" not in metric.labels
