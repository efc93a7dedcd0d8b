"""Alert rules and dashboard: right by promtool, and about metrics that exist."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.infrastructure.observability.exposition import MetricsText, Values
from app.infrastructure.observability.meters import HttpMeter
from app.infrastructure.observability.tally import Tally
from app.shared.settings import ROOT

MONITORING = ROOT / "tools/monitoring"
DASHBOARD = MONITORING / "grafana/dashboards/hello-ticket.json"
RULES = MONITORING / "alerts.yml"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return found


def run(promtool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False)


@pytest.mark.service("promtool")
@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_the_rules_are_right_and_fire_on_what_they_are_for(promtool: str, arguments: tuple[str, ...]) -> None:
    done = run(promtool, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.service("promtool")
def test_a_rule_that_never_fires_is_found(promtool: str, tmp_path: Path) -> None:
    rules = RULES.read_text().replace("hello_stock_drift_pools > 0", "hello_stock_drift_pools > 1000")
    (tmp_path / "alerts.yml").write_text(rules)
    shutil.copy(MONITORING / "alerts_test.yml", tmp_path)
    assert run(promtool, "test", "rules", str(tmp_path / "alerts_test.yml")).returncode != 0


@pytest.mark.service("promtool")
def test_the_configuration_is_one_that_prometheus_takes(promtool: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch()
    text = (MONITORING / "prometheus.yml").read_text()
    assert "/tmp/metrics-token" in text
    (tmp_path / "prometheus.yml").write_text(text.replace("/tmp/metrics-token", str(token)))
    shutil.copy(RULES, tmp_path)
    done = run(promtool, "check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested() -> None:
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    tests = (MONITORING / "alerts_test.yml").read_text()
    assert len(names) >= 9
    assert {name for name in names if name not in tests} == set()


class NoFigures:
    async def read(self) -> Values:
        return {}


def exposed() -> set[str]:
    """Names of families, and of the series a histogram has."""
    tally = Tally(None)
    meter = HttpMeter(tally, ["/a"])
    meter.begin()
    meter.end("GET", "/a", 200, 1.0)
    text = asyncio.run(MetricsText(tally, NoFigures())()).decode()
    return {*re.findall(r"^# TYPE (\S+)", text, re.MULTILINE), *re.findall(r"^([a-z_]+)[{ ]", text, re.MULTILINE)}


def expressions(found: Any) -> Iterator[str]:
    """Every `expr`, however deep."""
    if isinstance(found, dict):
        yield from (value for key, value in found.items() if key == "expr")
        found = list(found.values())
    if isinstance(found, list):
        for inner in found:
            yield from expressions(inner)


def unknown(text: list[str]) -> set[str]:
    return set(re.findall(r"\bhello_[a-z_]+", " ".join(text))) - exposed()


def test_every_metric_that_is_shown_or_watched_exists() -> None:
    shown = list(expressions(json.loads(DASHBOARD.read_text())))
    watched = list(expressions(yaml.safe_load(RULES.read_text())))
    assert len(shown) > 20
    assert len(watched) > 8
    assert unknown(shown) == set()
    assert unknown(watched) == set()


def test_a_made_up_metric_is_found() -> None:
    assert unknown(["sum(hello_made_up_total)"]) == {"hello_made_up_total"}


def test_the_dashboard_shows_what_the_checklist_of_an_operator_asks() -> None:
    shown = " ".join(expressions(json.loads(DASHBOARD.read_text())))
    for part in (
        *("http_requests_total", "duration_seconds_bucket", '"5xx"', "hello_orders", "hello_holds", "stock_drift"),
        *("outbox_oldest", "queue_messages", "dead_letters", "connections_in_use", "outgoing_due"),
    ):
        assert part in shown
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    sources = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert {panel["datasource"]["uid"] for panel in panels} == {sources["datasources"][0]["uid"]}
