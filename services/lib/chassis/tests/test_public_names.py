"""The README lists what is public: the `__all__` of each module. Run as a program, this file writes the list."""

import importlib
import pkgutil
from dataclasses import is_dataclass
from pathlib import Path

import chassis

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- public names: begin -->\n", "<!-- public names: end -->"


def public_names() -> str:
    """A table: each module of the chassis (a package stands for its modules) and its public names."""
    rows = ["| module | names |", "| --- | --- |"]
    for module in pkgutil.iter_modules(chassis.__path__, "chassis."):
        names = importlib.import_module(module.name).__all__
        rows.append(f"| `{module.name}` | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows) + "\n"


def test_the_readme_lists_the_public_names() -> None:
    _, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    listed, _, _ = rest.partition(END)
    assert listed == public_names(), f"run: .venv/bin/python {Path(__file__)}"


def test_every_public_name_exists() -> None:
    for module in pkgutil.walk_packages(chassis.__path__, "chassis."):
        loaded = importlib.import_module(module.name)
        assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == [], module.name


def test_values_do_not_change() -> None:
    for module in pkgutil.walk_packages(chassis.__path__, "chassis."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.name:
                assert value.__dataclass_params__.frozen, value  # type: ignore[attr-defined]


if __name__ == "__main__":
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + public_names() + END + rest.partition(END)[2], encoding="utf-8")
