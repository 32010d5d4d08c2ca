/* Plugin: switched on by its name and the marketplace that has it ("formatter@team"); an extension in Gemini and Qwen. */
#include "kind.h"

static const struct column columns[] = {
    {{"marketplace", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 200}, COLUMN_SEARCHED, {"Marketplace", "市场"}, 0},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"version", FIELD_TEXT, FIELD_TRIM, .max = 100}, 0, {"Version", "版本"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* It runs on every machine of the team. */
const struct kind kind_plugin = {"plugin", {"Plugin", "插件"}, columns, ON_ALL & ~ON_IFLOW, .write = ACCESS_ADMIN};
