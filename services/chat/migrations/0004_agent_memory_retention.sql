-- The time of the latest lease's end: what nobody has used for longer than memory lives is pruned.
UPDATE agent_memory SET lease_until = now() WHERE lease_until IS NULL;
CREATE INDEX agent_memory_used ON agent_memory (lease_until);
