"""The service's dependencies, made once a process; connects to nothing."""

from chassis.service import Service
from chat.checkpoints import CheckpointTable
from chat.config import ChatSettings

service = Service(ChatSettings())
checkpoints = CheckpointTable(service.settings.table_checkpoints)
