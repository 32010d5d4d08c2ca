-- Whether something has a word is answered by the index alone; what is switched off is found without reading what is on.

DROP INDEX resource_words_id_idx;
CREATE INDEX resource_words_id_idx ON resource_words (id, platform, word);
CREATE INDEX resources_off_idx ON resources (workspace_id, kind, platform, position, name) WHERE NOT enabled;
