-- +goose Up
-- What each organization has spent on models in a month: no projection, for it must be known to all instances before
-- the run it belongs to is in the log.
CREATE TABLE ai_spending (
	org_id uuid NOT NULL,
	month  date NOT NULL, -- its first day, UTC
	cost   bigint NOT NULL, -- millionths of a dollar
	PRIMARY KEY (org_id, month)
) WITH (fillfactor = 70); -- every answer of a model writes it anew

-- Runs that are there, as after a step back, know what they cost.
INSERT INTO ai_spending
SELECT org_id, date_trunc('month', started_at AT TIME ZONE 'UTC'), sum(cost) FROM agent_runs WHERE cost > 0 GROUP BY 1, 2;

-- +goose Down
DROP TABLE ai_spending;
