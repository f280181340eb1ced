"""The images bucket: private, versioned, with its events on the default bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code

if TYPE_CHECKING:
    from collections.abc import Callable

_PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def provision_bucket(context: Context) -> None:
    """Make the bucket, and set whatever of its configuration differs."""
    s3, bucket = context.clients.s3, context.names.images_bucket
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) not in {"404", "NoSuchBucket"}:
            raise
        s3.create_bucket(Bucket=bucket)
        context.note("bucket", bucket, Action.CREATED)
    for aspect, current, wanted, put in _aspects(context):
        if current != wanted:
            put(wanted)
            context.note(f"bucket {aspect}", bucket, Action.UPDATED)


def _aspects(context: Context) -> list[tuple[str, Any, Any, Callable[[Any], object]]]:
    """Name, current value, wanted value and setter of each configuration."""
    s3, bucket = context.clients.s3, context.names.images_bucket
    return [
        (
            "notifications",
            "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket),
            True,
            lambda _: s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
            ),
        ),
        (
            "cors",
            _read(lambda: s3.get_bucket_cors(Bucket=bucket)["CORSRules"]),
            _cors(context),
            lambda rules: s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules}),
        ),
        (
            "public access block",
            _read(lambda: s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]),
            _PRIVATE,
            lambda block: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block),
        ),
        (
            "versioning",
            s3.get_bucket_versioning(Bucket=bucket).get("Status"),
            "Enabled",
            lambda status: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status}),
        ),
        (
            "lifecycle",
            _read(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]),
            _lifecycle(context),
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


def _cors(context: Context) -> list[dict[str, Any]]:
    return [
        {
            "AllowedHeaders": ["*"],
            "AllowedMethods": ["GET", "POST"],
            "AllowedOrigins": list(context.manifests.platform.images.cors_origins),
            "MaxAgeSeconds": 3600,
        }
    ]


def _lifecycle(context: Context) -> list[dict[str, Any]]:
    images = context.manifests.platform.images
    rules: list[dict[str, Any]] = [
        {
            "ID": "noncurrent-versions",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": images.noncurrent_days},
        }
    ]
    for expiry in images.expire:
        days = {"Days": expiry.days}
        rules.append({"ID": expiry.id, "Filter": {"Prefix": expiry.prefix}, "Status": "Enabled", "Expiration": days})
    return rules
