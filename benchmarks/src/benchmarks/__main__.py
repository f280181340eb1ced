"""`python -m benchmarks …`: what `make bench` and `make bench-<name>` call."""

from benchmarks.cli import app

app(prog_name="python -m benchmarks")
