-- +goose Up
-- The signed log: a Merkle tree over the events in position order. One row holds 256 entries of 76 bytes (position,
-- organization, stream, version, hash); only the last row ever grows.
CREATE TABLE log_entries (
	bundle   bigint PRIMARY KEY,
	position bigint NOT NULL, -- of its last entry
	entries  bytea NOT NULL
);
ALTER TABLE log_entries ALTER COLUMN entries SET STORAGE EXTERNAL; -- hashes do not compress
CREATE INDEX log_entries_position ON log_entries (position);

-- The hashes of complete subtrees from a bundle upwards; those below are made from the bundle when they are needed.
CREATE TABLE log_hashes (
	level int NOT NULL,
	n     bigint NOT NULL,
	hash  bytea NOT NULL,
	PRIMARY KEY (level, n)
);

-- What was signed, and when: each one over all events up to its position.
CREATE TABLE signed_heads (
	size      bigint PRIMARY KEY, -- events below it
	position  bigint NOT NULL,    -- of the last of them
	note      text NOT NULL,
	signed_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE signed_heads, log_hashes, log_entries;
