"""Attachments of an environment's operator policy: AWS does not delete a policy while it is attached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from manifests import Names
from mesh.infra.identity import Identity

# Keys of IAM's listing, and parameter names of the detach calls.
_KINDS: Final = {"PolicyRoles": "Role", "PolicyUsers": "User", "PolicyGroups": "Group"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A policy, and the role, user or group that it is attached to."""

    policy: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.policy.rpartition('/')[2]} from the {self.kind.lower()} {self.name}"


def find_attachments(identity: Identity, environment: str) -> tuple[Attachment, ...]:
    """All attachments, sorted. Raises botocore's errors."""
    names = Names(environment, identity.region, identity.account)
    policy = f"arn:aws:iam::{identity.account}:policy/{names.prefix}secrets-operator"
    iam = identity.client("iam")
    try:
        return tuple(
            Attachment(policy, kind, holder[f"{kind}Name"])
            for page in iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy)
            for listed, kind in _KINDS.items()
            for holder in page[listed]
        )
    except iam.exceptions.NoSuchEntityException:
        return ()


def detach(identity: Identity, attachments: Iterable[Attachment]) -> None:
    """Detach the policy everywhere; a missing attachment is ignored. Raises botocore's errors."""
    iam = identity.client("iam")
    calls = {"Role": iam.detach_role_policy, "User": iam.detach_user_policy, "Group": iam.detach_group_policy}
    for attachment in attachments:
        try:
            calls[attachment.kind](PolicyArn=attachment.policy, **{f"{attachment.kind}Name": attachment.name})
        except iam.exceptions.NoSuchEntityException:
            continue
