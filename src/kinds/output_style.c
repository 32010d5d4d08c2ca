/* Output style: how the CLI talks, as an addition to its own instructions or in their place. */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"keep_coding_instructions", FIELD_BOOL}, 0, {"Keep the instructions for coding", "保留编码指令"}, ON_CLAUDE},
    {{"text", FIELD_TEXT, FIELD_REQUIRED, .max = 256 * KIB}, COLUMN_UNLISTED, {"Text", "内容"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_output_style = {
    "output_style", {"Output style", "输出风格"}, columns, ON_CLAUDE | ON_QWEN | ON_IFLOW};
