-- How often a resource was chosen, for the kinds of which one is chosen: a switch counts without being a change.
ALTER TABLE resources ADD COLUMN uses bigint NOT NULL DEFAULT 0 CHECK (uses >= 0);
