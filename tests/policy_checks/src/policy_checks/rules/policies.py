"""Policies of resources: whom they let in, and what they refuse."""

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
    # They have "policy" in their names and allow nothing.
    "aws_ecr_lifecycle_policy",
    "aws_sqs_queue_redrive_allow_policy",
    "aws_sqs_queue_redrive_policy",
}
_BINDING: Final = {"aws:sourcearn", "aws:sourceaccount"}


def every_kind_of_policy_is_looked_at(planned: PlannedEnvironment) -> Faults:
    """By another rule, or by the comparison with the manifests."""
    for resource in planned.resources:
        is_policy = resource.type.startswith("aws_iam_") or resource.type.endswith("_policy")
        if is_policy and resource.type not in _LOOKED_AT:
            yield resource.address, f"allows what no check knows of, being an {resource.type}"


def nobody_unnamed_is_allowed_anything(planned: PlannedEnvironment) -> Faults:
    """No policy of a resource allows everybody, nor a service of AWS on behalf of everybody."""
    for address, found in policies_of_resources(planned):
        for statement in found:
            if statement["Effect"] != "Allow":
                continue
            principal = statement.get("Principal", {})
            keys = {key.lower() for tests in statement.get("Condition", {}).values() for key in tests}
            if "*" in principal.get("AWS", ()):
                yield address, "allows everybody something"
            if "Service" in principal and not keys & _BINDING:
                yield address, "allows a service something, for whomever it works"


def resources_let_in_services_alone(planned: PlannedEnvironment) -> Faults:
    """What roles may do is in their own policies. A key names its account: nobody could manage it otherwise."""
    keys = {key.address for key in planned.of_type("aws_kms_key")}
    root = f"arn:aws:iam::{planned.names.account}:root"
    for address, found in policies_of_resources(planned):
        for statement in found:
            let_in = set(statement.get("Principal", {}).get("AWS", ())) - ({root} if address in keys else set())
            if statement["Effect"] == "Allow" and let_in:
                yield address, f"lets in {', '.join(sorted(let_in))}"


def resources_refuse_nothing_but_what_comes_without_tls(planned: PlannedEnvironment) -> Faults:
    """A denial outweighs everything that is declared."""
    for address, found in policies_of_resources(planned):
        if any(item["Effect"] != "Allow" and not refuses_without_tls(item) for item in found):
            yield address, "denies more than what comes without TLS"


def permissions_let_one_resource_invoke(planned: PlannedEnvironment) -> Faults:
    """A service on behalf of a named resource, any version of the function, and nothing but invoke it."""
    narrowing = ("qualifier", "event_source_token", "function_url_auth_type", "principal_org_id")
    for permission in planned.of_type("aws_lambda_permission"):
        if not (permission["source_arn"] or permission["source_account"]):
            yield permission.address, "allows a service to invoke, for whomever it works"
        if permission["action"] != "lambda:InvokeFunction" or any(permission[name] for name in narrowing):
            yield permission.address, "allows something else than to invoke the function"


RULES: Final = tuple(
    map(
        Rule,
        (
            every_kind_of_policy_is_looked_at,
            nobody_unnamed_is_allowed_anything,
            resources_let_in_services_alone,
            resources_refuse_nothing_but_what_comes_without_tls,
            permissions_let_one_resource_invoke,
        ),
    )
)
