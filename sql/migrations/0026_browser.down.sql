ALTER TABLE users DROP COLUMN password_given;
ALTER TABLE sessions DROP COLUMN lasting;
