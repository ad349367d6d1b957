-- +goose Up
-- One row a connection with a vendor, written in the transaction of its events.
CREATE TABLE integrations (
	id             uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	version        int NOT NULL,
	platform       text NOT NULL,
	status         text NOT NULL, -- empty when it was disconnected
	state          json NOT NULL, -- what it was told, and what is known of it
	checked_at     timestamptz,   -- when a check last found something new
	last_synced_at timestamptz,
	created_at     timestamptz NOT NULL,
	updated_at     timestamptz NOT NULL
);
CREATE INDEX integrations_list ON integrations (org_id, created_at, id) WHERE status <> '';
CREATE INDEX integrations_platform ON integrations (platform, id) WHERE status <> '';
INSERT INTO projections (name, code, rebuilt_at) VALUES ('integrations', 1, now());

-- The secrets of each. They are no facts: they are sealed with a key of the integration's own, replaced and destroyed.
CREATE TABLE integration_credentials (
	integration_id uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	sealed         text NOT NULL,
	revision       bigint NOT NULL, -- another one after every change
	created_at     timestamptz NOT NULL DEFAULT now()
);

-- People on their way to a vendor's page and back.
CREATE TABLE integration_consents (
	state_hash     text PRIMARY KEY, -- of what only the person's browser and the vendor know
	org_id         uuid NOT NULL,
	integration_id uuid NOT NULL,
	user_id        uuid NOT NULL,
	verifier       text NOT NULL, -- sealed with the integration's key
	redirect       text NOT NULL,
	ends_at        timestamptz NOT NULL
);

-- When each was checked last, whatever came of it.
CREATE TABLE integration_checks (
	integration_id uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	checked_at     timestamptz NOT NULL
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE integration_checks, integration_consents, integration_credentials;
DELETE FROM projections WHERE name = 'integrations';
DROP TABLE integrations;
