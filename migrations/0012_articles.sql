-- +goose Up
-- The words that lead to an article: those of its title count most, then its tags. An article nearly always fits. One that
-- does not fit into an index entry is cut at what surely does, because an entry that failed would stop the index.
-- +goose StatementBegin
CREATE FUNCTION article_words(title text, tags json, body text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	head tsvector := setweight(to_tsvector('english', title), 'A')
		|| setweight(to_tsvector('english', coalesce((SELECT string_agg(label, ' ') FROM json_array_elements_text(tags) AS label), '')), 'B');
BEGIN
	RETURN head || to_tsvector('english', body);
EXCEPTION WHEN program_limit_exceeded THEN
	RETURN head || to_tsvector('english', left(body, 100000));
END $$;
-- +goose StatementEnd

-- One row an article of the knowledge base, written in the transaction of its events.
CREATE TABLE articles (
	id         uuid PRIMARY KEY,
	org_id     uuid NOT NULL,
	version    int NOT NULL,
	title      text NOT NULL,
	body       text NOT NULL,
	tags       json NOT NULL,
	written_by uuid NOT NULL,
	revised_by uuid NOT NULL, -- who changed it last, or wrote it
	deleted    bool NOT NULL,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL
);
CREATE INDEX articles_list ON articles (org_id, created_at DESC, id DESC) WHERE NOT deleted;

-- The words of each, made after the commit: those of a long article take a tenth of a second, for which nobody who appends
-- should wait.
CREATE TABLE article_search (
	article_id uuid PRIMARY KEY,
	org_id     uuid NOT NULL,
	words      tsvector NOT NULL -- none when it was deleted
);
CREATE INDEX article_search_words ON article_search USING gin (words) WITH (fastupdate = off);
INSERT INTO projections (name, code, rebuilt_at) VALUES ('articles', 1, now()), ('article_search', 1, now());

-- +goose Down
DELETE FROM projections WHERE name IN ('articles', 'article_search');
DROP TABLE article_search, articles;
DROP FUNCTION article_words;
