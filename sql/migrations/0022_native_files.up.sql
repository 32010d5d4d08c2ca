-- Files of coding CLIs as they were imported, so that an export has every byte that no change of a resource touches. The content is
-- sealed as a whole: it holds secrets, and keys that nobody here knows.
CREATE TABLE native_files (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform     text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    path         text COLLATE "C" NOT NULL CHECK (char_length(path) BETWEEN 1 AND 400),
    id           uuid NOT NULL, -- what the content is sealed for
    content      text NOT NULL,
    taken        json NOT NULL, -- object, "kind/name" as in the file -> id of the resource that was made of it
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, platform, path)
);
ALTER TABLE native_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE native_files FORCE ROW LEVEL SECURITY;
CREATE POLICY native_files_workspace ON native_files
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
