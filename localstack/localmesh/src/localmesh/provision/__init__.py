"""Brings an AWS emulator and the database to what the manifests say.

`provision` makes what is missing, mends what differs and removes what is no longer declared; a run that finds
everything in order changes nothing. Each module is one subject and works against any endpoint that speaks AWS's APIs.
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
