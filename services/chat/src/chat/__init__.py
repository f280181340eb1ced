"""Multi-turn agent over its own read model and the web."""

import os

# A checkpoint may hold messages and plain values, nothing that imports code. LangGraph reads this when it is imported,
# which every module of this package does after this line.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
