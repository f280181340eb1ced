"""The checkpointer: langgraph-checkpoint-aws over our table."""

import logging
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from langchain_core.runnables import RunnableConfig
from langgraph_checkpoint_aws import DynamoDBSaver  # type: ignore[import-untyped]  # ships no py.typed

from chassis.aws import Aws

if TYPE_CHECKING:
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

#: Limits every call: a user waits for the answer.
_CLIENT_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1, read_timeout=3)

# Its log lines quote thread ids, and with them tenants; errors are raised as well.
logging.getLogger("langgraph_checkpoint_aws").setLevel(logging.CRITICAL)


def _read_consistently(params: dict[str, Any], **_: object) -> dict[str, Any]:
    """Use consistent reads. The library does not, and a checkpoint that is not yet visible would look expired: the
    conversation would lose its memory."""
    if "RequestItems" in params:
        tables = {name: {**keys, "ConsistentRead": True} for name, keys in params["RequestItems"].items()}
        return {**params, "RequestItems": tables}
    return {**params, "ConsistentRead": True}


class TurnSaver(DynamoDBSaver):  # type: ignore[misc]  # its base is untyped
    """Remembers the last checkpoint written to a thread; reading it back would take three calls.

    Nothing is moved to S3: memory is kept small enough for an item (see `agent.MEMORY_BUDGET`), and compressed.
    """

    def __init__(self, table: str, aws: Aws, *, ttl_s: int) -> None:
        super().__init__(
            table,
            session=aws.session,
            endpoint_url=aws.endpoint_url,
            boto_config=_CLIENT_CONFIG,
            ttl_seconds=ttl_s,
            enable_checkpoint_compression=True,
        )
        self._written: dict[str, str] = {}
        for operation in ("GetItem", "Query", "BatchGetItem"):
            self.client.meta.events.register(f"provide-client-params.dynamodb.{operation}", _read_consistently)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: "Checkpoint",
        metadata: "CheckpointMetadata",
        new_versions: "ChannelVersions",
    ) -> RunnableConfig:
        """Store a checkpoint; see the base class."""
        stored: RunnableConfig = super().put(config, checkpoint, metadata, new_versions)
        self._written[stored["configurable"]["thread_id"]] = stored["configurable"]["checkpoint_id"]
        return stored

    def written(self, thread: str) -> str:
        """The id of the checkpoint written last in the thread, once. Raises KeyError when there is none."""
        return self._written.pop(thread)
