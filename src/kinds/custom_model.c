/* Custom model: one that the CLI does not know by itself, with its address and key (Droid's customModels, Qwen's modelProviders). */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"model", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 200}, COLUMN_SEARCHED, {"Model", "模型"}, 0},
    {{"provider", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 100}, COLUMN_SEARCHED, {"Provider", "提供商"}, 0},
    {{"base_url", FIELD_URL, FIELD_TRIM, .max = 2000}, COLUMN_PARTS | COLUMN_SEARCHED, {"Address", "地址"}, 0},
    {{"api_key", FIELD_KEY, FIELD_TRIM, .max = 16 * KIB}, COLUMN_SECRET, {"Key", "密钥"}, ON_DROID},
    {{"env_key", FIELD_TEXT, FIELD_TRIM, .max = 200}, COLUMN_PARTS, {"Variable with the key", "密钥环境变量"}, ON_QWEN},
    {{"max_output_tokens", FIELD_INT, .min = 1, .max = 100000000},
     0,
     {"Most tokens of an answer", "最大输出令牌数"},
     ON_DROID},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, ON_QWEN},
    {{"extra_headers", FIELD_MAP, .max = 50}, COLUMN_SECRET, {"Headers", "请求头"}, 0},
    {{"extra_args", FIELD_OBJECT}, COLUMN_PARTS, {"Parameters", "参数"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_custom_model = {"custom_model", {"Custom model", "自定义模型"}, columns, ON_QWEN | ON_DROID};
