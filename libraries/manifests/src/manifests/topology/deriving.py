"""Derives the resources of an environment from manifests and a deployment."""

from manifests.catalogue import Manifests
from manifests.environment import Deployment
from manifests.topology.per_function import resources_of_function
from manifests.topology.resources import Topology
from manifests.topology.shared import shared_resources


def topology_of(manifests: Manifests, deployment: Deployment, api_id: str) -> Topology:
    """Derive the topology of an environment; AWS assigned `api_id` to the API. Raises NameTooLongError."""
    of_functions = (
        resource
        for ref in manifests.functions
        for resource in resources_of_function(manifests, deployment, api_id, ref)
    )
    return Topology((*of_functions, *shared_resources(manifests, deployment.names)))
