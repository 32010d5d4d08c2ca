ALTER TABLE resources DROP COLUMN uses;
