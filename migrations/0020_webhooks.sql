-- +goose Up
-- One row a webhook of an organization, written in the transaction of its events.
CREATE TABLE webhooks (
	id            uuid PRIMARY KEY,
	org_id        uuid NOT NULL,
	version       int NOT NULL,
	url           text NOT NULL,
	events        json NOT NULL,
	description   text NOT NULL,
	pause_code    text NOT NULL, -- empty: it is not paused
	pause_reason  text NOT NULL,
	generation    int NOT NULL,  -- of the secret: how often it was rotated
	rotated_at    timestamptz,
	replay_from   bigint NOT NULL, -- where the last replay begins
	replayed      int NOT NULL,    -- the version with which that was asked for; 0: never
	created_by    uuid NOT NULL,
	deleted       bool NOT NULL,
	created_at    timestamptz NOT NULL,
	updated_at    timestamptz NOT NULL
);
CREATE INDEX webhooks_list ON webhooks (org_id, created_at, id) WHERE NOT deleted;
INSERT INTO projections (name, code, rebuilt_at) VALUES ('webhooks', 1, now());

-- How far each has come, and which process sends for it: no projection, for it moves with every request.
CREATE TABLE webhook_cursors (
	webhook_id    uuid PRIMARY KEY,
	org_id        uuid NOT NULL,
	version       int NOT NULL,    -- of the webhook that was last taken notice of
	position      bigint NOT NULL, -- of the last event that was taken, or passed over
	failures      int NOT NULL DEFAULT 0,
	failing_since timestamptz,
	next_try_at   timestamptz,
	last_try_at   timestamptz,
	last_status   int NOT NULL DEFAULT 0,
	last_error    text NOT NULL DEFAULT '',
	holder        uuid,        -- the process that sends
	held_until    timestamptz  -- unless it says so again
) WITH (fillfactor = 50);

-- The processes that send webhooks, so that each takes its share.
CREATE TABLE webhook_senders (
	process uuid PRIMARY KEY,
	until   timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What the requests are signed with, sealed with a key of the webhook's own.
CREATE TABLE webhook_secrets (
	webhook_id uuid NOT NULL,
	generation int NOT NULL,
	org_id     uuid NOT NULL,
	sealed     text NOT NULL,
	PRIMARY KEY (webhook_id, generation)
);

-- +goose Down
DELETE FROM projections WHERE name = 'webhooks';
DROP TABLE webhook_secrets, webhook_senders, webhook_cursors, webhooks;
