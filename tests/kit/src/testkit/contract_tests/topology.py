"""What the code of a service does with events, compared with its manifest."""

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from contracts import REGISTRY, Contract
from contracts.ingest import TenantForgotten
from contracts.operations import ErasureReceipt, ReplayReport
from manifests import Service


def subscription_problems(service: Service, function: str, handled: Mapping[str, type[Contract]]) -> list[str]:
    """Differences between the events that a function is declared to get and those that its code handles."""
    declared = set(service.consumed_by(function))
    name = f"{service.service}.{function}"
    return [
        *(f"{name} gets {event}, and no handler is subscribed to it" for event in sorted(declared - set(handled))),
        *(f"{name} handles {event}, and the manifest does not consume it" for event in sorted(set(handled) - declared)),
    ]


def publication_problems(service: Service, folder: Path) -> list[str]:
    """Differences between what a service declares to publish and the contracts that the code in the folder builds."""
    built = {contract.event_type: place for place, contract in contracts_built(folder)}
    if any(function.handler.endswith(".on_replays") for function in service.functions.values()):
        built |= {report.event_type: "chassis.replays" for report in _reports(service, ReplayReport)}
    if any(item.event == TenantForgotten.event_type for item in service.consumes):
        built |= {receipt.event_type: "chassis.forgetting" for receipt in _reports(service, ErasureReceipt)}
    declared = set(service.publishes)
    return [
        *(
            f"{built[event]} builds {event}, which {service.service} does not publish"
            for event in sorted(set(built) - declared)
        ),
        *(f"{service.service} publishes {event}, and no code builds it" for event in sorted(declared - set(built))),
    ]


def _reports(service: Service, kind: type[Contract]) -> Iterator[type[Contract]]:
    """What the chassis records for the service: reports of replays, receipts of erasure."""
    return (each for each in REGISTRY if issubclass(each, kind) and each.source() == service.source)


def contracts_built(folder: Path) -> Iterator[tuple[str, type[Contract]]]:
    """Contracts that are called in the code, with the place; a consumer names contracts, only a producer calls them."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        names = dict(_imported(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                contract = names.get(_builder(node.func))
                if contract is not None:
                    yield f"{file.relative_to(folder.parent)}:{node.lineno}", contract


def _builder(function: ast.expr) -> str:
    """`ItemDeleted` of `ItemDeleted(…)`, `ItemDeleted.model_validate(…)` and `ingest.ItemDeleted(…)`."""
    text = ast.unparse(function)
    for suffix in (".model_validate", ".model_validate_json", ".model_construct"):
        text = text.removesuffix(suffix)
    return text


def _imported(tree: ast.AST) -> Iterator[tuple[str, type[Contract]]]:
    """The names under which a module imports contracts."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.module.split(".")[0] != "contracts":
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            found = getattr(module, alias.name, None)
            known = alias.asname or alias.name
            if isinstance(found, type) and issubclass(found, Contract) and found is not Contract:
                yield known, found
            elif hasattr(found, "__path__") or hasattr(found, "__file__"):
                yield from _members(known, found)


def _members(known: str, module: object) -> Iterator[tuple[str, type[Contract]]]:
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, Contract) and value is not Contract:
            yield f"{known}.{name}", value
