-- Who shares a resource, as its row on each platform has it: platform -> enabled, NULL = only this one. The rows of one that is
-- shared have the same id.
ALTER TABLE resources ADD COLUMN shared json;
