-- +goose Up
-- One row an upload, written in the transaction of its events. An upload that never ended has none.
CREATE TABLE files (
	id                uuid PRIMARY KEY,
	org_id            uuid NOT NULL,
	version           int NOT NULL,
	filename          text NOT NULL,
	description       text NOT NULL,
	size              bigint NOT NULL,
	mime_type         text NOT NULL,
	category          text NOT NULL,
	content_hash      text NOT NULL,
	blob              text NOT NULL, -- the key of its bytes in the store
	uploaded_by       uuid NOT NULL,
	ticket            uuid,          -- it was uploaded to
	scan              json NOT NULL,
	signature         text NOT NULL, -- of the malware in it
	status            text NOT NULL,
	processing_status text NOT NULL,
	run               int NOT NULL,  -- the version of the event that asked for its processing
	stages            json NOT NULL,
	language          text NOT NULL,
	width             int NOT NULL,
	height            int NOT NULL,
	seconds           float8 NOT NULL,
	deleted           bool NOT NULL,
	started_at        timestamptz,   -- of its processing
	completed_at      timestamptz,
	created_at        timestamptz NOT NULL,
	updated_at        timestamptz NOT NULL
) WITH (fillfactor = 70); -- every second of its processing writes it anew
CREATE INDEX files_list ON files (org_id, created_at DESC, id DESC) INCLUDE (category, status, uploaded_by) WHERE NOT deleted;
CREATE INDEX files_blob ON files (org_id, blob) WHERE NOT deleted;
CREATE INDEX files_unfinished ON files (created_at) WHERE NOT deleted AND processing_status IN ('queued', 'processing');

-- Which tickets refer to an upload, and which uploads a ticket and its comments refer to.
CREATE TABLE ticket_files (
	org_id     uuid NOT NULL,
	file_id    uuid NOT NULL,
	ticket_id  uuid NOT NULL,
	internal   bool NOT NULL, -- only internal comments refer to it
	created_at timestamptz NOT NULL -- of the ticket
);
CREATE UNIQUE INDEX ticket_files_file ON ticket_files (file_id, org_id, ticket_id);
CREATE INDEX ticket_files_ticket ON ticket_files (ticket_id);
INSERT INTO projections (name, code, rebuilt_at) VALUES ('files', 1, now()), ('ticket_files', 1, now());

-- What was read from uploads: no projection, for the log holds only its hash. The workers write it, and the sweeper
-- deletes what no upload names any more.
CREATE TABLE readings (
	org_id     uuid NOT NULL,
	id         uuid NOT NULL,
	file_id    uuid NOT NULL,
	stage      text NOT NULL,
	content    json NOT NULL,
	text       text NOT NULL, -- of content, as much as is searched
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (org_id, id)
);
CREATE INDEX readings_file ON readings (org_id, file_id);

-- What the organizations keep in the store. A claim keeps the sweeper away from bytes whose upload is not in the log yet.
CREATE TABLE blobs (
	org_id     uuid NOT NULL,
	key        text NOT NULL,
	size       bigint NOT NULL,
	claimed_at timestamptz NOT NULL,
	PRIMARY KEY (org_id, key)
);

-- The words of a ticket and of what is attached to it. What is attached may be long, and nearly always fits all the same;
-- what does not fit into an index entry is cut, because an entry that failed would stop the index for everybody.
-- +goose StatementBegin
CREATE FUNCTION ticket_words(title text, body text, attached text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN setweight(to_tsvector('english', title), 'A') || to_tsvector('english', left(body, 120000)) || to_tsvector('english', left(attached, 400000));
EXCEPTION WHEN program_limit_exceeded THEN
	RETURN setweight(to_tsvector('english', title), 'A') || to_tsvector('english', left(body || ' ' || attached, 120000));
END $$;
-- +goose StatementEnd

-- No ticket refers to an upload yet, so the rows of the search are what the new code would make.
UPDATE projections SET code = 3 WHERE name = 'ticket_search';

-- +goose Down
DELETE FROM projections WHERE name = 'ticket_search'; -- it holds words of uploads: the program makes it anew
DROP FUNCTION ticket_words;
DELETE FROM projections WHERE name IN ('files', 'ticket_files');
DROP TABLE blobs, readings, ticket_files, files;
