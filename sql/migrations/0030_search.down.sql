DROP INDEX resources_off_idx;
DROP INDEX resource_words_id_idx;
CREATE INDEX resource_words_id_idx ON resource_words (id, platform);
