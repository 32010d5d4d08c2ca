-- A command that only showed its help ended well, so that what was typed beside it was taken for the name of a profile and kept.
UPDATE command_runs r SET args = (
    SELECT json_agg(CASE WHEN a.text IN ('--help', '-h', '--force') THEN a.text ELSE '***' END ORDER BY a.place)
    FROM json_array_elements_text(r.args) WITH ORDINALITY a (text, place))
WHERE r.command IN ('switch', 'enable', 'disable')
  AND EXISTS (SELECT 1 FROM json_array_elements_text(r.args) a (text) WHERE a.text IN ('--help', '-h'));
