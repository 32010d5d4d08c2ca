/* Status line: a command whose first line of output the CLI shows. */
#include "kind.h"

static const struct column columns[] = {
    {{"command", FIELD_TEXT, FIELD_REQUIRED, .max = 8000}, COLUMN_PARTS | COLUMN_SEARCHED, {"Command", "命令"}, 0},
    {{"padding", FIELD_INT, .min = 0, .max = 100}, 0, {"Padding", "内边距"}, ON_CLAUDE | ON_DROID},
    {{"refresh_interval_s", FIELD_INT, .min = 1, .max = 86400}, 0, {"Refresh every (s)", "刷新间隔（秒）"}, ON_CLAUDE},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* It runs on every machine of the team. */
const struct kind kind_statusline = {
    "statusline", {"Status line", "状态栏"}, columns, ON_CLAUDE | ON_QWEN | ON_DROID, .write = ACCESS_ADMIN};
