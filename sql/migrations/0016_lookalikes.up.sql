-- What a user name looks like: as it is written, in small letters, in capitals, and with a capital in front. A new name that has one of
-- them in common with another's is refused. The program fills it in (Unicode's table of confusables is not in PostgreSQL); accounts from
-- before have NULL until the next one is made.
ALTER TABLE users ADD COLUMN skeletons text[];
CREATE INDEX users_skeletons_idx ON users USING gin (skeletons);
