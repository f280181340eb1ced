"""Faults that tests switch on at run time: what to do wrong, for which provider, how often, for which requests."""

import threading
import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from provider_emulator.errors import BadRequestError

Provider = Literal["anthropic", "openai", "voyage", "tavily", "langsmith"]
KEPT = 200  # faults in the book; a request is compared with each
FaultKind = Literal["status", "timeout", "malformed", "slow", "refusal"]


class Fault(BaseModel):
    """One fault rule.

    status: the answer is an error of that status in the provider's format, with `retry_after` if given.
    timeout: no answer within `delay_s` (default 600), then 504. slow: the answer comes `delay_s` (default 2) later.
    Clearing the faults ends both delays.
    malformed: structured output breaks off in the middle; without structured output the HTTP body does.
    refusal: the model declines; Anthropic and OpenAI only, others are untouched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Provider | Literal["*"]
    kind: FaultKind
    status: Annotated[int, Field(ge=400, le=599)] = 500
    count: Annotated[int, Field(ge=1)] | None = None
    match: Annotated[str, Field(max_length=1000)] | None = None
    retry_after: Annotated[float, Field(ge=0)] | None = None
    delay_s: Annotated[float, Field(ge=0, le=3600)] | None = None

    @model_validator(mode="after")
    def _refusals_need_a_model(self) -> "Fault":
        if self.kind == "refusal" and self.provider in ("voyage", "tavily", "langsmith"):
            raise ValueError("only anthropic and openai can refuse")
        return self

    def concerns(self, provider: Provider, body: bytes) -> bool:
        if self.kind == "refusal" and provider not in ("anthropic", "openai"):
            return False
        return self.provider in (provider, "*") and (self.match is None or self.match.encode() in body)


class ArmedFault(BaseModel):
    """A fault rule that is switched on: how often it may still fire (None: until cleared) and how often it has."""

    model_config = ConfigDict(frozen=True)

    id: str
    fault: Fault
    remaining: int | None
    applied: int


class FaultBook:
    """The switched-on faults, oldest first; the first that matches a request applies."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._cleared = 0
        self._lock = threading.Lock()

    @property
    def cleared(self) -> int:
        """How often the book was cleared: requests that a fault delays continue when this changes."""
        return self._cleared

    def add(self, fault: Fault) -> ArmedFault:
        """Switches it on; the oldest spent one is forgotten where the book is full.

        Raises:
            BadRequestError: the book is full of faults that may still fire.
        """
        armed = ArmedFault(id=uuid.uuid4().hex[:12], fault=fault, remaining=fault.count, applied=0)
        with self._lock:
            if len(self._armed) == KEPT:
                self._forget_one()
            self._armed.append(armed)
        return armed

    def all(self) -> list[ArmedFault]:
        """The faults that were added since the last clearing, spent ones too, with how often each fired."""
        with self._lock:
            return list(self._armed)

    def clear(self) -> int:
        with self._lock:
            count, self._armed = len(self._armed), []
            self._cleared += 1
        return count

    def _forget_one(self) -> None:
        spent = next((armed for armed in self._armed if armed.remaining == 0), None)
        if spent is None:
            raise BadRequestError(f"{KEPT} faults are armed: clear them first")
        self._armed.remove(spent)

    def take(self, provider: Provider, body: bytes) -> Fault | None:
        """The fault for this request, counted; None if no rule matches."""
        with self._lock:
            for index, armed in enumerate(self._armed):
                if armed.remaining == 0 or not armed.fault.concerns(provider, body):
                    continue
                left = None if armed.remaining is None else armed.remaining - 1
                self._armed[index] = armed.model_copy(update={"remaining": left, "applied": armed.applied + 1})
                return armed.fault
        return None
