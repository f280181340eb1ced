"""Brings an AWS emulator and the database to the state that the manifests declare.

`provision` creates what is missing, updates what differs and removes what is no longer declared; it is idempotent.
Each module is one subject and works against any endpoint with AWS's APIs.
"""

from localmesh.provision.context import Report
from localmesh.provision.errors import ImmutableError, NotReadyError, PackageError, ProvisionError
from localmesh.provision.result import Provisioned, ProvisionedFunction, load_provisioned
from localmesh.provision.run import provision

__all__ = [
    "ImmutableError",
    "NotReadyError",
    "PackageError",
    "ProvisionError",
    "Provisioned",
    "ProvisionedFunction",
    "Report",
    "load_provisioned",
    "provision",
]
