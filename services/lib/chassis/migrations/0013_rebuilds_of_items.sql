ALTER TABLE projection_rebuilds ADD COLUMN subjects text[] NOT NULL DEFAULT '{}';  -- none: all of them
