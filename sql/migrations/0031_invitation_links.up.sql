-- An invitation may go to whoever has its link instead of to a name. The link is stored hashed; taken once, it is gone with its row.

ALTER TABLE workspace_invitations
    ALTER username DROP NOT NULL,
    ADD COLUMN link_hash text UNIQUE,
    ADD COLUMN accounts boolean NOT NULL DEFAULT false, -- whether who has none may make one with it
    ADD CHECK ((username IS NULL) <> (link_hash IS NULL)),
    ADD CHECK (link_hash IS NOT NULL OR NOT accounts);
