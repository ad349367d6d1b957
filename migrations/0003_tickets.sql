-- +goose Up
-- One row a ticket, written in the transaction of its events.
CREATE TABLE tickets (
	id                 uuid PRIMARY KEY,
	org_id             uuid NOT NULL,
	version            int NOT NULL,
	number             bigint NOT NULL,
	title              text NOT NULL,
	description        text NOT NULL,
	status             text NOT NULL,
	priority           text NOT NULL,
	urgency            text NOT NULL,
	category           text NOT NULL,
	subcategory        text NOT NULL,
	department         text NOT NULL,
	tags               json NOT NULL,
	custom_fields      json NOT NULL,
	source_channel     text NOT NULL,
	created_by         uuid NOT NULL,
	assignee           uuid,
	attachments        json NOT NULL,
	resolution_summary text NOT NULL,
	first_response_at  timestamptz,
	resolved_at        timestamptz,
	closed_at          timestamptz,
	last_activity_at   timestamptz NOT NULL,
	comments           int NOT NULL,
	internal_comments  int NOT NULL,
	deleted            bool NOT NULL,
	created_at         timestamptz NOT NULL,
	updated_at         timestamptz NOT NULL
) WITH (fillfactor = 80);

-- Lists walk this index and look up fifty rows: the filters of almost every list are in it.
CREATE INDEX tickets_list ON tickets (org_id, created_at DESC, id DESC)
	INCLUDE (status, priority, category, assignee, created_by) WHERE NOT deleted;
CREATE INDEX tickets_number ON tickets (org_id, number);
CREATE INDEX tickets_updated ON tickets (org_id, updated_at DESC, id DESC) WHERE NOT deleted;
CREATE INDEX tickets_assignee ON tickets (org_id, assignee, created_at DESC, id DESC) WHERE NOT deleted AND assignee IS NOT NULL;
CREATE INDEX tickets_creator ON tickets (org_id, created_by, created_at DESC, id DESC) WHERE NOT deleted;

-- One row a comment, written in the transaction of its event.
CREATE TABLE comments (
	id          uuid NOT NULL,
	org_id      uuid NOT NULL,
	ticket_id   uuid NOT NULL,
	version     int NOT NULL, -- of the ticket, which orders its comments
	author      uuid NOT NULL,
	content     text NOT NULL,
	internal    bool NOT NULL,
	attachments json NOT NULL,
	created_at  timestamptz NOT NULL,
	PRIMARY KEY (ticket_id, version)
);

-- Full text lives apart from the tickets, so that a change of status re-inserts no lexemes. What only the staff may
-- read stands in a column of its own. Partitions by organization keep one tenant's words out of another's index walk.
CREATE TABLE ticket_search (
	org_id    uuid NOT NULL,
	ticket_id uuid NOT NULL,
	words     tsvector NOT NULL,
	internal  tsvector NOT NULL,
	PRIMARY KEY (org_id, ticket_id)
) PARTITION BY HASH (org_id);
-- +goose StatementBegin
DO $$
BEGIN
	FOR n IN 0..7 LOOP
		EXECUTE format('CREATE TABLE ticket_search_%s PARTITION OF ticket_search FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
	END LOOP;
END $$;
-- +goose StatementEnd
CREATE INDEX ticket_search_words ON ticket_search USING gin (words);
CREATE INDEX ticket_search_internal ON ticket_search USING gin (internal);

-- How far the numbers of an organization have been given out. No projection: gaps are fine, doubles are not.
CREATE TABLE ticket_numbers (
	org_id uuid PRIMARY KEY,
	last   bigint NOT NULL
);

-- The first answer to a POST with an Idempotency-Key, sealed with its caller's key.
CREATE TABLE idempotency (
	org_id       uuid NOT NULL,
	user_id      uuid NOT NULL,
	key          text NOT NULL,
	request_hash bytea NOT NULL,
	resource_id  uuid NOT NULL, -- the id that whatever the request makes will have, however often it is tried
	answer       text,          -- NULL until answered
	created_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, user_id, key)
);
CREATE INDEX idempotency_created ON idempotency USING brin (created_at);

-- +goose Down
DROP TABLE idempotency, ticket_numbers, ticket_search, comments, tickets;
