/* Check-in provider: a relay where accounts check in each day for something in return. No CLI reads it; it stands under Claude Code, as
 * every kind stands somewhere. */
#include "kind.h"
#include "resource.h"
#include "util.h"

enum { PATH_MAX_LENGTH = 500 };

static const struct column columns[] = {
    {{"base_url", FIELD_URL, FIELD_REQUIRED | FIELD_TRIM, .max = 2000},
     COLUMN_PARTS | COLUMN_SEARCHED,
     {"Address", "地址"},
     0},
    {{"checkin_path", FIELD_TEXT, FIELD_TRIM, .max = PATH_MAX_LENGTH}, COLUMN_PARTS, {"Path: check-in", "签到路径"}, 0},
    {{"balance_path", FIELD_TEXT, FIELD_TRIM, .max = PATH_MAX_LENGTH}, COLUMN_PARTS, {"Path: balance", "余额路径"}, 0},
    {{"user_info_path", FIELD_TEXT, FIELD_TRIM, .max = PATH_MAX_LENGTH},
     COLUMN_PARTS,
     {"Path: user", "用户信息路径"},
     0},
    {{"auth_header", FIELD_TEXT, FIELD_TRIM, .max = 100}, 0, {"Header", "认证请求头"}, 0},
    {{"auth_prefix", FIELD_TEXT, FIELD_TRIM, .max = 100}, 0, {"Before the key", "认证前缀"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

static void check(struct actor *actor, const char *platform, json_t *values)
{
    static const char *const paths[] = {"checkin_path", "balance_path", "user_info_path"};
    (void)platform;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        const char *path = json_text_at(values, paths[i]);
        if (path && *path && (*path != '/' || has_white_space(path) || has_control(path)))
            fail_field(actor, paths[i], MSG_CHECKIN_PATH, NULL);
    }
}

/* Its accounts would lead nowhere. */
static enum error leaves(struct actor *actor, const struct resource *r)
{
    static const struct statement find = {"checkin_account_of",
                                          "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace())"
                                          " AND kind = 'checkin_account' AND listed->>'provider_id' = $1 LIMIT 1"};
    struct row row;
    enum error error = db_one(actor->db, &find, &row, DB_ARGS(r->id));
    if (!error)
        return fail(actor, MSG_CHECKIN_HAS_ACCOUNTS, row_text(&row, 0), NULL);
    return error == ERR_NOT_FOUND ? ERR_NONE : error;
}

const struct kind kind_checkin_provider = {
    "checkin_provider", {"Check-in provider", "签到提供商"}, columns, ON_CLAUDE, KIND_ANY_NAME, .check = check,
    .leaves = leaves};
