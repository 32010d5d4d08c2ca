ALTER TABLE resources DROP COLUMN shared;
