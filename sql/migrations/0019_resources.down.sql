DROP TABLE resource_counts, resource_words, resource_revisions, resources;
DROP FUNCTION ccr_resources_counted();
