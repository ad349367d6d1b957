-- +goose Up
-- Where a ticket lives too. No ticket has a route yet, so the rows are what the new code would make.
ALTER TABLE tickets ADD COLUMN routes json NOT NULL DEFAULT '[]', ADD COLUMN integrations uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE comments ADD COLUMN integration uuid, ADD COLUMN said_by text NOT NULL DEFAULT '';
UPDATE projections SET code = 3 WHERE name = 'tickets';
UPDATE projections SET code = 2 WHERE name = 'comments';
CREATE INDEX tickets_integrations ON tickets USING gin (integrations) WHERE integrations <> '{}';

-- One row a ticket and integration, written in the transaction of its events.
CREATE TABLE deliveries (
	id             uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	version        int NOT NULL,
	integration_id uuid NOT NULL,
	ticket_id      uuid NOT NULL,
	created_by     uuid NOT NULL, -- of the ticket
	status         text NOT NULL,
	external_id    text NOT NULL, -- empty: it is not there yet
	external_url   text NOT NULL,
	step           text NOT NULL, -- that is made, or waits
	step_key       uuid,
	tries          int NOT NULL,
	code           text NOT NULL, -- of what is wrong
	message        text NOT NULL, -- in words
	notes          json NOT NULL, -- what could not be done as it was asked
	retry_at       timestamptz,
	created_at     timestamptz NOT NULL,
	updated_at     timestamptz NOT NULL
) WITH (fillfactor = 70); -- every step writes it anew
CREATE INDEX deliveries_list ON deliveries (org_id, integration_id, created_at DESC, id DESC);
CREATE INDEX deliveries_ticket ON deliveries (org_id, ticket_id);
CREATE INDEX deliveries_made_now ON deliveries (org_id, integration_id) WHERE external_id = '' AND step = 'create';
CREATE INDEX deliveries_external ON deliveries (org_id, integration_id, external_id) WHERE external_id <> '';
INSERT INTO projections (name, code, rebuilt_at) VALUES ('deliveries', 1, now());

-- What is to be looked at, one row a delivery at most. No projection: what is to be done follows from the events.
CREATE TABLE delivery_queue (
	delivery_id    uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	integration_id uuid NOT NULL,
	due_at         timestamptz NOT NULL, -- infinity: when the integration can be used again
	wakes          bigint NOT NULL,      -- how often it was asked for, so that whoever is at it sees that it was asked for again
	hear           bool NOT NULL,        -- something changed there
	queued_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX delivery_queue_account ON delivery_queue (integration_id, due_at);
CREATE INDEX delivery_queue_due ON delivery_queue (due_at);

-- Who serves an account: one process at a time, so that its limits are kept and the order of its tickets is.
CREATE TABLE integration_turns (
	integration_id uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	holder         uuid NOT NULL,
	until          timestamptz NOT NULL
) WITH (fillfactor = 70);

-- When an integration is checked next.
CREATE TABLE integration_watches (
	integration_id uuid PRIMARY KEY,
	org_id         uuid NOT NULL,
	due_at         timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX integration_watches_due ON integration_watches (due_at);

-- +goose Down
DROP TABLE integration_watches, integration_turns, delivery_queue, deliveries;
DELETE FROM projections WHERE name = 'deliveries';
DROP INDEX tickets_integrations;
UPDATE projections SET code = 1 WHERE name = 'comments';
UPDATE projections SET code = 2 WHERE name = 'tickets';
ALTER TABLE comments DROP COLUMN integration, DROP COLUMN said_by;
ALTER TABLE tickets DROP COLUMN routes, DROP COLUMN integrations;
