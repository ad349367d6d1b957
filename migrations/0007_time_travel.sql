-- +goose Up
-- Lists of how things stood show what was deleted or removed since.
CREATE INDEX tickets_deleted ON tickets (org_id, created_at DESC, id DESC) WHERE deleted;
CREATE INDEX users_ever ON users (org_id, created_at, id);
DROP INDEX users_members;

-- +goose Down
CREATE INDEX users_members ON users (org_id, created_at, id) WHERE status <> 'removed';
DROP INDEX users_ever, tickets_deleted;
