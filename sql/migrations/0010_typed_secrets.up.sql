-- What people typed into the wrong place stands open in rows of older versions.

-- Arguments of past commands: kept is what src/api/commands.c keeps.
UPDATE command_runs r SET args = (
    SELECT coalesce(json_agg(CASE
        WHEN a.text ~ '^([0-9]{1,4}|--(all|backup|by-model|check|days|dry-run|filter-type|force|help|limit|merge|no-secrets'
                      '|output|platform|this-month|today)|-[hlot]|claude|codex|gemini|qwen|iflow|droid|clean|clear|conflicts|cost'
                      '|create|current|delete|disable|enable|export|help|history|import|info|init|list|platform|restore|reveal'
                      '|rollback|show|switch|update|validate|version)$'
          OR (r.command IN ('switch', 'enable', 'disable') AND a.place = 1 AND (r.exit_code = 0 OR a.text ~ '^[a-z]{1,16}$'))
        THEN a.text ELSE '***' END ORDER BY a.place), '[]'::json)
    FROM json_array_elements_text(r.args) WITH ORDINALITY a (text, place))
WHERE r.args::text <> '[]';

-- Addresses with a password, in what changed: https://user:password@host becomes https://***@host.
UPDATE audit_log SET changes = regexp_replace(changes::text, '(://)[^/?#"\\[:space:]]*@', '\1***@', 'g')::json
WHERE changes::text ~ '://[^/?#"\\[:space:]]*@';
