"""Facts of the search service, which has no other."""

from typing import ClassVar

from contracts.operations import ErasureReceipt


class TenantErased(ErasureReceipt):
    """Search has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.search.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
