-- How far behind the consumer is: a conversation that is not known may be one that was not heard of yet.
CREATE TABLE lag (
    is_only  boolean          PRIMARY KEY DEFAULT true CHECK (is_only),
    heard_at timestamptz      NOT NULL,
    seconds  double precision NOT NULL                -- between the latest turn and its arrival here
);
COMMENT ON TABLE lag IS 'bookkeeping: how long the latest turn took to arrive';
