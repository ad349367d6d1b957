-- +goose Up
-- What an agent took the ticket for. No ticket has one yet, so the rows are what the new code would make.
ALTER TABLE tickets ADD COLUMN ai json;
UPDATE projections SET code = 2 WHERE name = 'tickets';

-- One row a run, written in the transaction of its events. What happened in it stands in the log.
CREATE TABLE agent_runs (
	id             uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	version        int NOT NULL,
	agent          text NOT NULL,
	config_version int NOT NULL,
	purpose        text NOT NULL,
	requested_by   uuid NOT NULL,
	ticket         uuid, -- it is about, or that it made
	thread         uuid,
	message        uuid,
	status         text NOT NULL,
	code           text NOT NULL, -- of what went wrong
	provider       text NOT NULL,
	model          text NOT NULL,
	confidence     float8,
	turns          int NOT NULL,
	input_tokens   int NOT NULL,
	output_tokens  int NOT NULL,
	cost           bigint NOT NULL, -- millionths of a dollar
	started_at     timestamptz NOT NULL,
	ended_at       timestamptz
);
CREATE INDEX agent_runs_list ON agent_runs (org_id, started_at DESC, id DESC);
CREATE INDEX agent_runs_person ON agent_runs (org_id, requested_by, started_at DESC, id DESC);
CREATE INDEX agent_runs_unfinished ON agent_runs (started_at) WHERE status = 'running';
INSERT INTO projections (name, code, rebuilt_at) VALUES ('agent_runs', 1, now());

-- +goose Down
DELETE FROM projections WHERE name = 'agent_runs';
DROP TABLE agent_runs;
UPDATE projections SET code = 1 WHERE name = 'tickets';
ALTER TABLE tickets DROP COLUMN ai;
