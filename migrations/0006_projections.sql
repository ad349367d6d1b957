-- +goose Up
-- Which code each table of the read side was made with. One whose code is another is made anew when the program starts.
CREATE TABLE projections (
	name       text PRIMARY KEY,
	code       int NOT NULL,
	rebuilt_at timestamptz NOT NULL
);
INSERT INTO projections (name, code, rebuilt_at)
SELECT name, 1, now() FROM unnest(ARRAY['tickets', 'comments', 'users', 'api_tokens', 'retention_rules', 'ticket_search']) AS name;

-- +goose Down
DROP TABLE projections;
