"""Policies of resources: what they allow and deny."""

from __future__ import annotations

from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import RESOURCE_POLICIES, policies_of_resources, refuses_without_tls
from policy_checks.rules.base import Faults, Rule

_LOOKED_AT: Final = {
    *RESOURCE_POLICIES,
    "aws_iam_policy",
    "aws_iam_policy_attachment",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_iam_role_policy_attachments_exclusive",
    # Types with "policy" in their names that grant nothing.
    "aws_ecr_lifecycle_policy",
    "aws_sqs_queue_redrive_allow_policy",
    "aws_sqs_queue_redrive_policy",
}
_BINDING: Final = {"aws:sourcearn", "aws:sourceaccount"}


def every_kind_of_policy_is_checked(planned: PlannedEnvironment) -> Faults:
    """By a rule, or by the comparison with the manifests."""
    for resource in planned.resources:
        is_policy = resource.type.startswith("aws_iam_") or resource.type.endswith("_policy")
        if is_policy and resource.type not in _LOOKED_AT:
            yield resource.address, f"is of a type that no check covers: {resource.type}"


def no_access_is_anonymous(planned: PlannedEnvironment) -> Faults:
    """No resource policy allows all principals, nor an AWS service on behalf of any source."""
    for address, found in policies_of_resources(planned):
        for statement in found:
            if statement["Effect"] != "Allow":
                continue
            principal = statement.get("Principal", {})
            keys = {key.lower() for tests in statement.get("Condition", {}).values() for key in tests}
            if "*" in principal.get("AWS", ()):
                yield address, "allows all principals"
            if "Service" in principal and not keys & _BINDING:
                yield address, "allows a service on behalf of any source"


def resource_policies_allow_only_services(planned: PlannedEnvironment) -> Faults:
    """Roles have their own policies. Keys also name the account, which could not manage them otherwise."""
    keys = {key.address for key in planned.of_type("aws_kms_key")}
    root = f"arn:aws:iam::{planned.names.account}:root"
    for address, found in policies_of_resources(planned):
        for statement in found:
            principals = set(statement.get("Principal", {}).get("AWS", ())) - ({root} if address in keys else set())
            if statement["Effect"] == "Allow" and principals:
                yield address, f"allows {', '.join(sorted(principals))}"


def resource_policies_deny_only_requests_without_tls(planned: PlannedEnvironment) -> Faults:
    """A denial overrides all declared permissions."""
    for address, found in policies_of_resources(planned):
        if any(item["Effect"] != "Allow" and not refuses_without_tls(item) for item in found):
            yield address, "denies more than requests without TLS"


def permissions_allow_one_source_to_invoke(planned: PlannedEnvironment) -> Faults:
    """An AWS service, on behalf of one named resource, may invoke any version of the function and do nothing else."""
    narrowing = ("qualifier", "event_source_token", "function_url_auth_type", "principal_org_id")
    for permission in planned.of_type("aws_lambda_permission"):
        if not (permission["source_arn"] or permission["source_account"]):
            yield permission.address, "allows a service to invoke on behalf of any source"
        if permission["action"] != "lambda:InvokeFunction" or any(permission[name] for name in narrowing):
            yield permission.address, "allows something other than invoking the function"


RULES: Final = tuple(
    map(
        Rule,
        (
            every_kind_of_policy_is_checked,
            no_access_is_anonymous,
            resource_policies_allow_only_services,
            resource_policies_deny_only_requests_without_tls,
            permissions_allow_one_source_to_invoke,
        ),
    )
)
