-- Who spent a refresh token, as a keyed hash of address and browser: the same client may present it again for a few seconds.
ALTER TABLE refresh_tokens ADD COLUMN spent_by text;
