-- +goose Up
-- A key is a person's or a ticket's. An erased one leaves its row behind, without the key: no second one is ever made.
ALTER TABLE subject_keys ADD COLUMN erased_at timestamptz;
CREATE INDEX subject_keys_erased ON subject_keys (subject_id) WHERE erased_at IS NOT NULL; -- every append asks

-- What a request caused. The hash is eight bytes where a request id may have two hundred.
CREATE INDEX events_correlation ON events (org_id, hashtextextended(metadata->>'correlation_id', 0));

ALTER TABLE users ADD COLUMN erasure text NOT NULL DEFAULT ''; -- '', requested or complete
CREATE INDEX users_erasing ON users (org_id) WHERE erasure = 'requested';

ALTER TABLE tickets ADD COLUMN words_erased bool NOT NULL DEFAULT false;
CREATE INDEX tickets_closed ON tickets (org_id, closed_at) WHERE closed_at IS NOT NULL AND NOT words_erased;

-- How many days after closing the words of an organization's tickets are erased. No row: never.
CREATE TABLE retention_rules (
	org_id  uuid PRIMARY KEY,
	version int NOT NULL, -- of the organization
	days    int NOT NULL
);

-- +goose Down
DROP TABLE retention_rules;
DROP INDEX tickets_closed, users_erasing, events_correlation;
ALTER TABLE tickets DROP COLUMN words_erased;
ALTER TABLE users DROP COLUMN erasure;
ALTER TABLE subject_keys DROP COLUMN erased_at; -- and its index
