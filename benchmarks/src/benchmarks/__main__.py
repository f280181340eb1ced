"""`python -m benchmarks …`, run by `make bench` and `make bench-<name>`."""

from benchmarks.cli import app

app(prog_name="python -m benchmarks")
