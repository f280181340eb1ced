"""The documents are correct: the README's diagram matches the manifests, commands and links exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from manifests import load_manifests
from manifests.picture import in_document
from mesh.cli import app
from workspace import REPOSITORY

README = REPOSITORY / "README.md"
_FOLDERS = ("benchmarks", "contracts", "docs", "libraries", "localstack", "services", "terraform", "tests", "tools")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", *(f"{folder}/**/*.md" for folder in _FOLDERS))
    for path in REPOSITORY.glob(pattern)
    if not {".venv", ".terraform"} & set(path.parts)
)
_MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
_TARGETS = set(re.findall(r"^([a-z][a-z%-]*):", _MAKEFILE, flags=re.MULTILINE))
_BLOCK = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\.venv/bin/)?((?:make|mesh) +[^#\n]+)", flags=re.MULTILINE)


def test_the_picture_is_the_manifests() -> None:
    text = README.read_text(encoding="utf-8")
    assert in_document(text, load_manifests(REPOSITORY)) == text, "run: make readmes"


def test_the_readme_names_what_one_begins_with() -> None:
    targets = {words[1] for words in _commands(README) if words[0] == "make"}
    assert {"demo", "test", "up", "down", "status", "logs", "reset", "infra-apply", "infra-destroy"} <= targets


def test_every_guarantee_names_tests_that_exist() -> None:
    guarantees = REPOSITORY / "docs" / "guarantees.md"
    chapters = guarantees.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [chapter.partition(":")[0] for chapter in chapters] == [f"G{number}" for number in range(1, 10)]
    for chapter in chapters:
        named = re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", chapter)
        assert named, chapter
        for test, path in named:
            assert f"def {test}(" in (guarantees.parent / path).read_text(encoding="utf-8"), test


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_command_that_is_named_exists(document: Path) -> None:
    problems = [problem for words in _commands(document) if (problem := _problem(words))]
    assert problems == []


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("make infra-apply ENV=dev", ""),
        ("make check test", ""),
        ("make test-chat", ""),
        ("make infra-aply ENV=dev", "make has no target infra-aply"),
        ("mesh user create you@example.com --env dev", ""),
        ("mesh secrets push ENV", ""),
        ("mesh secrets hide ENV", "mesh secrets has no hide"),
        ("mesh verify --env ENV --fast", "mesh verify has no option --fast"),
    ],
)
def test_commands_that_do_not_exist_are_found(typed: str, problem: str) -> None:
    assert _problem(typed.split()) == problem


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def _commands(document: Path) -> list[list[str]]:
    """The commands in the document, in blocks of code and between backticks, as words."""
    text = document.read_text(encoding="utf-8")
    typed = [
        words for block in _BLOCK.findall(text) for words in _COMMAND.findall(re.sub(r"^ +", "", block, flags=re.M))
    ]
    typed += [words for code in re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text)) for words in _COMMAND.findall(code)]
    return [shlex.split(words) for words in typed]


def _problem(words: list[str]) -> str:
    """What is wrong with a command, nothing if it can be typed. What is not a name is a placeholder: `ENV`, `…`."""
    program, *rest = words
    if program == "make":
        named = [word for word in rest if re.fullmatch(r"[a-z][a-z-]*", word)]
        unknown = [word for word in named if word not in _TARGETS and f"{word.partition('-')[0]}-%" not in _TARGETS]
        return f"make has no target {unknown[0]}" if unknown else ""
    command, path = typer.main.get_command(app), program
    for word in rest:
        if word.startswith("--"):
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0] not in known | {"--help"}:
                return f"{path} has no option {word}"
        elif (commands := getattr(command, "commands", None)) and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in commands:
                return f"{path} has no {word}"
            command, path = commands[word], f"{path} {word}"
    return ""
