"""`make test` runs every test: its two runs name each folder of tests once."""

import re
import tomllib

from workspace import REPOSITORY


def test_the_two_runs_together_are_the_whole_suite() -> None:
    script = (REPOSITORY / "tests" / "run.sh").read_text(encoding="utf-8")
    named = " ".join(re.findall(r'^(?:services|tools)="(.*)"$', script, re.MULTILINE)).split()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    paths = set(project["tool"]["pytest"]["ini_options"]["testpaths"]) - {"tests"}
    paths |= {f"tests/{path.parent.name}" for path in (REPOSITORY / "tests").glob("*/*") if path.name != "__pycache__"}
    assert sorted(named) == sorted(paths)
