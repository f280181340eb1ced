"""The images bucket: which object is stored under which key. Keys are URL-safe and begin with the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import ObjectMissingError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from chassis.aws import Aws

__all__ = [
    "LINK_LIFETIME_S",
    "ImageStore",
    "PresignedPost",
    "original_key",
    "rendition_key",
    "thumbnail_key",
    "upload_key",
]

LINK_LIFETIME_S = 3600
#: Of one DeleteObjects.
_BATCH = 1000
_MISSING = {"NoSuchKey", "404", "NotFound"}
_ALREADY_THERE = {"PreconditionFailed", "412"}


def original_key(tenant_id: str, filename: str) -> str:
    """`{tenant}/images/{item_id}.{ext}`: the original, never changed."""
    return f"{tenant_id}/images/{filename}"


def rendition_key(tenant_id: str, filename: str) -> str:
    """`{tenant}/renditions/{item_id}.{ext}`: what the vision model sees."""
    return f"{tenant_id}/renditions/{filename}"


def thumbnail_key(tenant_id: str, filename: str) -> str:
    """`{tenant}/thumbnails/{item_id}.{ext}`."""
    return f"{tenant_id}/thumbnails/{filename}"


def upload_key(tenant_id: str, item_id: str) -> str:
    """`{tenant}/uploads/{item_id}`: where a pre-signed upload lands before it is accepted."""
    return f"{tenant_id}/uploads/{item_id}"


@dataclass(frozen=True, slots=True)
class PresignedPost:
    """A form for a browser: send `fields`, then the file, to `url`."""

    url: str
    fields: dict[str, str]


class ImageStore:
    """Objects of one bucket."""

    def __init__(self, bucket: str, aws: "Aws") -> None:
        self._bucket = bucket
        self._aws = aws  # its client is created at the first use, not while the function starts

    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectMissingError: there is none.
            TransientError: S3 did not answer.
        """
        try:
            return self._aws.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, key) from error

    def size(self, key: str) -> int:
        """The object's size in bytes. Raises like `get`."""
        try:
            return self._aws.s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, key) from error

    def put(self, key: str, body: bytes, media_type: str) -> None:
        """Store the object; the same key holds the same object, so it is idempotent.

        Raises:
            TransientError: S3 did not answer.
        """
        try:
            self._aws.s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=media_type)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, key) from error

    def put_new(self, key: str, body: bytes, media_type: str) -> bool:
        """Store the object unless there is one under that key already; whether it was stored.

        Raises:
            TransientError: S3 did not answer, or another process is storing one at this moment.
        """
        try:
            self._aws.s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=media_type, IfNoneMatch="*")
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _ALREADY_THERE:
                return False
            raise _translated(error, key) from error
        return True

    def delete(self, *keys: str) -> None:
        """Delete the objects and all their versions; deleting a missing one is no error.

        Raises:
            TransientError: S3 did not answer, or kept one of them.
        """
        found = [version for key in keys for version in self.first_versions(key) if version["Key"] == key]
        self.delete_versions(found)

    def first_versions(self, prefix: str) -> "list[ObjectIdentifierTypeDef]":
        """Versions and delete markers of the first objects whose keys begin so, in the order of keys: at most 1,000.

        Those of one object come together, unless it alone has more. Raises like `delete`.
        """
        try:
            page = self._aws.s3.list_object_versions(Bucket=self._bucket, Prefix=prefix)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, prefix) from error
        found = sorted([*page.get("Versions", ()), *page.get("DeleteMarkers", ())], key=lambda each: each["Key"])
        whole = [each for each in found if each["Key"] != found[-1]["Key"]] if page.get("IsTruncated") else found
        return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in whole or found]

    def delete_versions(self, versions: "Sequence[ObjectIdentifierTypeDef]") -> None:
        """Delete exactly these; a missing one is no error. Raises like `delete`."""
        for start in range(0, len(versions), _BATCH):
            objects = list(versions[start : start + _BATCH])
            try:
                answer = self._aws.s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            except (ClientError, BotoCoreError) as error:
                raise _translated(error, objects[0]["Key"]) from error
            if answer.get("Errors"):
                raise TransientError(f"S3 kept {len(answer['Errors'])} objects: {answer['Errors'][0].get('Code')}")

    def link(self, key: str, *, expires_in: int = LINK_LIFETIME_S, content_disposition: str | None = None) -> str:
        """A pre-signed link to read the object, valid for `expires_in` seconds. Makes no call.

        The object is sent with that `Content-Disposition`; it is part of what is signed.
        """
        disposition = {"ResponseContentDisposition": content_disposition} if content_disposition else {}
        return self._aws.s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key, **disposition}, ExpiresIn=expires_in
        )

    def upload_form(self, key: str, *, media_type: str, max_bytes: int, expires_in: int) -> PresignedPost:
        """A pre-signed POST for one object of that media type and 1 to `max_bytes` bytes. Makes no call."""
        conditions: list[Any] = [{"Content-Type": media_type}, ["content-length-range", 1, max_bytes]]
        form = self._aws.s3.generate_presigned_post(
            self._bucket,
            key,
            Fields={"Content-Type": media_type},
            Conditions=conditions,
            ExpiresIn=expires_in,
        )
        return PresignedPost(form["url"], form["fields"])


def _translated(error: ClientError | BotoCoreError, key: str) -> Exception:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code in _MISSING:
            return ObjectMissingError(key)
        if code in {"AccessDenied", "403"}:
            # A missing object looks like this to a role that may not list; a missing permission looks the same.
            return PermissionError(f"S3 denies access to an object: {code}")
        return TransientError(f"S3: {code}")
    return TransientError(f"S3: {type(error).__name__}")
