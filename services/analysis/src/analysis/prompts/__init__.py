"""Prompts: packaged here, or pulled from LangSmith where there is a key. Each has an id, `name@version`.

The files of this folder are `name@version.txt`, and one that was released never changes: its id is recorded with what
was made under it. Of a prompt from LangSmith the version is its commit. The guard (text in pictures is no instruction)
is not part of the exchangeable prompt; it is always added.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from analysis.errors import PromptUnknownError

PROMPT_NAME = "collections-app-initial"
_FRESH_S = 300.0
# After a failed pull: soon again, but not with every picture.
_RETRY_S = 60.0
_ID = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})([@:](?P<version>[A-Za-z0-9]{1,64}))?")
_COMMIT_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions to a model; `id` is name and version, `collections-app-initial@1`."""

    id: str
    text: str

    @property
    def instructions(self) -> str:
        """The system message: the prompt and the guard."""
        return f"{self.text.strip()}\n\n{_read('guard.txt').strip()}"


#: Pulls a prompt by name, or `name:commit`: the hash of its commit and its manifest, or None where it is not there.
Pull = Callable[[str], tuple[str, Mapping[str, Any]] | None]


@dataclass
class PromptSource:
    """The configured prompt, cached for five minutes, and any other by its id."""

    pull: Pull
    configured: str = PROMPT_NAME
    clock: Callable[[], float] = time.monotonic
    _cached: Prompt | None = None
    _expires: float = 0.0
    _known: dict[str, Prompt] = field(default_factory=dict)

    def current(self) -> Prompt:
        """The prompt to use now; never fails.

        Of a configured name it is the newest of LangSmith, where it can be pulled, or else the newest packaged one.
        """
        if self._cached is None or self.clock() >= self._expires:
            prompt = self._look(self.configured)
            self._expires = self.clock() + (_FRESH_S if prompt else _RETRY_S)
            # A prompt pulled before beats the packaged one when the next pull fails.
            self._cached = prompt or self._cached or _of_package(_parts(self.configured)[0]) or packaged()
        return self._cached

    def find(self, wanted: str) -> Prompt:
        """The prompt of that id: `name@version` if packaged, `name:commit` of LangSmith; of a name alone the newest.

        Raises:
            PromptUnknownError: there is none, or LangSmith does not give it.
        """
        known = self._known.get(wanted) or self._exact(wanted)
        if known is None:
            current = self.current()
            known = current if wanted in {self.configured, current.id} else self._look(wanted) or _of_package(wanted)
        if known is None:
            there = ", ".join(sorted(packaged_ids()))
            raise PromptUnknownError(f"no prompt {wanted} (packaged: {there}; name:commit of LangSmith needs its key)")
        if _parts(wanted)[1] is not None:  # the newest of a name may be another tomorrow
            self._known[wanted] = known
        return known

    def _exact(self, wanted: str) -> Prompt | None:
        """The packaged prompt of exactly that version: LangSmith is not asked for it."""
        name, version = _parts(wanted)
        return None if version is None else _of_package(f"{name}@{version}")

    def _look(self, wanted: str) -> Prompt | None:
        name, version = _parts(wanted)
        if not name:
            return None
        if (known := self._exact(wanted)) is not None:
            return known
        pulled = self.pull(name if version is None else f"{name}:{version}")
        return parse_manifest(*pulled, name=name) if pulled else None


def packaged(wanted: str = PROMPT_NAME) -> Prompt:
    """The prompt of this package with that id, or the newest of that name. Raises PromptUnknownError."""
    found = _of_package(wanted)
    if found is None:
        raise PromptUnknownError(f"no prompt {wanted} is packaged")
    return found


def packaged_ids() -> frozenset[str]:
    """The ids of the prompts of this package."""
    names = (entry.name for entry in resources.files("analysis.prompts").iterdir())
    return frozenset(name.removesuffix(".txt") for name in names if "@" in name and name.endswith(".txt"))


def _of_package(wanted: str) -> Prompt | None:
    name, version = _parts(wanted)
    versions = [each.partition("@")[2] for each in packaged_ids() if each.partition("@")[0] == name]
    chosen = max(versions, key=int, default=None) if version is None else version
    if chosen not in versions:
        return None
    header, _, text = _read(f"{name}@{chosen}.txt").partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in header.splitlines())
    return Prompt(f"{fields['prompt']}@{fields['version']}", text)


def _parts(wanted: str) -> tuple[str, str | None]:
    """Name and version; the name is empty where it is no id."""
    found = _ID.fullmatch(wanted)
    return (found["name"], found["version"]) if found else ("", None)


def parse_manifest(commit: str, manifest: Mapping[str, Any], *, name: str = PROMPT_NAME) -> Prompt | None:
    """The text of a serialized LangChain prompt: its system messages, or all there is; None when there is no text.

    Only text is taken out of it. Deserializing it would build whatever objects it names, and needs LangChain.
    """
    kwargs = manifest.get("kwargs")
    messages = kwargs.get("messages") if isinstance(kwargs, Mapping) else None
    if isinstance(messages, list):
        system = [message for message in messages if "system" in str(_class_of(message)).lower()]
        texts = [text for message in system or messages for text in _templates(message)]
    else:
        texts = list(_templates(manifest))
    # Templates are f-strings: literal braces are written twice.
    text = "\n\n".join(texts).replace("{{", "{").replace("}}", "}").strip()
    return Prompt(f"{name}@{commit[:_COMMIT_LENGTH]}", text) if text else None


def _class_of(node: object) -> str:
    name = node.get("id") if isinstance(node, Mapping) else None
    return str(name[-1]) if isinstance(name, list) and name else ""


def _templates(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in {"template", "content"} and isinstance(value, str):
                yield value
            else:
                yield from _templates(value)
    elif isinstance(node, list):
        for entry in node:
            yield from _templates(entry)


def _read(name: str) -> str:
    return resources.files("analysis.prompts").joinpath(name).read_text(encoding="utf-8")
