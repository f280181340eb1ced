"""The prompt: pulled from LangSmith where there is a key, else the one packaged here.

The guard (text in pictures is no instruction) is not part of the exchangeable prompt; it is always added.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

PROMPT_NAME = "collections-app-initial"
_FRESH_S = 300.0
# After a failed pull: soon again, but not with every picture.
_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions to a model; `id` is name and version, `collections-app-initial@1`."""

    id: str
    text: str

    @property
    def instructions(self) -> str:
        """The system message: the prompt and the guard."""
        return f"{self.text.strip()}\n\n{_read('guard.txt').strip()}"


#: Pulls a prompt by name: its manifest and the hash of its commit, or None where prompts are not pulled.
Pull = Callable[[str], tuple[str, Mapping[str, Any]] | None]


class PromptSource:
    """The current prompt, cached for five minutes."""

    def __init__(self, pull: Pull, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pull = pull
        self._clock = clock
        self._cached: Prompt | None = None
        self._expires = 0.0

    def current(self) -> Prompt:
        """The prompt to use now; never fails."""
        if self._cached is None or self._clock() >= self._expires:
            pulled = self._pull(PROMPT_NAME)
            prompt = parse_manifest(*pulled) if pulled else None
            self._expires = self._clock() + (_FRESH_S if prompt else _RETRY_S)
            # A prompt pulled before beats the packaged one when the next pull fails.
            self._cached = prompt or self._cached or packaged()
        return self._cached


def packaged() -> Prompt:
    """The prompt of this package."""
    header, _, text = _read(f"{PROMPT_NAME}.txt").partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in header.splitlines())
    return Prompt(f"{fields['prompt']}@{fields['version']}", text)


def parse_manifest(commit: str, manifest: Mapping[str, Any]) -> Prompt | None:
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
    return Prompt(f"{PROMPT_NAME}@{commit[:12]}", text) if text else None


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
