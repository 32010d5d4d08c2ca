/* Usage, cost, budget and sessions, as CCR UI reads them. What this server does not count is nothing here, in the shape that the
 * page needs; how often profiles were chosen it does count. */
#include <string.h>
#include <time.h>

#include "json.h"
#include "ui_page.h"
#include "util.h"

extern const struct kind kind_profile;

enum { DAYS_DEFAULT = 30, DAYS_MAX = 365, LIMIT_MAX = 50000, DAY = 24 * 60 * 60 };

#define NOW "\"$now\""

#define COST                                                                                                           \
    "{\"total_cost\":0,\"record_count\":0,\"token_stats\":{\"total_input_tokens\":0,\"total_output_tokens\":0,"        \
    "\"total_cache_tokens\":0,\"cache_efficiency\":0},\"by_provider\":{},\"by_model\":{},\"by_project\":{},"           \
    "\"trend\":null}"
#define WINDOW "{\"total_input_tokens\":0,\"total_output_tokens\":0,\"total_requests\":0}"

static const char *const cost = COST, *const object = "{}", *const array = "[]";
static const char *const summary = "{\"today_cost\":0,\"week_cost\":0,\"month_cost\":0,\"total_sessions\":0}";
static const char *const heatmap = "{\"data\":{},\"max_value\":0,\"total_tokens\":0,\"active_days\":0}";
static const char *const budget =
    "{\"enabled\":false,\"daily_limit\":null,\"weekly_limit\":null,\"monthly_limit\":null,\"warn_threshold\":80,"
    "\"current_costs\":{\"today\":0,\"this_week\":0,\"this_month\":0},\"warnings\":[],\"last_updated\":" NOW "}";
static const char *const records = "{\"records\":[],\"total_records\":0,\"truncated\":false}";
static const char *const sessions = "{\"total\":0,\"by_platform\":{}}";
static const char *const codex = "{\"success\":true,\"data\":{\"five_hour\":" WINDOW ",\"seven_day\":" WINDOW
                                 ",\"all_time\":" WINDOW ",\"by_model\":{}},\"message\":null}";

static const struct field range_query[] = {{"range", FIELD_TEXT, .choices = "today|week|month"}, {0}};
static const struct field records_query[] = {
    {"platform", FIELD_TEXT, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    {"limit", FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {0}};
static const struct field sessions_query[] = {
    {"platform", FIELD_TEXT, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    {"limit", FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {"offset", FIELD_INT, .min = 0, .max = LIMIT_MAX},
    {0}};
static const struct field days_query[] = {{"days", FIELD_INT, .min = 1, .max = DAYS_MAX}, {0}};

/* In UTC, `ago` seconds back. */
static const char *when(struct actor *actor, long long ago)
{
    char text[TIME_TEXT];
    time_text(text, (struct timespec){.tv_sec = time(NULL) - (time_t)ago});
    return arena_strdup(actor->arena, text);
}

static const char *day(struct actor *actor, long long ago)
{
    enum { DATE = 10 };
    return arena_strndup(actor->arena, when(actor, ago * DAY), DATE);
}

static enum error say(struct request *rq, struct response *rs)
{
    const char *const *text = rq->route->data;
    const char *now = strstr(*text, NOW);
    json_put_raw(respond_begin_bare(rs, 200), now ? arena_printf(rq->actor.arena, "%.*s\"%s\"%s", (int)(now - *text),
                                                                 *text, when(&rq->actor, 0), now + strlen(NOW))
                                                  : *text);
    return respond_end(rs);
}

static enum error sessions_by_day(struct request *rq, struct response *rs)
{
    static const char *const shown[] = {"claude", "codex", "gemini"};
    long long days = DAYS_DEFAULT;
    parse_int(request_query_or(rq, "days", ""), 1, DAYS_MAX, &days); /* left alone when there is no number */
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "daily_stats");
    json_open_array(w);
    for (; days >= 0; days--) {
        json_open_object(w);
        json_string_member(w, "date", day(&rq->actor, days));
        for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
            json_key(w, shown[i]);
            json_put_raw(w, "{\"sessions\":0,\"messages\":0,\"tokens\":0,\"duration_seconds\":0}");
        }
        json_close_object(w);
    }
    json_close_array(w);
    json_raw_member(w, "summary",
                    "{\"total_sessions\":0,\"total_messages\":0,\"total_duration_seconds\":0,\"by_platform\":{}}");
    json_string_member(w, "last_updated", when(&rq->actor, 0));
    return respond_end(rs);
}

/* How often profiles were chosen, by their provider. */
static enum error uses_by_provider(struct request *rq, struct response *rs)
{
    static const struct statement sum_uses = {
        "ui_uses", "SELECT coalesce(nullif(listed->>'provider', ''), 'unknown') AS provider, sum(uses)::bigint"
                   " FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
                   " GROUP BY 1 ORDER BY 1"};
    struct rows rows;
    struct place place;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = db_all(rq->actor.db, &sum_uses, &rows, DB_ARGS(place.kind->name, place.platform));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        json_key(w, row_string(&row, 0));
        json_put_int(w, row_int(&row, 1));
    }
    return respond_end(rs);
}

#define EMPTY(path, text, ...)                                                                                         \
    {                                                                                                                  \
        METHOD_GET, path, say, ACCESS_VIEWER, .data = &(text), __VA_ARGS__                                             \
    }

const struct route ui_usage_routes[] = {
    EMPTY("/api/stats/cost", cost, .query = range_query),
    EMPTY("/api/stats/cost/today", cost),
    EMPTY("/api/stats/cost/week", cost),
    EMPTY("/api/stats/cost/month", cost),
    EMPTY("/api/stats/cost/trend", array, .query = range_query),
    EMPTY("/api/stats/cost/by-model", object, .query = range_query),
    EMPTY("/api/stats/cost/by-project", object, .query = range_query),
    EMPTY("/api/stats/cost/top-sessions", array),
    EMPTY("/api/stats/summary", summary),
    EMPTY("/api/stats/heatmap", heatmap),
    EMPTY("/api/budget/status", budget),
    EMPTY("/api/usage/records", records, .query = records_query),
    EMPTY("/api/sessions", array, .query = sessions_query),
    EMPTY("/api/sessions/stats", sessions),
    EMPTY("/api/codex/usage", codex),
    {METHOD_GET, "/api/sessions/stats/daily", sessions_by_day, ACCESS_VIEWER, .query = days_query},
    {METHOD_GET, "/api/stats/provider-usage", uses_by_provider, ACCESS_VIEWER, .query = resource_platform_query,
     .data = &kind_profile},
    {0},
};
