"""Multi-turn agent over its own read model and the web."""

import os

# A checkpoint may hold messages and plain values, nothing that imports code. LangGraph reads this at import, which
# happens after this line in every module of this package.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
