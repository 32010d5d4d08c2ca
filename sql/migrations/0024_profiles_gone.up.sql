-- All that was in them is in resources and resource_revisions.
DROP TABLE profile_rows;
DROP TABLE profiles;
DROP TABLE profile_revisions;
