"""The typed reader of service.yaml and platform.yaml.

`load_manifests` reads and checks; everything else is pure and derives what a provisioner needs: names, environment
variables, event patterns and IAM policies. Nothing here calls AWS.
"""

from manifests.catalogue import FunctionRef, Manifests
from manifests.environment import Build, DatabaseAddress, Deployment, function_environment, queue_visibility_s
from manifests.errors import ManifestsError, ManifestsInvalidError, NameTooLongError, Problem
from manifests.model import Function, Owner, Route, RouteAuth, Service, Table, TableKind, Trigger
from manifests.naming import APPLICATION, Names
from manifests.patterns import archive_pattern, aws_pattern, bus_pattern, replayed_pattern, schedule_input
from manifests.platform import Platform
from manifests.policies import function_policy, queue_policy, schedules_queue_policy, trust_policy
from manifests.reader import load_manifests

__all__ = [
    "APPLICATION",
    "Build",
    "DatabaseAddress",
    "Deployment",
    "Function",
    "FunctionRef",
    "Manifests",
    "ManifestsError",
    "ManifestsInvalidError",
    "NameTooLongError",
    "Names",
    "Owner",
    "Platform",
    "Problem",
    "Route",
    "RouteAuth",
    "Service",
    "Table",
    "TableKind",
    "Trigger",
    "archive_pattern",
    "aws_pattern",
    "bus_pattern",
    "function_environment",
    "function_policy",
    "load_manifests",
    "queue_policy",
    "queue_visibility_s",
    "replayed_pattern",
    "schedule_input",
    "schedules_queue_policy",
    "trust_policy",
]
