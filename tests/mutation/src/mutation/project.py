"""One package in a folder where mutmut can work: its mutants, and what became of them."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut import configuration as mutmut_configuration
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_src_dir, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name, orig_function_and_class_names_from_key

from mutation.configuration import Configuration, Package
from mutation.plugin import IMPORTED
from workspace import REPOSITORY, OperatorError

#: A mutant may run this many times as long as its tests did, each counted with so many seconds more.
_TIMEOUT_MULTIPLIER, _TIMEOUT_S = 10.0, 6.0
_HUNK = re.compile(r"@@ -(\d+)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `before` and `after` are the lines that differ, `line` is the first of them."""

    name: str
    path: str
    line: int
    before: str
    after: str


class Project:
    """mutmut's folder for one package, `build/mutants/<package>`."""

    def __init__(self, package: Package, settings: Configuration, repository: Path = REPOSITORY) -> None:
        self.package = package
        self._settings = settings
        self._repository = repository
        self._folder = repository / "build" / "mutants" / package.name
        self._files: dict[str, Path] = {}

    def create(self, children: int) -> list[str]:
        """Make the folder again and all mutants in it; returns their names, sorted."""
        shutil.rmtree(self._folder, ignore_errors=True)
        tree = self._folder / "mutants"
        tree.mkdir(parents=True)
        (self._folder / "src").symlink_to(self._repository / self.package.source)
        for path in self._repository.iterdir():
            if not path.name.startswith(".") and path.name not in ("build", "pyproject.toml"):
                (tree / path.name).symlink_to(path)
        self._configure(isolation="fork")
        with self._inside():
            # Imported here, because this module reads the settings of the current folder when it is imported.
            from mutmut.__main__ import create_mutants

            copy_src_dir()
            with contextlib.redirect_stdout(None):
                create_mutants(children)
            for path in walk_mutatable_files():
                self._files |= dict.fromkeys(_load(path).exit_code_by_key, path)
        return sorted(self._files)

    def describe(self, name: str) -> Mutant:
        """What a mutant changes."""
        path = self._files[name]
        with self._inside():
            lines = get_diff_for_mutant(name, path=path).splitlines()
            first = next(index for index, line in enumerate(lines[2:]) if line[:1] in "+-") - 1
            hunk = _HUNK.match(lines[2])
            offset = int(hunk.group(1)) + first if hunk else 0
            line = _line_of_function(path, name) + offset - 1
        shown = self.package.source / path.relative_to("src")
        before, after = ("\n".join(line[1:] for line in lines[2:] if line[0] == sign) for sign in "-+")
        return Mutant(name, shown.as_posix(), line, before, after)

    def run(self, names: Collection[str], children: int) -> dict[str, str]:
        """Test mutants; returns mutmut's verdict on each, such as `killed`, `survived`, `timeout`, `no tests`.

        mutmut forks from a process that has imported everything already. What runs only while a module is imported
        would never run changed, so such survivors are tested again, each in a process that imports the modules again.
        """
        self._mutmut(names, children)
        verdicts = self._verdicts(names)
        imported = json.loads((self._folder / "mutants" / IMPORTED).read_text(encoding="utf-8"))
        again = [
            name
            for name, verdict in verdicts.items()
            if verdict == "survived" and mangled_name_from_mutant_name(name) in imported
        ]
        if again:
            self._configure(isolation="forkserver")
            self._mutmut(again, children)
            verdicts |= self._verdicts(again)
        return verdicts

    def _configure(self, *, isolation: str) -> None:
        root = tomllib.loads((self._repository / "pyproject.toml").read_text(encoding="utf-8"))
        pytest_options = root["tool"]["pytest"]["ini_options"]
        options = {
            "source_paths": ["src"],
            "pytest_add_cli_args_test_selection": [self.package.tests.as_posix()],
            # Without the check of emissions: mutmut selects tests, and those left out may be the only ones of an event.
            "pytest_add_cli_args": [
                "-p",
                "mutation.plugin",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:testkit.contract_tests.emissions",
            ],
            "do_not_mutate_patterns": self._settings.skipped_lines,
            "timeout_multiplier": _TIMEOUT_MULTIPLIER,
            "timeout_constant": _TIMEOUT_S,
            "process_isolation": isolation,
            "forkserver_warmup": "none",
            "use_git_change_detection": False,
            "track_dependencies": False,
        }
        sections = {"tool.pytest.ini_options": pytest_options, "tool.mutmut": options}
        text = "\n".join(
            f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in section.items())
            for name, section in sections.items()
        )
        for folder in (self._folder, self._folder / "mutants"):
            (folder / "pyproject.toml").write_text(text, encoding="utf-8")

    def _mutmut(self, names: Collection[str], children: int) -> None:
        log = self._folder / "mutmut.log"
        command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(children), *names]
        environment = os.environ | {"PYTHONPATH": str(self._folder / "mutants" / "src")}
        with log.open("w", encoding="utf-8") as output:
            done = subprocess.run(command, cwd=self._folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise OperatorError(f"mutmut could not test {self.package.name}: read {log}")

    def _verdicts(self, names: Collection[str]) -> dict[str, str]:
        with self._inside():
            data = {path: _load(path) for path in {self._files[name] for name in names}}
        return {name: status_by_exit_code[data[self._files[name]].exit_code_by_key[name]] for name in names}

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        """mutmut reads its settings once a process, from the current folder."""
        with contextlib.chdir(self._folder):
            mutmut_configuration.reset_config()
            yield


def _load(path: Path) -> SourceFileMutationData:
    data = SourceFileMutationData(path=path)
    data.load()
    return data


def _line_of_function(path: Path, mutant: str) -> int:
    name, owner = orig_function_and_class_names_from_key(mutant)
    tree: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    if owner:
        tree = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == owner)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    node = next(node for node in ast.walk(tree) if isinstance(node, functions) and node.name == name)
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _toml(value: object) -> str:
    """Strings, numbers, booleans and lists are written in TOML as in JSON."""
    return json.dumps(value)
