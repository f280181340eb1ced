-- The event store of one service, in the service's own schema.

-- Append only. (transaction_id, position) read below the horizon of running transactions is a total order that a
-- follower can walk without skipping rows that commit late; position alone is not, because it is drawn before commit.
CREATE TABLE events (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    event_id       text        NOT NULL UNIQUE,
    tenant_id      text        NOT NULL,
    stream_id      text        NOT NULL,
    stream_version integer     NOT NULL CHECK (stream_version > 0),
    type           text        NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    event          jsonb       NOT NULL,
    UNIQUE (tenant_id, stream_id, stream_version)
);
CREATE INDEX events_order ON events (transaction_id, position);

-- What is recorded but not yet known to be on the bus.
CREATE TABLE outbox (
    position    bigint      PRIMARY KEY REFERENCES events,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Which events this service has applied. A replay of an event is another delivery, hence the replay in the key.
CREATE TABLE inbox (
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    replay_id   text        NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, event_id, replay_id)
);

-- Subjects (items, sessions) that are gone. Events are unordered: what arrives after the deletion must find this mark.
CREATE TABLE tombstones (
    tenant_id  text        NOT NULL,
    subject    text        NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);
