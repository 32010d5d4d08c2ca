/* Marketplace: where plugins come from. */
#include "kind.h"

static const struct column columns[] = {
    {{"source", FIELD_TEXT, FIELD_REQUIRED, .choices = "github|git|url|file|directory|local"},
     0,
     {"Source", "来源"},
     0},
    {{"location", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 2000},
     COLUMN_PARTS | COLUMN_SEARCHED,
     {"Location", "位置"},
     0},
    {{"ref", FIELD_TEXT, FIELD_TRIM, .max = 200}, 0, {"Branch or tag", "分支或标签"}, 0},
    {{"headers", FIELD_MAP, .max = 50}, COLUMN_SECRET, {"Headers", "请求头"}, ON_CLAUDE},
    {{"auto_update", FIELD_BOOL}, 0, {"Update by itself", "自动更新"}, ON_CLAUDE},
    {{0}, 0, {NULL, NULL}, 0},
};

/* What comes from it runs on every machine of the team. */
const struct kind kind_marketplace = {
    "marketplace", {"Marketplace", "插件市场"}, columns, ON_CLAUDE | ON_CODEX | ON_DROID, .write = ACCESS_ADMIN};
