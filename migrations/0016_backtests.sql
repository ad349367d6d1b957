-- +goose Up
-- One row a backtest, written in the transaction of its events. What was judged stands in the log.
CREATE TABLE backtests (
	id             uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	version        int NOT NULL,
	agent          text NOT NULL,
	config_version int NOT NULL, -- 0: a draft
	status         text NOT NULL,
	code           text NOT NULL, -- of why it stopped
	reason         text NOT NULL,
	tickets        int NOT NULL,
	tried          int NOT NULL,
	cost           bigint NOT NULL, -- millionths of a dollar
	started_by     uuid NOT NULL,
	started_at     timestamptz NOT NULL,
	ended_at       timestamptz
);
CREATE INDEX backtests_list ON backtests (org_id, agent, started_at DESC, id DESC);
CREATE INDEX backtests_unfinished ON backtests (started_at) WHERE status = 'running';
INSERT INTO projections (name, code, rebuilt_at) VALUES ('backtests', 1, now());

-- The tickets that can be replayed, and the runs of a candidate.
CREATE INDEX tickets_categorized ON tickets (org_id, created_at DESC, id DESC) WHERE NOT deleted AND ai IS NOT NULL;
CREATE INDEX agent_runs_shadow ON agent_runs (org_id, agent, config_version, started_at DESC, id DESC) WHERE purpose = 'shadow';

-- What is tried beside what holds. Nothing is tried yet, so the rows are what the new code would make.
ALTER TABLE agent_configs ADD COLUMN shadow json;
UPDATE projections SET code = 2 WHERE name = 'agent_configs';

-- +goose Down
UPDATE projections SET code = 1 WHERE name = 'agent_configs';
ALTER TABLE agent_configs DROP COLUMN shadow;
DROP INDEX agent_runs_shadow, tickets_categorized;
DELETE FROM projections WHERE name = 'backtests';
DROP TABLE backtests;
