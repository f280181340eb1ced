"""Where the golden set is."""

from workspace import REPOSITORY

FOLDER = REPOSITORY / "benchmarks/golden"
FAMILIES = FOLDER / "families.yaml"
UNANSWERABLE = FOLDER / "unanswerable.yaml"
ITEMS = FOLDER / "items.json"
QUERIES = FOLDER / "queries.json"
BASELINE = FOLDER / "baseline.json"
