"""The manifest and the code agree."""

from pathlib import Path

from contracts import Contract
from contracts.ingest import ItemDeleted, ItemUploaded, UploadRejected
from ingest.handler import ENTRY_POINTS
from ingest.item_state import CONTRACTS
from ingest.settings import IngestSettings
from manifests import load_manifests

MANIFEST = load_manifests(Path(__file__).parents[3]).services["ingest"]


def test_every_contract_that_is_handled_is_consumed() -> None:
    handled: list[type[Contract]] = [*CONTRACTS, ItemDeleted]
    assert set(MANIFEST.consumed_by("events")) == {contract.event_type for contract in handled}


def test_what_is_recorded_is_published() -> None:
    assert set(MANIFEST.publishes) == {contract.event_type for contract in (ItemUploaded, ItemDeleted, UploadRejected)}


def test_every_entry_point_is_a_function_of_the_manifest() -> None:
    handlers = {function.handler for function in MANIFEST.functions.values()}
    assert handlers == {f"ingest.handler.{name}" for name in ENTRY_POINTS.names}


def test_configuration_names_settings_and_repeats_their_defaults() -> None:
    defaults = IngestSettings(service="ingest")
    configured = {
        name: value for function in MANIFEST.functions.values() for name, value in function.configuration.items()
    }
    assert configured
    for name, value in configured.items():
        assert str(getattr(defaults, name.lower())) == value, name
