from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tools.bench.load import Load
from tools.bench.wrk import MARK, Wrk, WrkFailed, read_result

LINE = '{"answers":10,"seconds":2.0,"p50_ms":1.5,"p99_ms":9.0,"refused":1,"broken":0}'


def test_the_result_is_found_among_what_wrk_prints() -> None:
    result = read_result(f"Running 1s test\n{MARK}{LINE}\nRequests/sec: 5\n")
    assert (result.good, result.rate, result.p99_ms) == (9, 4.5, 9.0)


def test_output_without_a_result_is_told_as_it_is() -> None:
    with pytest.raises(WrkFailed, match="unable to connect"):
        read_result("unable to connect to 127.0.0.1")
    with pytest.raises(WrkFailed, match="nothing"):
        read_result("")


def test_the_script_is_handed_its_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in on PATH, so that this holds where wrk is missing."""
    program = tmp_path / "wrk"
    program.write_text(f"""#!/bin/sh\nenv > {tmp_path}/env; echo "$@" > {tmp_path}/args; echo '{MARK}{LINE}'\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    wrk = Wrk.found(tmp_path)
    assert wrk is not None
    load = Load(port=81, path="/x", method="POST", token="t", bodies=(b"1", b"2"), keyed=True, seconds=0.2)
    assert asyncio.run(wrk.run(load)).answers == 10
    given = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert Path(given["BENCH_BODIES"]).read_bytes() == b"1\n2\n"
    assert (given["BENCH_METHOD"], given["BENCH_KEYED"], given["BENCH_TOKEN"]) == ("POST", "1", "t")
    assert "-c 64 -d 1s" in (tmp_path / "args").read_text()


def test_a_load_without_bodies_names_no_file(tmp_path: Path) -> None:
    given = Wrk("wrk", tmp_path)._orders(Load(port=1, path="/"))
    assert (given["BENCH_BODIES"], given["BENCH_KEYED"]) == ("", "0")


def test_without_wrk_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Wrk.found(tmp_path) is None
