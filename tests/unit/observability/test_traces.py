from __future__ import annotations

import subprocess
import sys
from typing import Any

from app.infrastructure.observability import traces
from app.shared.settings import ROOT, Settings

PARTS = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation")
LOADED = f"""
import sys
import app.main
print(sorted(name for name in sys.modules if name.startswith({PARTS})))
"""


class NoMiddlewares:
    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None:
        raise AssertionError


def test_off_nothing_is_added_and_every_call_does_nothing() -> None:
    traces.trace_requests(NoMiddlewares(), Settings.model_validate({"tracing": False}), str)
    with traces.continued("later", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        assert (traces.current_trace_id(), traces.current_traceparent()) == ("", "")


def test_off_nothing_that_makes_or_sends_spans_is_loaded() -> None:
    """redis-py loads OpenTelemetry's metrics by itself where they are installed, and leaves them alone."""
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
