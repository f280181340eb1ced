-- By correlation id operators find everything that followed from a request: see chassis.inspection.
CREATE INDEX events_correlation ON events ((event ->> 'correlationid'));
