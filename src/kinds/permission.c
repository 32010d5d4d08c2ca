/* Permission: what a CLI may do, must ask for, or may not do, as a rule such as Bash(npm run test:*). */
#include "kind.h"

static const struct column columns[] = {
    {{"effect", FIELD_TEXT, FIELD_REQUIRED, .choices = "allow|ask|deny"}, 0, {"Effect", "效果"}, 0},
    {{"rule", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 4000},
     COLUMN_PARTS | COLUMN_SEARCHED,
     {"Rule", "规则"},
     0},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* It decides what runs without a question. */
const struct kind kind_permission = {
    "permission", {"Permission", "权限规则"}, columns, ON_ALL & ~(ON_CODEX | ON_IFLOW), .write = ACCESS_ADMIN};
