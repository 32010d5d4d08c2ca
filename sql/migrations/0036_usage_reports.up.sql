-- Reports: groups are found by workspace, and windows of five hours, as providers limit subscriptions by.
CREATE INDEX usage_groups_workspace_idx ON usage_groups (workspace_id);

-- Which window each hour with calls is in, by user and platform. A window begins with the hour (UTC) of the first call that is in no window, and
-- takes five hours. Where windows begin depends on what was before, up to the last pause of five hours: seven days before `since` are looked at,
-- and whoever made no such pause in them is counted from their beginning.
CREATE FUNCTION ccr_usage_windows(since timestamptz, until timestamptz, only_user uuid)
    RETURNS TABLE (user_id uuid, platform text, hour timestamptz, began timestamptz) LANGUAGE plpgsql STABLE ROWS 5000 AS $$
#variable_conflict use_column
DECLARE
    known record;
    of_user uuid;
    of_platform text;
    first_hour timestamptz;
BEGIN
    FOR known IN
        SELECT g.user_id, g.platform, date_bin(interval '1 hour', s.start, timestamptz 'epoch') AS hour
        FROM usage_sums s JOIN usage_groups g ON g.id = s.group_id
        WHERE s.workspace_id = (SELECT ccr_workspace()) AND s.grain = 'q' AND s.start >= since - interval '7 days' AND s.start < until
        AND s.calls > 0 AND (only_user IS NULL OR g.user_id = only_user)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        IF known.user_id IS DISTINCT FROM of_user OR known.platform IS DISTINCT FROM of_platform
                OR known.hour >= first_hour + interval '5 hours' THEN
            of_user := known.user_id;
            of_platform := known.platform;
            first_hour := known.hour;
        END IF;
        user_id := known.user_id;
        platform := known.platform;
        hour := known.hour;
        began := first_hour;
        RETURN NEXT;
    END LOOP;
END $$;

-- Days anew, of a workspace whose days begin elsewhere now: of quarters of an hour, which every time zone's days are made of.
CREATE FUNCTION ccr_usage_days(workspace uuid, zone text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM usage_sums WHERE workspace_id = workspace AND grain = 'd';
    INSERT INTO usage_sums (workspace_id, grain, start, group_id, sources, calls, cost, unpriced,
                            input, output, cache_read, cache_write, cache_write_1h, reasoning)
    SELECT workspace, 'd', date_trunc('day', start, zone), group_id, sources, sum(calls), sum(cost), sum(unpriced),
        sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(reasoning)
    FROM usage_sums WHERE workspace_id = workspace AND grain = 'q' GROUP BY 3, 4, 5;
$$;
