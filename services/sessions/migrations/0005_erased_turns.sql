-- Turns without contents, since an item that they quote is deleted: a turn that arrives later finds this mark.
CREATE TABLE erased_turns (
    tenant_id  text        NOT NULL,
    session_id text        NOT NULL,
    at         timestamptz NOT NULL,
    turn       integer     NOT NULL,
    PRIMARY KEY (tenant_id, session_id, at, turn)
);
COMMENT ON TABLE erased_turns IS 'tombstone: turns that quote deleted items, from turns-erased';
