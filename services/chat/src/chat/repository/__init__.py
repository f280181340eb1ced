"""The SQL of this service. Every statement filters by the tenant; every function runs in the caller's transaction.

`conversations` is a projection, written by folds alone; `agent_memory` is bookkeeping: the lease of the current turn,
and the checkpoint that the next turn continues from.
"""
