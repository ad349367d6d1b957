-- +goose Up
-- What is counted, and what the overview adds up, is read from this index alone: the table is not touched.
CREATE INDEX tickets_graded ON tickets (org_id, status, priority, category)
	INCLUDE (id, assignee, created_at, first_response_at, resolved_at, closed_at) WHERE NOT deleted;

-- Filters that select few of many tickets.
CREATE INDEX tickets_department ON tickets (org_id, department, created_at DESC, id DESC) WHERE NOT deleted AND department <> '';
CREATE INDEX tickets_attached ON tickets (org_id, created_at DESC, id DESC) WHERE NOT deleted AND json_array_length(attachments) > 0;

-- Which tickets have a tag, written in the transaction of their events. Those that were deleted have none.
CREATE TABLE ticket_tags (
	org_id     uuid NOT NULL,
	tag        text NOT NULL,
	created_at timestamptz NOT NULL, -- of the ticket
	ticket_id  uuid NOT NULL
);
CREATE UNIQUE INDEX ticket_tags_list ON ticket_tags (org_id, tag, created_at DESC, ticket_id DESC);
CREATE INDEX ticket_tags_ticket ON ticket_tags (ticket_id);
INSERT INTO ticket_tags (org_id, tag, created_at, ticket_id)
SELECT DISTINCT org_id, tag, created_at, id FROM tickets, json_array_elements_text(tags) AS tag WHERE NOT deleted;
INSERT INTO projections (name, code, rebuilt_at) VALUES ('ticket_tags', 1, now());

-- A word that many tickets hold is found soonest by walking them from the newest on. And tickets that were deleted are
-- not to be counted.
ALTER TABLE ticket_search ADD COLUMN created_at timestamptz; -- of the ticket
UPDATE ticket_search s SET created_at = t.created_at,
	words = CASE WHEN t.deleted THEN '' ELSE s.words END, internal = CASE WHEN t.deleted THEN '' ELSE s.internal END
FROM tickets t WHERE t.id = s.ticket_id;
ALTER TABLE ticket_search ALTER COLUMN created_at SET NOT NULL;
UPDATE projections SET code = 2 WHERE name = 'ticket_search';
CREATE INDEX ticket_search_newest ON ticket_search (org_id, created_at DESC, ticket_id DESC);

-- +goose Down
UPDATE projections SET code = 1 WHERE name = 'ticket_search';
DROP INDEX ticket_search_newest;
ALTER TABLE ticket_search DROP COLUMN created_at;
DELETE FROM projections WHERE name = 'ticket_tags';
DROP TABLE ticket_tags;
DROP INDEX tickets_attached, tickets_department, tickets_graded;
