"""What may go wrong with a language model, and how every mode that asks one tells of it: answers, agents, and chat."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FaultOfModel:
    """A fault of the provider emulator, and the problem that it becomes: its code, and its status."""

    fault: dict[str, Any]
    status: int
    code: str

    def __str__(self) -> str:
        return "-".join(str(value) for value in self.fault.values())


FAULTS_OF_MODELS = (
    FaultOfModel({"kind": "status", "status": 529, "retry_after": 0}, 503, "model-unavailable"),
    FaultOfModel({"kind": "status", "status": 500, "retry_after": 0}, 503, "model-unavailable"),
    FaultOfModel({"kind": "status", "status": 429, "retry_after": 60}, 503, "model-unavailable"),
    FaultOfModel({"kind": "status", "status": 401}, 502, "model-rejected"),
    FaultOfModel({"kind": "status", "status": 400}, 502, "model-rejected"),
    FaultOfModel({"kind": "malformed"}, 503, "model-unavailable"),
    FaultOfModel({"kind": "refusal"}, 502, "model-rejected"),
)
