-- Resources: everything a coding CLI is configured with, whatever kind it is. What a kind consists of is the program's business
-- (include/kind.h): here a resource is a name, a place in an order, and JSON that any reader may see, secrets masked, with the
-- secrets themselves sealed beside it. A list is that JSON joined; nothing is opened and nothing computed to read.

CREATE TABLE resources (
    id           uuid NOT NULL DEFAULT gen_random_uuid(), -- what secrets are sealed for
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind         text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 40),
    platform     text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    name         text COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 300), -- with its folders: "git/commit"
    position     integer NOT NULL, -- order of its kind and platform
    enabled      boolean NOT NULL DEFAULT true,
    listed       json NOT NULL, -- object: what a list shows
    unlisted     json,          -- object: what only a single read shows; NULL = nothing
    sealed       json,          -- column -> sealed value, for those that are masked in the two above; NULL = none
    source       text,          -- the file that it came from, sealed; NULL = none
    revision     bigint NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, platform), -- what several platforms share has a row with the same id on each
    CONSTRAINT resources_name_key UNIQUE (workspace_id, kind, platform, name)
);
CREATE INDEX resources_order_idx ON resources (workspace_id, kind, platform, position, name);

-- What a resource was at each revision, also after it was deleted; secrets stay sealed for resource_id.
CREATE TABLE resource_revisions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind         text NOT NULL,
    platform     text NOT NULL,
    name         text COLLATE "C" NOT NULL,
    revision     bigint NOT NULL,
    resource_id  uuid NOT NULL,
    operation    text NOT NULL CHECK (char_length(operation) BETWEEN 1 AND 20),
    actor        text NOT NULL,
    enabled      boolean NOT NULL,
    listed       json NOT NULL,
    unlisted     json,
    sealed       json,
    source       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, kind, platform, name, revision)
);

-- The words that a search finds a resource by, in lower case. A table of its own and not a trigram index: under row-level security
-- an index is only used by operators that are marked leakproof, which LIKE and @@ are not and the comparison of texts is.
CREATE TABLE resource_words (
    workspace_id uuid NOT NULL, -- no foreign keys, which would be looked up for each word: a trigger removes what is left over
    kind         text NOT NULL,
    platform     text NOT NULL,
    word         text COLLATE "C" NOT NULL,
    id           uuid NOT NULL,
    PRIMARY KEY (workspace_id, kind, platform, word, id)
);
CREATE INDEX resource_words_id_idx ON resource_words (id, platform);

-- How many there are, so that a page of a hundred thousand tells its total without counting them.
CREATE TABLE resource_counts (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind         text NOT NULL,
    platform     text NOT NULL,
    total        bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, platform)
);

-- Also for rows that go with their workspace, which may not be the one that the session acts in.
CREATE FUNCTION ccr_resources_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO resource_counts AS c SELECT workspace_id, kind, platform, count(*) FROM changed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (workspace_id, kind, platform) DO UPDATE SET total = c.total + excluded.total;
    ELSE
        PERFORM set_config('ccr.maintenance', 'on', true);
        DELETE FROM resource_words w USING changed c WHERE w.id = c.id AND w.platform = c.platform;
        UPDATE resource_counts c SET total = c.total - g.gone
            FROM (SELECT workspace_id, kind, platform, count(*) AS gone FROM changed GROUP BY 1, 2, 3) g
            WHERE c.workspace_id = g.workspace_id AND c.kind = g.kind AND c.platform = g.platform;
        PERFORM set_config('ccr.maintenance', before, true);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['resources', 'resource_revisions', 'resource_words', 'resource_counts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
    END LOOP;
END $$;

CREATE TRIGGER resources_counted_up AFTER INSERT ON resources REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_resources_counted();
CREATE TRIGGER resources_counted_down AFTER DELETE ON resources REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_resources_counted();

-- A row of the history is written with the resource, words and counts follow it: only a row that is removed by itself says more.
CREATE TRIGGER resources_inserted AFTER INSERT ON resources REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER resources_updated AFTER UPDATE ON resources REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER resources_deleted AFTER DELETE ON resources REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER resource_revisions_deleted AFTER DELETE ON resource_revisions REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER resources_truncated AFTER TRUNCATE ON resources FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated();
CREATE TRIGGER resource_revisions_truncated AFTER TRUNCATE ON resource_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated();
