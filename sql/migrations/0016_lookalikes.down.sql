ALTER TABLE users DROP COLUMN skeletons;
