/* Names of models: the same one at every door, and never another family. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "price_name.h"
#include "util.h"

static struct price_name read_name(const char *model)
{
    struct price_name name;
    if (!price_name_read(&name, model))
        fail_msg("'%s' is a name", model);
    return name;
}

static void one_key_at_every_door(void **state)
{
    static const char *const cases[][2] = {
        {"claude-sonnet-4-5", "claude-sonnet-4-5"},
        {"claude-sonnet-4.5", "claude-sonnet-4-5"},
        {"Claude-Sonnet-4.5", "claude-sonnet-4-5"},
        {"  claude-sonnet-4-5\n", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5@20250929", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5@default", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5[1m]", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"},
        {"anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"},
        {"openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"},
        {"vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4-5"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"},
        {"us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"},
        {"anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"},
        {"bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0[1m]", "claude-sonnet-4-5"},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "claude-sonnet-4-5"},
        {"custom:Claude-Sonnet-4.5-[Proxy]-0", "claude-sonnet-4-5"},
        {"Claude-Sonnet-4-[Anthropic]", "claude-sonnet-4"},
        {"custom:GLM-4.6-[Z.AI/Coding]-12", "glm-4-6"},
        {"custom:gpt-5-[Proxy]-0", "gpt-5"},
        {"anthropic.claude-opus-4-6-v1", "claude-opus-4-6"},
        {"anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"},
        {"anthropic.claude-v2:1", "claude-v2:1"},
        {"claude-v2", "claude-v2"},
        {"gpt-5.4", "gpt-5-4"},
        {"openai/gpt-5.1-codex-max", "gpt-5-1-codex-max"},
        {"azure/eu/gpt-5.1", "gpt-5-1"},
        {"gpt-3.5-turbo-0125", "gpt-3-5-turbo-0125"},
        {"models/gemini-2.5-pro", "gemini-2-5-pro"},
        {"dashscope/qwen3-coder-plus", "qwen3-coder-plus"},
        {"qwen.qwen3-coder-480b-a35b-v1:0", "qwen3-coder-480b-a35b"},
        {"together_ai/Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3-coder-480b-a35b-instruct-fp8"},
        {"accounts/fireworks/models/kimi-k2-instruct", "kimi-k2-instruct"},
        {"moonshotai/Kimi-K2-0905", "kimi-k2-0905"},
        {"deepseek/deepseek-v3.2", "deepseek-v3-2"},
        {"模型-1.5", "模型-1-5"},
        {"<synthetic>", "<synthetic>"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct price_name name = read_name(cases[i][0]);
        assert_string_equal(name.key, cases[i][1]);
        assert_string_equal(read_name(name.key).key, name.key); /* it means itself */
        assert_string_equal(read_name(name.shown).key, name.key);
    }
}

/* What costs something else keeps its own key. */
static void never_another_model(void **state)
{
    static const char *const pairs[][2] = {
        {"gpt-4o-2024-05-13", "gpt-4o"},
        {"grok-4-fast", "grok-4"},
        {"grok-code-fast-1", "grok-code-1"},
        {"xai/grok-4-1-fast", "grok-4-1"},
        {"claude-fast", "claude"},
        {"openrouter/deepseek/deepseek-r1:free", "deepseek-r1"},
        {"qwen3-coder:30b", "qwen3-coder"},
        {"anthropic.claude-v2:1", "claude"},
        {"claude-v1", "claude"},
        {"deepseek-v3", "deepseek"},
        {"text-embedding-v4", "text-embedding"},
        {"claude-sonnet-4-5-thinking", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5", "claude-sonnet-4"},
        {"gpt-5-mini", "gpt-5"},
        {"gpt-5.1", "gpt-5"},
        {"gpt-51", "gpt-5.1"},
        {"glm-4.6", "glm-4"},
        {"model-20251399", "model"},
        {"model-19990101", "model"},
        {"model-120250929", "model-1"},
        {"gemini-2.5-pro[2m]", "gemini-2.5-pro"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        assert_string_not_equal(read_name(pairs[i][0]).key, read_name(pairs[i][1]).key);
}

static void what_it_says_besides(void **state)
{
    (void)state;
    assert_true(read_name("claude-opus-4-6-fast").fast);
    assert_string_equal(read_name("claude-opus-4-6-fast").key, "claude-opus-4-6");
    assert_true(read_name("openrouter/anthropic/claude-opus-4.6-fast").fast);
    assert_true(read_name("claude-opus-4-6-20260205-fast[1m]").fast);
    assert_false(read_name("claude-opus-4-6").fast);
    assert_false(read_name("grok-4-fast").fast);

    assert_true(read_name("gpt-5.4").bare && read_name("gpt-5.4").whole);
    assert_true(read_name("GPT-5.4").whole);
    assert_true(read_name("claude-sonnet-4-5-20250929").bare);
    assert_false(read_name("claude-sonnet-4-5-20250929").whole);
    assert_false(read_name("openai/gpt-5.4").bare);
    assert_false(read_name("us.anthropic.claude-opus-4-6-v1").bare);

    assert_string_equal(read_name("OpenAI/GPT-5.4").shown, "gpt-5.4");
    assert_string_equal(read_name("claude-3.7-sonnet").shown, "claude-3.7-sonnet");
}

static void what_is_no_name(void **state)
{
    static const char *const cases[] = {
        NULL, "", "  ", "123", "openai/", "/", "4.5", "claude opus", "a\x01", "a\xff", "anthropic.\tclaude"};
    char longest[PRICE_NAME_MAX + 2];
    struct price_name name;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_false(price_name_read(&name, cases[i]));
        assert_string_equal(name.key, "");
    }
    memset(longest, 'a', sizeof longest);
    longest[PRICE_NAME_MAX + 1] = '\0';
    assert_false(price_name_read(&name, longest));
    longest[PRICE_NAME_MAX] = '\0';
    assert_true(price_name_read(&name, longest));
    assert_int_equal(strlen(name.key), PRICE_NAME_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key_at_every_door),
        cmocka_unit_test(never_another_model),
        cmocka_unit_test(what_it_says_besides),
        cmocka_unit_test(what_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
