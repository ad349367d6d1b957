-- +goose Up
-- One row a configuration of an agent that an organization has changed, written in the transaction of its events. Where
-- there is none, the program's defaults hold.
CREATE TABLE agent_configs (
	id            uuid PRIMARY KEY, -- made of the organization and the agent
	org_id        uuid NOT NULL,
	agent         text NOT NULL,
	version       int NOT NULL,
	model         text NOT NULL,
	temperature   float8 NOT NULL,
	max_tokens    int NOT NULL,
	timeout       int NOT NULL, -- seconds
	system_prompt text NOT NULL,
	tools         json NOT NULL,
	updated_at    timestamptz,  -- NULL: only the defaults were noted
	updated_by    uuid          -- NULL: the program
);
INSERT INTO projections (name, code, rebuilt_at) VALUES ('agent_configs', 1, now());

-- +goose Down
DELETE FROM projections WHERE name = 'agent_configs';
DROP TABLE agent_configs;
