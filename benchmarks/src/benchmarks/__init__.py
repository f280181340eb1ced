"""Benchmarks, each beside a reference from the same run; `python -m benchmarks` lists them."""
