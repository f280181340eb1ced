"""Do the published schemas say what the models say? For a repository that has models, which are the installed ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import contracts
from contracts import REGISTRY, ContractError, NoUpcasterError
from contracts.export import schema_files
from contracts.schemas import consumer_schema
from contracts.unpublished import unpublished
from registry.catalogue import Catalogue
from registry.errors import UnusableContractsError, in_one_line
from registry.layout import Layout
from registry.problems import Break, Problem

#: Where a repository has models.
PACKAGE = "contracts/src/contracts"


def is_own(layout: Layout) -> bool:
    """Whether the installed contracts are those of that repository."""
    return Path(contracts.__file__).is_relative_to(layout.root.resolve())


def problems_of_models(layout: Layout, catalogue: Catalogue) -> Mapping[str, list[Problem]]:
    """Event type -> what the models, their registry, the exported schemas and the examples disagree about.

    Raises:
        UnusableContractsError: the repository has models, and they are not those that are installed.
    """
    found: dict[str, list[Problem]] = defaultdict(list)
    if not is_own(layout) and (layout.root / PACKAGE).is_dir():
        installed = Path(contracts.__file__).parent
        raise UnusableContractsError(
            f"{layout.root / PACKAGE} is not what is installed ({installed}): run its own mesh"
        )
    if is_own(layout):
        of_all = (
            _registry(layout),
            _lagging(layout),
            _unpublished(layout),
            _orphans(catalogue),
            _unreadable(catalogue),
        )
        # Of a model that cannot be built nothing else can be asked.
        for event_type, problem in list(_unbuildable(layout)) or chain.from_iterable(of_all):
            found[event_type].append(problem)
    return found


def _unbuildable(layout: Layout) -> Iterator[tuple[str, Problem]]:
    """Validators are built when first used, so that an unknown type or a broken pattern passes the import."""
    for contract in (*REGISTRY, *REGISTRY.retired()):
        try:
            contract.model_rebuild(force=True)
            consumer_schema(contract)
        except Exception as error:  # whatever pydantic or a type's own code says
            reason = f"{type(error).__name__}: {in_one_line(error)}"
            text = f"{contract.__name__} of {contract.__module__} cannot be built: {reason}"
            yield contract.event_type, Problem(Break.BROKEN_REGISTRY, f"{layout.schemas}/{contract.event_type}", text)


def _registry(layout: Layout) -> Iterator[tuple[str, Problem]]:
    for fault in REGISTRY.faults:
        rule = Break.UPCASTER_MISSING if fault.upcaster_missing else Break.BROKEN_REGISTRY
        yield fault.event_type, Problem(rule, f"{layout.schemas}/{fault.event_type}", fault.message)


def _lagging(layout: Layout) -> Iterator[tuple[str, Problem]]:
    for path, text in schema_files(layout.root / layout.schemas).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            name = path.relative_to(layout.root).as_posix()
            what = "does not match its model" if path.exists() else "of its model is missing"
            yield path.parent.name, Problem(Break.SCHEMA_OUTDATED, name, f"{name} {what}; `make contracts-export`")


def _unpublished(layout: Layout) -> Iterator[tuple[str, Problem]]:
    for contract in (*REGISTRY, *REGISTRY.retired()):
        file = f"{layout.schemas}/{contract.event_type}/{contract.schema_version}.json"
        for rule in unpublished(contract):
            text = f"{rule}: the model and its schema would not mean the same"
            yield contract.event_type, Problem(Break.RULE_UNPUBLISHED, file, text)


def _orphans(catalogue: Catalogue) -> Iterator[tuple[str, Problem]]:
    known = {contract.event_type for contract in (*REGISTRY, *REGISTRY.retired())}
    for event_type, versions in catalogue.versions.items():
        if event_type not in known:
            text = f"{event_type} is published and has no model; retire it instead: its events are stored"
            yield event_type, Problem(Break.MODEL_MISSING, versions[-1].path, text)


def _unreadable(catalogue: Catalogue) -> Iterator[tuple[str, Problem]]:
    """What the schema lets pass, the models may refuse: the envelope, formats."""
    known = {contract.event_type for contract in (*REGISTRY, *REGISTRY.retired())}
    for event_type in catalogue.versions.keys() & known:
        for version in catalogue.versions[event_type]:
            for example in version.examples:
                try:
                    REGISTRY.read_as(example.document, REGISTRY.contract(event_type))
                except ContractError as error:
                    yield event_type, Problem(Break.EXAMPLE_INVALID, example.path, f"{example.path}: {error}")
                    continue
                try:
                    REGISTRY.read(example.document)
                except NoUpcasterError:
                    continue  # a fault of the registry
                except Exception as error:  # whatever an upcaster does
                    text = f"{example.path} cannot be upcast: {type(error).__name__}: {error}"
                    yield event_type, Problem(Break.UPCASTER_BROKEN, example.path, text)
