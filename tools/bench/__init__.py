"""Measures every claim about speed against a hand-written floor, side by side in one run. See docs/BENCHMARKS.md."""
