-- +goose Up
-- One row a person, those who were only invited or were removed included. Names are unique by the streams of logins.
CREATE TABLE users (
	id          uuid PRIMARY KEY,
	org_id      uuid NOT NULL,
	version     int NOT NULL,
	username    text NOT NULL,
	email       text NOT NULL,
	full_name   text NOT NULL,
	role        text NOT NULL,
	status      text NOT NULL,
	preferences json NOT NULL,
	invited_by  uuid,
	created_at  timestamptz NOT NULL,
	updated_at  timestamptz NOT NULL
);
CREATE INDEX users_members ON users (org_id, created_at, id) WHERE status <> 'removed';

CREATE TABLE api_tokens (
	id         uuid NOT NULL,
	org_id     uuid NOT NULL,
	user_id    uuid NOT NULL,
	name       text NOT NULL,
	hash       text NOT NULL, -- SHA-256 of the token, in hex
	expires_at timestamptz NOT NULL,
	revoked    boolean NOT NULL,
	created_at timestamptz NOT NULL,
	PRIMARY KEY (user_id, id)
);
CREATE INDEX api_tokens_hash ON api_tokens (hash);

-- +goose Down
DROP TABLE api_tokens, users;
