-- What decides about conversations: which turns count, when one began, whether it ended. What they say is in DynamoDB.

-- Every turn heard of that is not known to be over. `at` is the time of the turn's event.
CREATE TABLE turns (
    tenant_id  text        NOT NULL,
    session_id text        NOT NULL,
    at         timestamptz NOT NULL,
    turn       integer     NOT NULL CHECK (turn > 0),
    asked_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id, at, turn)
);

-- One row a session id, for ever. The middle columns are derived from `turns` and NULL while no conversation runs.
CREATE TABLE conversations (
    tenant_id     text        NOT NULL,
    session_id    text        NOT NULL,
    opened_at     timestamptz,              -- time of the first turn that counts
    created_at    timestamptz,              -- when that turn's question was asked
    last_activity timestamptz,
    turns         integer,
    ended_at      timestamptz NOT NULL DEFAULT '-infinity',   -- turns up to here are over
    deleted       boolean     NOT NULL DEFAULT false,         -- by the user: only a first turn begins anew
    PRIMARY KEY (tenant_id, session_id)
);
CREATE INDEX conversations_by_activity ON conversations (last_activity) WHERE last_activity IS NOT NULL;
CREATE INDEX conversations_of_tenant ON conversations (tenant_id, last_activity) WHERE last_activity IS NOT NULL;

-- The clean-ups that have run.
CREATE TABLE cleanups (
    started_at  timestamptz PRIMARY KEY,
    finished_at timestamptz NOT NULL,
    expired     integer     NOT NULL
);
