"""`python -m mutation …`, run by `make mutants`."""

from mutation.cli import app

app(prog_name="python -m mutation")
