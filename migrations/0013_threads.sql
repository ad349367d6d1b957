-- +goose Up
-- One row a conversation with an agent, written in the transaction of its events.
CREATE TABLE threads (
	id              uuid PRIMARY KEY,
	org_id          uuid NOT NULL,
	version         int NOT NULL,
	agent           text NOT NULL,
	title           text NOT NULL,
	created_by      uuid NOT NULL,
	message_count   int NOT NULL, -- replies included
	last_message_at timestamptz,
	deleted         bool NOT NULL,
	created_at      timestamptz NOT NULL,
	updated_at      timestamptz NOT NULL
) WITH (fillfactor = 70); -- every message writes it anew

-- Most see their own threads, and few see all. What is known of a person includes the deleted ones, and those with any agent.
CREATE INDEX threads_list ON threads (org_id, agent, created_at DESC, id DESC) WHERE NOT deleted;
CREATE INDEX threads_creator ON threads (org_id, created_by, created_at DESC, id DESC);

-- One row a message or reply, written in the transaction of its event.
CREATE TABLE messages (
	id           uuid NOT NULL,
	org_id       uuid NOT NULL,
	thread_id    uuid NOT NULL,
	version      int NOT NULL,  -- of the thread, which orders its messages
	role         text NOT NULL,
	author       uuid,          -- none: the agent
	content      text NOT NULL,
	attachments  json NOT NULL,
	metadata     json NOT NULL,
	run          uuid,          -- that replied, or failed to
	in_reply_to  uuid,
	reply_status text NOT NULL, -- empty: it is a reply itself
	reply_error  text NOT NULL, -- the code of what went wrong
	created_at   timestamptz NOT NULL,
	PRIMARY KEY (thread_id, version)
) WITH (fillfactor = 90); -- its reply writes it anew
INSERT INTO projections (name, code, rebuilt_at) VALUES ('threads', 1, now()), ('messages', 1, now());

-- +goose Down
DELETE FROM projections WHERE name IN ('threads', 'messages');
DROP TABLE messages, threads;
