/* Profiles of the past, from the audit trail and the revisions of resources. */
#include "ledger_profiles.h"

#include <stdlib.h>
#include <string.h>

#include "db.h"

#define SWITCHES_MAX "5000"

/* A row for each switch, and one for each revision that the profile got while it was the current one; by platform and time. */
static const struct statement read_all = {
    "ledger_profiles",
    "WITH s AS (SELECT platform, to_config AS name, created_at AS since, lead(created_at, 1, 'infinity') OVER (PARTITION BY platform"
    " ORDER BY created_at) AS until FROM audit_log WHERE workspace_id = $1::uuid AND user_id = $2::uuid"
    " AND action = 'profile.switch' AND to_config IS NOT NULL), r AS (SELECT s.platform, s.name, s.since, (SELECT max(v.revision)"
    " FROM resource_revisions v WHERE v.workspace_id = $1::uuid AND v.kind = 'profile' AND v.platform = s.platform"
    " AND v.name = s.name AND v.created_at <= s.since) AS revision FROM s"
    " UNION ALL SELECT s.platform, s.name, v.created_at, v.revision FROM s JOIN resource_revisions v"
    " ON v.workspace_id = $1::uuid AND v.kind = 'profile' AND v.platform = s.platform AND v.name = s.name"
    " AND v.created_at > s.since AND v.created_at < s.until)"
    " SELECT * FROM (SELECT platform, (extract(epoch FROM since) * 1000000)::bigint, name, coalesce(revision, 0) FROM r"
    " ORDER BY since DESC LIMIT " SWITCHES_MAX ") newest ORDER BY 1, 2"};

struct stay {
    const char *platform, *name;
    int64_t since_us, revision;
};

struct ledger_profiles {
    struct arena *arena;
    struct stay *stays;
    size_t count;
};

enum error ledger_profiles_read(struct actor *actor, struct ledger_profiles **out)
{
    enum { PLATFORM, SINCE, NAME, REVISION, MEMORY = 4 * 1024 * 1024 };
    struct rows rows;
    enum error error = db_all(actor->db, &read_all, &rows, DB_ARGS(actor->who.workspace_id, actor->who.user_id));
    if (error)
        return error;
    struct arena *arena = arena_new(MEMORY);
    struct ledger_profiles *profiles = arena_alloc(arena, sizeof *profiles);
    *profiles = (struct ledger_profiles){arena, arena_array(arena, (size_t)rows.count + 1, sizeof(struct stay)),
                                         (size_t)rows.count};
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        profiles->stays[i] =
            (struct stay){arena_strdup(arena, row_string(&row, PLATFORM)), arena_strdup(arena, row_string(&row, NAME)),
                          row_int(&row, SINCE), row_int(&row, REVISION)};
    }
    *out = profiles;
    return ERR_NONE;
}

void ledger_profiles_free(struct ledger_profiles *profiles)
{
    if (profiles)
        arena_free(profiles->arena);
}

static int compare(const struct stay *stay, const char *platform, int64_t time_us)
{
    int order = strcmp(stay->platform, platform);
    return order ? order : stay->since_us <= time_us ? -1 : 1;
}

const char *ledger_profile_at(const struct ledger_profiles *profiles, const char *platform, int64_t time_us,
                              int64_t *revision)
{
    size_t from = 0, to = profiles ? profiles->count : 0;
    *revision = 0;
    while (from < to) { /* the first that is later, or of a platform behind */
        size_t middle = from + (to - from) / 2;
        if (compare(&profiles->stays[middle], platform, time_us) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0 || strcmp(profiles->stays[from - 1].platform, platform) != 0)
        return NULL;
    *revision = profiles->stays[from - 1].revision;
    return profiles->stays[from - 1].name;
}
