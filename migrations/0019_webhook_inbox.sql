-- +goose Up
-- Which webhooks of vendors were taken, so that one that comes again does nothing. It is no fact: it is swept.
CREATE TABLE webhook_inbox (
	integration_id uuid NOT NULL,
	delivery       text NOT NULL, -- the vendor's name of it, or the hash of its bytes
	org_id         uuid NOT NULL,
	received_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (integration_id, delivery)
);
CREATE INDEX webhook_inbox_age ON webhook_inbox (received_at);

-- +goose Down
DROP TABLE webhook_inbox;
