/* Check-in account: somebody's login at a check-in provider, as the cookies of a browser. */
#include <string.h>

#include "kind.h"
#include "resource.h"
#include "util.h"

static const struct column columns[] = {
    {{"provider_id", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 36}, 0, {"Provider (its id)", "提供商 ID"}, 0},
    {{"cookies", FIELD_MAP, .max = 50}, COLUMN_SECRET, {"Cookies", "Cookie"}, 0},
    {{"api_user", FIELD_KEY, FIELD_TRIM, .max = 200}, COLUMN_SEARCHED, {"User number", "用户编号"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* RFC 6265 section 4.1.1, but for quotes, which servers set and want back. */
static bool is_cookie(const char *name, const char *value)
{
    return *name && !strpbrk(name, "()<>@,;:\\\"/[]?={}") && !has_white_space(name) && !has_control(name) &&
           !strchr(value, ';') && !has_control(value);
}

static void check(struct actor *actor, const char *platform, json_t *values)
{
    const char *name, *id = json_text_at(values, "provider_id");
    json_t *value;
    (void)platform;
    if (id && !uuid_valid(id))
        fail_field(actor, "provider_id", MSG_CHECKIN_PROVIDER, NULL);
    json_object_foreach(json_object_get(values, "cookies"), name, value)
    {
        if (json_is_string(value) && !is_cookie(name, json_string_value(value)))
            fail_field(actor, arena_printf(actor->arena, "cookies.%s", name), MSG_CHECKIN_COOKIE, NULL);
    }
}

/* What was recorded of it goes, too. */
static enum error leaves(struct actor *actor, const struct resource *r)
{
    static const struct statement forget = {"checkin_forget",
                                            "WITH records AS (DELETE FROM checkin_records WHERE account_id = $1::uuid)"
                                            " DELETE FROM checkin_balances WHERE account_id = $1::uuid"};
    return db_run(actor->db, &forget, DB_ARGS(r->id));
}

const struct kind kind_checkin_account = {
    "checkin_account", {"Check-in account", "签到账号"}, columns, ON_CLAUDE, KIND_ANY_NAME, .check = check,
    .leaves = leaves};
