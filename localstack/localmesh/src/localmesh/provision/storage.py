"""The images bucket: private, versioned, with its events on the default bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code
from manifests.topology import Bucket, Cors

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def provision_bucket(context: Context) -> None:
    """Create the bucket, and update configuration that differs."""
    s3, declared = context.clients.s3, context.topology.only(Bucket)
    bucket = declared.name
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) not in {"404", "NoSuchBucket"}:
            raise
        s3.create_bucket(Bucket=bucket)
        context.note("bucket", bucket, Action.CREATED)
    for aspect, current, wanted, put in _aspects(context, declared):
        if current != wanted:
            put(wanted)
            context.note(f"bucket {aspect}", bucket, Action.UPDATED)


def _aspects(context: Context, declared: Bucket) -> list[tuple[str, Any, Any, Callable[[Any], object]]]:
    """Name, current value, declared value and setter of each configuration."""
    s3, bucket = context.clients.s3, declared.name
    return [
        (
            "notifications",
            "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket),
            declared.notifies_bus,
            lambda notifies: s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}} if notifies else {}
            ),
        ),
        (
            "cors",
            _read(lambda: s3.get_bucket_cors(Bucket=bucket)["CORSRules"]),
            [_cors(rule) for rule in declared.cors],
            lambda rules: s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules}),
        ),
        (
            "public access block",
            _read(lambda: s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]),
            dict.fromkeys(_BLOCKS, declared.private),
            lambda block: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block),
        ),
        (
            "versioning",
            s3.get_bucket_versioning(Bucket=bucket).get("Status"),
            "Enabled" if declared.versioned else "Suspended",
            lambda status: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status}),
        ),
        (
            "lifecycle",
            _read(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]),
            _lifecycle(declared),
            lambda rules: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules}),
        ),
    ]


def _read(get: Callable[[], Any]) -> Any:  # noqa: ANN401 - five unrelated shapes
    try:
        return get()
    except ClientError as error:
        if error_code(error).startswith("NoSuch"):
            return None
        raise


def _cors(rule: Cors) -> dict[str, Any]:
    return {
        "AllowedHeaders": list(rule.headers),
        "AllowedMethods": list(rule.methods),
        "AllowedOrigins": list(rule.origins),
        "MaxAgeSeconds": rule.max_age_s,
    }


def _lifecycle(declared: Bucket) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        {
            "ID": "noncurrent-versions",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": declared.noncurrent_days},
        }
    ]
    for rule in declared.expiries:
        days = {"Days": rule.days}
        rules.append({"ID": rule.id, "Filter": {"Prefix": rule.prefix}, "Status": "Enabled", "Expiration": days})
    return rules
