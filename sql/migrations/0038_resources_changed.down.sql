DROP INDEX resources_changed_idx;
