-- Logging in from a browser: a session may end with it, and a password that somebody else gave is to be replaced by one's own.

ALTER TABLE sessions ADD COLUMN lasting boolean NOT NULL DEFAULT true;
ALTER TABLE users ADD COLUMN password_given boolean NOT NULL DEFAULT false;
