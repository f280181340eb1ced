"""The service's real dependencies."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from chassis.aws import Aws
from chassis.database import Connection
from chassis.deviations import Deviation
from chassis.langsmith import LangSmith
from chassis.projections import Projections
from chassis.retention import Rule
from chassis.service import Service
from chat.checkpoints import CheckpointTable, thread_id
from chat.repository import agent_memory
from chat.settings import ChatSettings

if TYPE_CHECKING:
    from chat.agent import Agent


class ChatService(Service[ChatSettings]):
    """The dependencies of the entry points.

    Clients with keys are recreated when a key changes, which `mesh secrets push` may do at any time.
    """

    @property
    def retention(self) -> Sequence[Rule]:
        """Memory too: turns that failed or died leave some of conversations that never came to be."""
        return (*super().retention, agent_memory.retention(self.settings.session_ttl_s))

    @property
    def projections(self) -> Projections:
        """See `chat.projections`."""
        # Imported here: the relay folds nothing and does not need the read model.
        from chat.projections import PROJECTIONS

        return PROJECTIONS

    @property
    def derived_tables(self) -> Sequence[str]:
        """Those of the read model."""
        return ("postings", "tenant_stats")

    def deviations(self, connection: Connection, tenant_id: str) -> Sequence[Deviation]:
        """Of the read model."""
        from retrieval import deviations

        return deviations.deviations(connection, tenant_id)

    def recount(self, connection: Connection, tenant_id: str) -> None:
        """Of the read model."""
        from retrieval import deviations

        deviations.recount(connection, tenant_id)

    def questions(
        self, connection: Connection, number: int, tenants: Sequence[str]
    ) -> Sequence[Callable[[Connection], object]]:
        """Searches of the read model."""
        from retrieval import sampling

        return sampling.questions(connection, number, tenants)

    def count_items(self, tenant_id: str) -> Counter[str]:
        """Those of the agent's memory."""
        return +Counter({"items of checkpoints": sum(map(self.checkpoints.count, self._threads(tenant_id)))})

    def erase_items(self, tenant_id: str) -> None:
        """The agent's memory of every conversation."""
        for thread in self._threads(tenant_id):
            self.checkpoints.delete(thread)

    def _threads(self, tenant_id: str) -> list[str]:
        with self.database.transaction() as connection:
            return [thread_id(tenant_id, each) for each in agent_memory.ids(connection, tenant_id)]

    @cached_property
    def checkpoints(self) -> CheckpointTable:
        """Deletion of the agent's memory."""
        return CheckpointTable(self.settings.table_checkpoints, self.aws.dynamodb)

    @cached_property
    def langsmith(self) -> LangSmith:
        """Traces, while there is a key."""
        return LangSmith(lambda: self.secrets.find("langsmith-api-key"), endpoint=self.settings.langsmith_endpoint)

    @property
    def agent(self) -> "Agent":
        """The agent, with the current keys; without a Tavily key it has no web search."""
        secrets = self.secrets
        return self._agent(
            secrets.get("anthropic-api-key"), secrets.get("voyage-api-key"), secrets.find("tavily-api-key")
        )

    @cached_property
    def _agent(self) -> "Callable[[str, str, str | None], Agent]":
        def agent(anthropic: str, voyage: str, tavily: str | None) -> "Agent":
            # Imported only in the function that runs the agent.
            from chat.agent import connect

            return connect(self.settings, self.database, self.aws, anthropic=anthropic, voyage=voyage, tavily=tavily)

        return lru_cache(maxsize=1)(agent)


def bootstrap(settings: ChatSettings | None = None, aws: Aws | None = None) -> ChatService:
    """The service; without arguments, configured from the environment."""
    return ChatService(settings or ChatSettings(), aws or Aws())
