"""Resources of an environment that Terraform does not manage: secrets, late log groups, snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from manifests import Names
from mesh.infra.identity import Identity

_BATCH: Final = 10  # limit of one DeleteParameters call


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Names of leftover resources. Database snapshots are data: they are listed, never deleted."""

    parameters: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parameters or self.log_groups)


def find_leftovers(identity: Identity, environment: str, log_groups: Iterable[str]) -> Leftovers:
    """Find leftovers; `log_groups` are full names, because another environment's name may start with this one's.
    Raises botocore's errors."""
    names = Names(environment, identity.region, identity.account)
    return Leftovers(
        parameters=tuple(sorted(_parameters(identity, names))),
        log_groups=tuple(sorted(_log_groups(identity, names, frozenset(log_groups)))),
        snapshots=tuple(sorted(_snapshots(identity, names))),
    )


def delete_leftovers(identity: Identity, leftovers: Leftovers) -> None:
    """Delete parameters and log groups; missing ones are ignored. Raises botocore's errors."""
    ssm, logs = identity.client("ssm"), identity.client("logs")
    for start in range(0, len(leftovers.parameters), _BATCH):
        ssm.delete_parameters(Names=list(leftovers.parameters[start : start + _BATCH]))
    for group in leftovers.log_groups:
        try:
            logs.delete_log_group(logGroupName=group)
        except logs.exceptions.ResourceNotFoundException:
            continue


def _parameters(identity: Identity, names: Names) -> Iterator[str]:
    """Every parameter, at any depth, without values."""
    filters = [{"Key": "Path", "Option": "Recursive", "Values": [names.parameter_prefix]}]
    for page in identity.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=filters):
        yield from (parameter["Name"] for parameter in page["Parameters"])


def _log_groups(identity: Identity, names: Names, functions: frozenset[str]) -> Iterator[str]:
    """Log groups, which Lambda and RDS create themselves when one is missing."""
    paginator = identity.client("logs").get_paginator("describe_log_groups")
    database = f"/aws/rds/instance/{names.bus}/"
    for prefix in (f"/aws/lambda/{names.prefix}", database):
        for page in paginator.paginate(logGroupNamePrefix=prefix):
            found = (group["logGroupName"] for group in page["logGroups"])
            yield from (name for name in found if name in functions or name.startswith(database))


def _snapshots(identity: Identity, names: Names) -> Iterator[str]:
    paginator = identity.client("rds").get_paginator("describe_db_snapshots")
    for page in paginator.paginate(DBInstanceIdentifier=names.bus, SnapshotType="manual"):
        yield from (snapshot["DBSnapshotIdentifier"] for snapshot in page["DBSnapshots"])
