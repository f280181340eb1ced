"""`python -m mesh.bench …`, the same as `mesh bench …`."""

from mesh.bench.cli import app

app(prog_name="mesh bench")
