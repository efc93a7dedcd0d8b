from __future__ import annotations

from tools.bench.counts import fault_of
from tools.bench.stampede import Stampede

AGREED = dict.fromkeys(("counted", "taken", "pieces", "orders", "events", "outbox", "audit_log", "idempotency_keys"), 7)


def test_a_product_whose_numbers_agree_is_no_fault() -> None:
    assert fault_of({"sku": "HOT", **AGREED}) is None


def test_one_missing_row_of_any_kind_is_a_fault() -> None:
    for kind in AGREED:
        fault = fault_of({"sku": "HOT", **AGREED, kind: 6})
        assert fault is not None
        assert f"{kind} 6" in fault


def test_a_stampede_is_right_only_when_it_is_exact() -> None:
    assert Stampede(500, 100, 400, 1.0).faults == []
    assert Stampede(500, 101, 399, 1.0).faults == ["stampede: 101 placed, 399 sold_out, 0 other for 100 pieces"]
    assert Stampede(500, 100, 399, 1.0).faults == ["stampede: 100 placed, 399 sold_out, 1 other for 100 pieces"]
