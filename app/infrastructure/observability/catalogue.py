"""Every metric there is: name, kind, what it says, and by which labels. Tenants are never labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """As Prometheus names things: seconds, and `_total` for what only grows."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the duration histogram's buckets, in seconds; the last one is endless."""

REQUESTS = Metric(
    "hello_http_requests_total",
    "counter",
    "Answered requests; route is the template, status the class of the answer.",
    ("method", "route", "status"),
)
DURATION = Metric(
    "hello_http_request_duration_seconds",
    "histogram",
    "From the first look at a request to the last byte of its answer.",
    ("method", "route"),
)
IN_FLIGHT = Metric("hello_http_requests_in_flight", "gauge", "Requests being worked on.")
PROCESSES = Metric("hello_processes", "gauge", "Processes whose numbers are shown here.")

CONNECTIONS_USED = Metric(
    "hello_database_connections_in_use", "gauge", "Connections that somebody works with.", ("role",)
)
CONNECTIONS_AWAITED = Metric(
    "hello_database_connections_awaited", "gauge", "Callers that wait for a connection.", ("role",)
)
CONNECTIONS_MOST = Metric("hello_database_connections_max", "gauge", "What the pools may grow to.", ("role",))
SLOW_STATEMENTS = Metric(
    "hello_database_slow_statements_total", "counter", "Statements that took longer than SLOW_QUERY_MS.", ("role",)
)

ORDERS = Metric("hello_orders", "gauge", "Orders there are, over all tenants.", ("status",))
HOLDS = Metric("hello_holds", "gauge", "Pending orders, each of which holds stock.")
HOLDS_OVERDUE = Metric("hello_holds_overdue_seconds", "gauge", "How long the oldest hold has been due to expire.")
DRIFT = Metric("hello_stock_drift_pools", "gauge", "Stock pools whose counters differ from their orders.")
OUTBOX = Metric("hello_outbox_unpublished", "gauge", "Events that are committed and not published yet.")
OUTBOX_AGE = Metric("hello_outbox_oldest_seconds", "gauge", "Age of the oldest event not published yet.")
QUEUE = Metric("hello_queue_messages", "gauge", "Messages that wait for a subscriber.", ("subscriber",))
DEAD_LETTERS = Metric("hello_dead_letters", "gauge", "Messages that a subscriber could not deal with.", ("subscriber",))
JOBS = Metric("hello_jobs", "gauge", "Jobs that wait or run.", ("status",))
JOBS_AGE = Metric("hello_jobs_oldest_queued_seconds", "gauge", "How long the oldest job has been waiting.")
WORKERS = Metric("hello_workers", "gauge", "Processes that run background work and said so lately.")
HEARTBEAT = Metric("hello_worker_heartbeat_age_seconds", "gauge", "Time since any worker was heard of.")
OUTGOING = Metric("hello_outgoing_due", "gauge", "Mails, text messages and webhooks that are due now.", ("kind",))
OUTGOING_AGE = Metric(
    "hello_outgoing_oldest_due_seconds", "gauge", "How long the oldest of them has been due.", ("kind",)
)
FIGURES_AGE = Metric(
    "hello_figures_age_seconds", "gauge", "Age of the figures that come from the database.", ("figures",)
)

METRICS = (
    *(REQUESTS, DURATION, IN_FLIGHT, PROCESSES, CONNECTIONS_USED, CONNECTIONS_AWAITED, CONNECTIONS_MOST),
    *(SLOW_STATEMENTS, ORDERS, HOLDS, HOLDS_OVERDUE, DRIFT, OUTBOX, OUTBOX_AGE, QUEUE, DEAD_LETTERS, JOBS, JOBS_AGE),
    *(WORKERS, HEARTBEAT, OUTGOING, OUTGOING_AGE, FIGURES_AGE),
)
