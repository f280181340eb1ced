"""The manifest's configuration is that of the code; events and entry points: tests/contracts, tests/architecture."""

from pathlib import Path

from ingest.settings import IngestSettings
from manifests import load_manifests

MANIFEST = load_manifests(Path(__file__).parents[3]).services["ingest"]


def test_configuration_names_settings_and_repeats_their_defaults() -> None:
    defaults = IngestSettings(service="ingest")
    configured = {
        name: value for function in MANIFEST.functions.values() for name, value in function.configuration.items()
    }
    assert configured
    for name, value in configured.items():
        assert str(getattr(defaults, name.lower())) == value, name
