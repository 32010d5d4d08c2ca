/* Profiles in the store: reading, sealing the token, switching to one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "log.h"
#include "profile_check.h"
#include "profile_file.h"
#include "profile_write.h"
#include "util.h"

/* Names that stand at the top level of the file themselves, or are addresses next to /api/configs/{name}. */
static const char *const reserved[] = {"settings", "current_config", "default_config", "current", "switch"};

enum {
    FEW = 200, /* profiles that are sorted here and not by PostgreSQL */
    PATIENCE_MS = 8000,
};

enum {
    P_ID,
    P_PLATFORM,
    P_NAME,
    P_POSITION,
    P_DESCRIPTION,
    P_BASE_URL,
    P_TOKEN,
    P_MODEL,
    P_SMALL,
    P_PROVIDER,
    P_TYPE,
    P_ACCOUNT,
    P_TAGS,
    P_USAGE,
    P_ENABLED,
    P_EXTRA,
    P_ORDER,
    P_REVISION,
    P_CURRENT,
    P_STANDARD
};

/* What the user and the workspace point to; NULL = nothing. */
#define POINTERS                                                                                                       \
    "(SELECT current_profile FROM user_platforms WHERE workspace_id = ccr_workspace() AND user_id = ccr_user()"        \
    " AND platform = $1),"                                                                                             \
    " (SELECT default_profile FROM workspace_platforms WHERE workspace_id = ccr_workspace() AND platform = $1)"

#define COLUMNS                                                                                                        \
    "p.id, p.platform, p.name, p.position, p.description, p.base_url, p.auth_token, p.model, p.small_fast_model,"      \
    " p.provider, p.provider_type, p.account, p.tags, p.usage_count, p.enabled, p.extra, p.key_order, p.revision,"     \
    " " POINTERS

/* Row-level security alone already keeps to the workspace; naming it again lets the index be used. */
#define FROM_PROFILES " FROM profiles p WHERE p.workspace_id = ccr_workspace() AND p.platform = $1"

#define FILE_ORDER "p.position, p.name COLLATE \"C\"" /* and compare_order */

/* What a list shows of a profile, in the order of enum shown. */
#define SHOWN_COLUMNS                                                                                                  \
    "p.id, p.name, p.description, p.base_url, p.auth_token, p.model, p.small_fast_model, p.provider,"                  \
    " p.provider_type, p.account, p.tags, p.usage_count, p.enabled, p.revision, p.position"

enum shown {
    S_CURRENT,
    S_STANDARD,
    S_ID,
    S_NAME,
    S_DESCRIPTION,
    S_BASE_URL,
    S_TOKEN,
    S_MODEL,
    S_SMALL,
    S_PROVIDER,
    S_TYPE,
    S_ACCOUNT,
    S_TAGS,
    S_USAGE,
    S_ENABLED,
    S_REVISION,
    S_POSITION
};

static const struct statement
    select_one = {"profile_select", "SELECT " COLUMNS FROM_PROFILES " AND p.name = $2"},
    select_current = {"profile_select_current",
                      "SELECT " COLUMNS FROM_PROFILES " AND p.name = coalesce(" POINTERS ", 'default')"},
    /* When that name points to nothing: the default, else the first one that may be used. */
    select_fallback = {"profile_select_fallback",
                       "SELECT " COLUMNS " FROM profiles p LEFT JOIN workspace_platforms d ON d.workspace_id ="
                       " p.workspace_id AND d.platform = p.platform AND d.default_profile = p.name"
                       " WHERE p.workspace_id = ccr_workspace() AND p.platform = $1"
                       " AND (p.enabled OR d.default_profile IS NOT NULL)"
                       " ORDER BY d.default_profile IS NULL, " FILE_ORDER " LIMIT 1"},
    lock_one = {"profile_lock", "SELECT " COLUMNS FROM_PROFILES " AND p.name = $2 FOR UPDATE OF p"},
    select_all = {"profile_select_all", "SELECT " COLUMNS FROM_PROFILES " ORDER BY " FILE_ORDER},
    lock_all = {"profile_lock_all", "SELECT " COLUMNS FROM_PROFILES " ORDER BY " FILE_ORDER " FOR UPDATE OF p"},
    select_pointers = {"profile_pointers", "SELECT " POINTERS},
    /* Where the user stands, in front of each profile of the page: both in one round trip. The outer join gives a row without
     * a profile when the platform has none. */
    select_page = {"profile_select_page",
                   "SELECT u.current, u.standard, " SHOWN_COLUMNS " FROM (SELECT " POINTERS ") u (current, standard)"
                   " LEFT JOIN profiles p ON p.workspace_id = (SELECT ccr_workspace()) AND p.platform = $1"
                   " ORDER BY " FILE_ORDER " LIMIT $2::integer OFFSET $3::integer"},
    /* All of a platform, for as long as they are few, in no order: PostgreSQL would sort whole rows. */
    select_few = {"profile_select_few", "SELECT u.current, u.standard, " SHOWN_COLUMNS " FROM (SELECT " POINTERS
                                        ") u (current, standard) LEFT JOIN profiles p ON"
                                        " p.workspace_id = (SELECT ccr_workspace()) AND p.platform = $1"
                                        " LIMIT $2::integer + 1"},
    count_all = {"profile_count",
                 "SELECT count(*) FROM profiles WHERE workspace_id = ccr_workspace() AND platform = $1"},
    set_current = {"profile_set_current",
                   "INSERT INTO user_platforms (workspace_id, user_id, platform, current_profile, last_used_at)"
                   " VALUES (ccr_workspace(), ccr_user(), $1, $2, now())"
                   " ON CONFLICT (workspace_id, user_id, platform)"
                   " DO UPDATE SET current_profile = excluded.current_profile, last_used_at = excluded.last_used_at"},
    count_use = {"profile_count_use", "UPDATE profiles SET usage_count = least(usage_count, $2::bigint - 1) + 1"
                                      " WHERE workspace_id = ccr_workspace() AND id = $1::uuid"};

/* ---- names and platforms ---------------------------------------------------------------------------------------- */

bool profile_name_reserved(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

enum error check_new_profile_name(struct actor *actor, const char *platform, const char *field, const char *name)
{
    bool taken;
    if (!label_valid(name))
        return fail_field(actor, field, MSG_LABEL, NULL);
    if (profile_name_reserved(name))
        return fail_field(actor, field, MSG_RESERVED, name, NULL);
    enum error error = platform_file_has(actor, platform, name, &taken);
    return !error && taken ? fail_field(actor, field, MSG_TOP_LEVEL, name, NULL) : error;
}

/* ---- one after another ------------------------------------------------------------------------------------------ */

enum error profiles_lock(struct actor *actor, const char *platform, enum patience patience)
{
    const char *name = arena_printf(actor->arena, "ccr.profiles/%s/%s", actor->who.workspace_id, platform);
    int most = actor->settings->statement_timeout * 4 / 5; /* or the wait would end as a failure of the database */
    return db_lock_name(actor->db, name, patience == BRIEFLY ? 0 : PATIENCE_MS < most ? PATIENCE_MS : most);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void pointers_from(struct pointers *pointers, const char *current, const char *standard)
{
    pointers->has_current = current != NULL;
    pointers->has_standard = standard != NULL;
    pointers->standard = standard ? standard : "default";
    pointers->current = current ? current : pointers->standard;
}

static void note_pointers(struct profile *p, const struct pointers *pointers)
{
    p->is_current = strcmp(p->name, pointers->current) == 0;
    p->is_default = strcmp(p->name, pointers->standard) == 0;
}

static void from_row(struct profile *p, const struct row *row)
{
    struct pointers pointers;
    snprintf(p->id, sizeof p->id, "%s", row_string(row, P_ID));
    p->platform = row_text(row, P_PLATFORM);
    p->name = row_text(row, P_NAME);
    p->position = (int)row_int(row, P_POSITION);
    p->description = row_text(row, P_DESCRIPTION);
    p->base_url = row_text(row, P_BASE_URL);
    p->sealed_token = row_text(row, P_TOKEN);
    p->model = row_text(row, P_MODEL);
    p->small_fast_model = row_text(row, P_SMALL);
    p->provider = row_text(row, P_PROVIDER);
    p->provider_type = row_text(row, P_TYPE);
    p->account = row_text(row, P_ACCOUNT);
    p->tags = row_text(row, P_TAGS);
    p->usage_count = row_int(row, P_USAGE);
    p->enabled = row_bool(row, P_ENABLED);
    p->extra = row_text(row, P_EXTRA);
    p->key_order = row_text(row, P_ORDER);
    p->revision = row_int(row, P_REVISION);
    pointers_from(&pointers, row_text(row, P_CURRENT), row_text(row, P_STANDARD));
    note_pointers(p, &pointers);
}

enum error profile_find(struct actor *actor, const char *platform, const char *name, bool lock, struct profile *profile)
{
    struct row row;
    enum error error = db_one(actor->db, lock ? &lock_one : &select_one, &row, DB_ARGS(platform, name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, name);
    from_row(profile, &row);
    return ERR_NONE;
}

enum error profile_current(struct actor *actor, const char *platform, struct profile *profile)
{
    struct row row;
    enum error error = db_one(actor->db, &select_current, &row, DB_ARGS(platform));
    if (error == ERR_NOT_FOUND)
        error = db_one(actor->db, &select_fallback, &row, DB_ARGS(platform));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_CONFIG_NONE, platform);
    from_row(profile, &row);
    return ERR_NONE;
}

enum error profile_list(struct actor *actor, const char *platform, bool lock, struct profile **profiles, size_t *count)
{
    struct rows rows;
    enum error error = db_all(actor->db, lock ? &lock_all : &select_all, &rows, DB_ARGS(platform));
    if (error)
        return error;
    *count = (size_t)rows.count;
    *profiles = arena_array(actor->arena, *count + 1, sizeof **profiles);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        from_row(&(*profiles)[i], &row);
    }
    return ERR_NONE;
}

enum error profile_pointers(struct actor *actor, const char *platform, struct pointers *pointers)
{
    struct row row;
    enum error error = db_one(actor->db, &select_pointers, &row, DB_ARGS(platform));
    if (!error)
        pointers_from(pointers, row_text(&row, S_CURRENT), row_text(&row, S_STANDARD));
    return error;
}

void profile_at(const struct profile_page *page, int index, struct profile *p)
{
    struct row row = page->order ? page->order[index].row : rows_at(&page->rows, index);
    *p = (struct profile){
        .platform = page->platform,
        .name = row_text(&row, S_NAME),
        .description = row_text(&row, S_DESCRIPTION),
        .base_url = row_text(&row, S_BASE_URL),
        .sealed_token = row_text(&row, S_TOKEN),
        .model = row_text(&row, S_MODEL),
        .small_fast_model = row_text(&row, S_SMALL),
        .provider = row_text(&row, S_PROVIDER),
        .provider_type = row_text(&row, S_TYPE),
        .account = row_text(&row, S_ACCOUNT),
        .tags = row_text(&row, S_TAGS),
        .usage_count = row_int(&row, S_USAGE),
        .enabled = row_bool(&row, S_ENABLED),
        .revision = row_int(&row, S_REVISION),
        .position = (int)row_int(&row, S_POSITION),
    };
    memcpy(p->id, row_string(&row, S_ID), UUID_TEXT);
    note_pointers(p, &page->pointers);
}

/* Only a page that was filled, or that begins further on, does not tell the total by itself. */
static enum error count_profiles(struct actor *actor, struct profile_page *page, bool whole)
{
    struct row row;
    page->total = page->rows.count;
    if (whole)
        return ERR_NONE;
    enum error error = db_one(actor->db, &count_all, &row, DB_ARGS(page->platform));
    page->total = error ? 0 : row_int(&row, 0);
    return error;
}

/* As FILE_ORDER has it. */
static int compare_order(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    int difference = (one->position > other->position) - (one->position < other->position);
    return difference ? difference : strcmp(row_string(&one->row, S_NAME), row_string(&other->row, S_NAME));
}

static void sort_rows(struct actor *actor, struct profile_page *page)
{
    size_t count = (size_t)page->rows.count;
    struct place *order = arena_array(actor->arena, count + 1, sizeof *order);
    bool sorted = true; /* they often are: that is how they were written */
    for (size_t i = 0; i < count; i++) {
        order[i].row = rows_at(&page->rows, (int)i);
        order[i].position = row_int(&order[i].row, S_POSITION);
        sorted = sorted && (i == 0 || compare_order(&order[i - 1], &order[i]) < 0);
    }
    if (!sorted)
        qsort(order, count, sizeof *order, compare_order);
    page->order = order;
}

static enum error read_page(struct actor *actor, const char *platform, long long limit, long long offset,
                            struct profile_page *page)
{
    page->order = NULL;
    if (offset == 0 && limit >= FEW) {
        enum error error = db_all(actor->db, &select_few, &page->rows, DB_ARGS(platform, number_text(actor, FEW)));
        if (!error && page->rows.count <= FEW)
            sort_rows(actor, page);
        if (error || page->rows.count <= FEW)
            return error;
    }
    return db_all(actor->db, &select_page, &page->rows,
                  DB_ARGS(platform, number_text(actor, limit), number_text(actor, offset)));
}

enum error profile_list_page(struct actor *actor, const char *platform, long long limit, long long offset,
                             struct profile_page *page)
{
    enum error error = read_page(actor, platform, limit, offset, page);
    if (error)
        return error;
    page->platform = platform;
    struct row first = rows_at(&page->rows, 0);
    if (page->rows.count)
        pointers_from(&page->pointers, row_text(&first, S_CURRENT), row_text(&first, S_STANDARD));
    else
        error = profile_pointers(actor, platform, &page->pointers);
    if (page->rows.count && !row_text(&first, S_ID))
        page->rows.count = 0;
    return error ? error : count_profiles(actor, page, offset == 0 && page->rows.count < limit);
}

/* ---- the token -------------------------------------------------------------------------------------------------- */

enum error profile_token(struct actor *actor, const struct profile *profile, const char **token)
{
    *token = NULL;
    if (!profile->sealed_token)
        return ERR_NONE;
    const char *context = secret_context(actor->arena, actor->who.workspace_id, profile->id);
    *token = secret_open(actor->keyring, actor->arena, context, profile->sealed_token);
    return *token ? ERR_NONE : fail(actor, MSG_SECRET_UNREADABLE, profile->name, NULL);
}

const char *profile_masked_token(struct actor *actor, const struct profile *profile)
{
    if (!profile->sealed_token)
        return "";
    const char *context = secret_context(actor->arena, actor->who.workspace_id, profile->id);
    const char *mask = secret_masked(actor->keyring, actor->arena, context, profile->sealed_token);
    if (mask)
        return mask;
    actor->cache_unfit = true;
    log_error("a stored secret cannot be opened with SECRETS_KEY", LOG_STR("profile_id", profile->id),
              LOG_STR("request_id", actor->request_id));
    return "********";
}

enum error profile_set_token(struct actor *actor, struct profile *profile, const char *token)
{
    if (!token || !*token) {
        profile->sealed_token = NULL;
        return ERR_NONE;
    }
    if (profile->sealed_token && strcmp(token, profile_masked_token(actor, profile)) == 0)
        return ERR_NONE;
    if (secret_mask_shaped(token))
        return fail_field(actor, "auth_token", MSG_MASK, NULL);
    const char *context = secret_context(actor->arena, actor->who.workspace_id, profile->id);
    profile->sealed_token = secret_seal(actor->keyring, actor->arena, context, token);
    return ERR_NONE;
}

/* ---- pointers ---------------------------------------------------------------------------------------------------- */

enum error profile_set_current(struct actor *actor, const char *platform, const char *name)
{
    return db_run(actor->db, &set_current, DB_ARGS(platform, name));
}

/* ---- shared by handlers and commands ---------------------------------------------------------------------------- */

void profile_write(struct actor *actor, struct json_writer *w, const struct profile *p)
{
    json_open_object(w);
    json_string_member(w, "name", p->name);
    json_string_member(w, "description", p->description ? p->description : "");
    json_string_member(w, "base_url", p->base_url ? secret_masked_urls(actor->arena, p->base_url) : "");
    json_string_member(w, "auth_token", profile_masked_token(actor, p));
    json_string_member(w, "model", p->model);
    json_string_member(w, "small_fast_model", p->small_fast_model);
    json_bool_member(w, "is_current", p->is_current);
    json_bool_member(w, "is_default", p->is_default);
    json_string_member(w, "provider", p->provider);
    json_string_member(w, "provider_type", p->provider_type);
    json_string_member(w, "account", p->account);
    json_raw_member(w, "tags", p->tags);
    json_int_member(w, "usage_count", p->usage_count);
    json_bool_member(w, "enabled", p->enabled);
    json_string_member(w, "platform", p->platform);
    json_int_member(w, "revision", p->revision);
    json_close_object(w);
}

/* The variables a switch changes on a developer's machine, by the names Claude Code reads, else by the profile's keys. */
static const char *switch_changes(struct actor *actor, const struct profile *from, const struct profile *to)
{
    static const char *const names[][2] = {{"ANTHROPIC_BASE_URL", "base_url"},
                                           {"ANTHROPIC_AUTH_TOKEN", "auth_token"},
                                           {"ANTHROPIC_MODEL", "model"},
                                           {"ANTHROPIC_SMALL_FAST_MODEL", "small_fast_model"}};
    int column = strcmp(to->platform, "claude") == 0 ? 0 : 1;
    struct buffer out;
    struct json_writer w;
    buffer_init_in(&out, actor->arena, 64 * KIB);
    json_begin(&w, &out);
    json_open_array(&w);
    write_change(&w, names[0][column], from ? secret_masked_urls(actor->arena, from->base_url) : NULL,
                 secret_masked_urls(actor->arena, to->base_url));
    write_change(&w, names[1][column], shown_token(actor, from), shown_token(actor, to));
    write_change(&w, names[2][column], from ? from->model : NULL, to->model);
    write_change(&w, names[3][column], from ? from->small_fast_model : NULL, to->small_fast_model);
    json_close_array(&w);
    const char *text = arena_strdup(actor->arena, out.overflow ? "[]" : buffer_string(&out));
    buffer_free(&out);
    return text;
}

enum error profile_switch(struct actor *actor, const char *platform, const char *name)
{
    struct profile to, from;
    struct pointers pointers;
    enum error error = profile_find(actor, platform, name, true, &to);
    const char *problem = error ? NULL : profile_problem(actor, &to);
    if (problem)
        error = fail(actor, MSG_SWITCH_INVALID, problem, NULL);
    if (!error)
        error = profile_pointers(actor, platform, &pointers);
    if (error)
        return error;
    error = profile_find(actor, platform, pointers.current, false, &from);
    if (error && error != ERR_NOT_FOUND)
        return error;
    bool had = error == ERR_NONE;
    actor->failure.message = MSG_NONE;
    error = profile_set_current(actor, platform, to.name);
    if (!error)
        error = db_run(actor->db, &count_use, DB_ARGS(to.id, number_text(actor, USAGE_COUNT_MAX)));
    const struct audit entry = {.action = "profile.switch",
                                .platform = platform,
                                .target = to.name,
                                .from_config = pointers.current,
                                .to_config = to.name,
                                .changes = switch_changes(actor, had ? &from : NULL, &to)};
    return error ? error : audit_write(actor, &entry);
}

enum error profile_set_enabled(struct actor *actor, const struct profile *before, bool enabled)
{
    struct profile after = *before;
    if (before->enabled == enabled)
        return ERR_NONE;
    after.enabled = enabled;
    return profile_save(actor, enabled ? "enable" : "disable", enabled ? "profile.enable" : "profile.disable", before,
                        &after);
}
