"""Runnable measurements, as ratios against a baseline of the same run; see `python -m benchmarks`."""
