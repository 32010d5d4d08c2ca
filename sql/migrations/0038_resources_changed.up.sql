-- What changed since a time is found, put in order and picked from by an index of times alone.

CREATE INDEX resources_changed_idx ON resources (workspace_id, kind, platform, updated_at) INCLUDE (id, position, name, enabled);
