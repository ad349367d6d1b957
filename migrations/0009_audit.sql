-- +goose Up
-- What somebody wrote, for the export of everything about them.
CREATE INDEX comments_author ON comments (org_id, author, ticket_id, version);

-- +goose Down
DROP INDEX comments_author;
