-- +goose Up
-- One row a sync, written in the transaction of its events. What came of each ticket stands in the log.
CREATE TABLE syncs (
	id             uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	version        int NOT NULL,
	integration_id uuid NOT NULL,
	number         int NOT NULL, -- from 1, of the integration's
	dry_run        bool NOT NULL,
	status         text NOT NULL,
	code           text NOT NULL, -- of why it failed
	reason         text NOT NULL,
	tickets        int NOT NULL, -- to be looked at
	created        int NOT NULL,
	updated        int NOT NULL,
	skipped        int NOT NULL,
	failed         int NOT NULL,
	started_by     uuid NOT NULL,
	started_at     timestamptz NOT NULL,
	ended_at       timestamptz
) WITH (fillfactor = 70); -- it is written anew every second
CREATE INDEX syncs_list ON syncs (org_id, integration_id, number DESC);
CREATE INDEX syncs_unfinished ON syncs (started_at) WHERE status = 'running';
INSERT INTO projections (name, code, rebuilt_at) VALUES ('syncs', 1, now());

-- +goose Down
DELETE FROM projections WHERE name = 'syncs';
DROP TABLE syncs;
