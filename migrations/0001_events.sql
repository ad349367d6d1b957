-- +goose Up
CREATE TABLE events (
	position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	stream_id   uuid NOT NULL,
	version     int NOT NULL CHECK (version > 0),
	org_id      uuid NOT NULL,
	type        text NOT NULL,
	data        json NOT NULL,        -- the exact bytes that were hashed; personal fields are sealed
	metadata    json NOT NULL,
	recorded_at timestamptz NOT NULL, -- set by the commit lane, because it is hashed
	prev_hash   bytea NOT NULL,
	hash        bytea NOT NULL,
	UNIQUE (stream_id, version)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_freeze_min_age = 0, toast_tuple_target = 4080);

CREATE INDEX events_org ON events (org_id, position);
CREATE INDEX events_recorded ON events USING brin (recorded_at);

-- Whoever inserts holds this lock until it has committed: position order is commit order, for every reader.
-- The commit lane takes the same lock one statement earlier; it is re-entrant.
-- +goose StatementBegin
CREATE FUNCTION events_in_commit_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(7305001);
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_in_commit_order BEFORE INSERT ON events
	FOR EACH STATEMENT EXECUTE FUNCTION events_in_commit_order();

-- +goose StatementBegin
CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'events are append-only: % is not allowed', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
	FOR EACH STATEMENT EXECUTE FUNCTION events_append_only();

CREATE TABLE checkpoints (
	name     text PRIMARY KEY,
	position bigint NOT NULL
) WITH (fillfactor = 50);

-- One key a person, wrapped by ENCRYPTION_KEY. Deleting a row erases that person's words everywhere.
CREATE TABLE subject_keys (
	subject_id uuid PRIMARY KEY,
	org_id     uuid NOT NULL,
	wrapped    bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE subject_keys, checkpoints, events;
DROP FUNCTION events_append_only, events_in_commit_order;
