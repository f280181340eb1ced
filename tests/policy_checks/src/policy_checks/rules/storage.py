"""Buckets."""

from __future__ import annotations

from typing import Final

from mesh.infra.resources import Resource
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import policies_of_resources, refuses_without_tls
from policy_checks.rules.base import Faults, Rule

_BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def buckets_are_private(planned: PlannedEnvironment) -> Faults:
    """All four public access blocks, and no ACLs."""
    for bucket in planned.of_type("aws_s3_bucket"):
        blocks = _of(planned, "aws_s3_bucket_public_access_block", bucket)
        if not any(all(block[name] is True for name in _BLOCKS) for block in blocks):
            yield bucket.address, "can be made public"
        owners = [item.block("rule") for item in _of(planned, "aws_s3_bucket_ownership_controls", bucket)]
        if not any(owner.get("object_ownership") == "BucketOwnerEnforced" for owner in owners):
            yield bucket.address, "allows ACLs"
    for resource in planned.of_type("aws_s3_bucket_acl", "aws_s3_object_acl", "aws_s3_bucket_website_configuration"):
        yield resource.address, "must not be on a private bucket"


def buckets_are_encrypted(planned: PlannedEnvironment) -> Faults:
    """By an explicit rule of the bucket, not by a default of S3."""
    for bucket in planned.of_type("aws_s3_bucket"):
        rules = [
            rule
            for item in _of(planned, "aws_s3_bucket_server_side_encryption_configuration", bucket)
            for rule in item["rule"]
        ]
        defaults = [default for rule in rules for default in rule["apply_server_side_encryption_by_default"]]
        if not any(default["sse_algorithm"] in {"AES256", "aws:kms"} for default in defaults):
            yield bucket.address, "has no encryption by default"


def buckets_require_tls(planned: PlannedEnvironment) -> Faults:
    """For all principals."""
    found = [item for _, policy in policies_of_resources(planned, "aws_s3_bucket_policy") for item in policy]
    refusing = [item for item in found if refuses_without_tls(item) and item["Action"] == ["s3:*"]]
    for bucket in planned.of_type("aws_s3_bucket"):
        if not any({bucket["arn"], f"{bucket['arn']}/*"} <= set(item["Resource"]) for item in refusing):
            yield bucket.address, "accepts requests without TLS"


def buckets_are_versioned(planned: PlannedEnvironment) -> Faults:
    """And old versions expire."""
    for bucket in planned.of_type("aws_s3_bucket"):
        versioning = [
            item.block("versioning_configuration") for item in _of(planned, "aws_s3_bucket_versioning", bucket)
        ]
        if not any(item.get("status") == "Enabled" for item in versioning):
            yield bucket.address, "does not keep overwritten objects"
        rules = [
            rule for item in _of(planned, "aws_s3_bucket_lifecycle_configuration", bucket) for rule in item["rule"]
        ]
        if not any(rule["noncurrent_version_expiration"] and rule["status"] == "Enabled" for rule in rules):
            yield bucket.address, "never expires old versions"


def production_keeps_its_pictures(planned: PlannedEnvironment) -> Faults:
    """`terraform destroy` fails on a bucket with objects."""
    for bucket in planned.of_type("aws_s3_bucket"):
        if planned.is_production and bucket["bucket"] == planned.names.images_bucket and bucket["force_destroy"]:
            yield bucket.address, "is destroyed with its objects"


def _of(planned: PlannedEnvironment, type_: str, bucket: Resource) -> list[Resource]:
    return [resource for resource in planned.of_type(type_) if resource["bucket"] in {bucket["bucket"], bucket["id"]}]


RULES: Final = tuple(
    map(
        Rule,
        (
            buckets_are_private,
            buckets_are_encrypted,
            buckets_require_tls,
            buckets_are_versioned,
            production_keeps_its_pictures,
        ),
    )
)
