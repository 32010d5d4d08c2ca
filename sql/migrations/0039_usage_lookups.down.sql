-- The functions give what those before them gave, from the same tables, and are called alike: they stay, and go with 0035 and 0036.
SELECT 1;
