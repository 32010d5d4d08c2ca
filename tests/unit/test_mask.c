/* Masks of values: what is hidden, what is not, and that a mask never becomes a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "mask.h"
#include "util.h"

#define KEY "sk-ant-1234567890abcdefWXYZ"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(4 * MIB);
    json_use_arena(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

static json_t *parsed(const char *text)
{
    struct json_failure failure;
    json_t *value = json_parse(text, strlen(text), &failure);
    assert_non_null(value);
    return value;
}

static void parts_of_texts(void **state)
{
    static const char *const cases[][2] = {
        {"npx -y @scope/server-files /home/dev", "npx -y @scope/server-files /home/dev"},
        {"--api-key " KEY, "--api-key sk-a...WXYZ"},
        {"--api-key=" KEY " --level=1", "--api-key=sk-a...WXYZ --level=1"},
        {"--token ${TOKEN}", "--token ${TOKEN}"},
        {"TOKEN=" KEY, "TOKEN=sk-a...WXYZ"},
        {"curl -H \"X-Api-Key: " KEY "\" -d '{}'", "curl -H \"X-Api-Key: sk-a...WXYZ\" -d '{}'"},
        {"-H 'Authorization: Bearer " KEY "'", "-H 'Authorization: Bearer sk-a...WXYZ'"},
        {"https://u:pass@host/x", "https://***@host/x"},
        {"https://host/mcp?token=" KEY "&a=1", "https://host/mcp?token=sk-a...WXYZ&a=***"},
        {"https://host/mcp?key=${KEY}", "https://host/mcp?key=${KEY}"},
        {"https://host/s/a1b2c3d4e5f6a7b8c9d0e1f2/mcp", "https://host/s/a1b2...e1f2/mcp"},
        {"https://host/v1/messages#part", "https://host/v1/messages#part"},
        {"echo ghp_0a1b2c3d4e5f6a7b8c9d", "echo ghp_...8c9d"},
        {"the monkey and the keyboard", "the monkey and the keyboard"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(mask_parts(arena, cases[i][0]), cases[i][1]);
}

static void values(void **state)
{
    static const char *const cases[][3] = {
        /* as a whole or not, value, masked */
        {"whole", "{\"A\":\"" KEY "\",\"B\":\"${B}\",\"C\":\"\",\"n\":1}",
         "{\"A\":\"sk-a...WXYZ\",\"B\":\"${B}\",\"C\":\"\",\"n\":1}"},
        {"whole", "{\"A\":\"ab\"}", "{\"A\":\"***\"}"},
        {"parts", "[\"-y\",\"--api-key\",\"" KEY "\",\"--level\",\"high\"]",
         "[\"-y\",\"--api-key\",\"sk-a...WXYZ\",\"--level\",\"high\"]"},
        {"parts", "{\"deep\":{\"api_token\":\"abc\",\"url\":\"https://h/?k=abcd\"}}",
         "{\"deep\":{\"api_token\":\"***\",\"url\":\"https://h/?k=****\"}}"},
        {"parts", "{\"monkey\":\"abc\"}", "{\"monkey\":\"abc\"}"},
        {"parts", "{\"author\":\"Ada\",\"AUTHORS\":\"Ben\",\"searchPath\":\"/x\",\"keywords\":\"abc\"}",
         "{\"author\":\"Ada\",\"AUTHORS\":\"Ben\",\"searchPath\":\"/x\",\"keywords\":\"abc\"}"},
        {"parts", "{\"authorization\":\"abc\",\"authorToken\":\"abc\",\"author_key\":\"abc\",\"path.pat\":\"abc\"}",
         "{\"authorization\":\"***\",\"authorToken\":\"***\",\"author_key\":\"***\",\"path.pat\":\"***\"}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *masked = mask_value(arena, parsed(cases[i][1]), strcmp(cases[i][0], "whole") == 0);
        assert_string_equal(json_text(arena, masked), cases[i][2]);
    }
}

static const char *undone(bool whole, const char *sent, const char *stored, const char **found)
{
    json_t *value = parsed(stored);
    struct unmask u = {.arena = arena, .whole = whole};
    json_t *back = mask_undo(&u, parsed(sent), mask_value(arena, parsed(stored), whole), value, "env");
    *found = u.found;
    return json_text(arena, back);
}

static void back_again(void **state)
{
    const char *found;
    (void)state;
    assert_string_equal(undone(true, "{\"A\":\"sk-a...WXYZ\",\"B\":\"new\"}", "{\"A\":\"" KEY "\"}", &found),
                        "{\"A\":\"" KEY "\",\"B\":\"new\"}");
    assert_null(found);
    /* An argument is found wherever it stands now. */
    assert_string_equal(undone(false, "[\"--fast\",\"--key\",\"sk-a...WXYZ\"]", "[\"--key\",\"" KEY "\"]", &found),
                        "[\"--fast\",\"--key\",\"" KEY "\"]");
    assert_null(found);
    assert_string_equal(undone(false, "[\"https://h/?t=sk-a...WXYZ\"]", "[\"https://h/?t=" KEY "\"]", &found),
                        "[\"https://h/?t=" KEY "\"]");
    assert_null(found);
}

static void no_mask_becomes_a_value(void **state)
{
    static const char *const cases[][3] = {
        {"whole", "{\"A\":\"sk-o...AAAA\"}", "env.A"},
        {"whole", "{\"A\":\"********\"}", "env.A"},
        {"parts", "[\"--key\",\"sk-o...AAAA\"]", "env[1]"},
        {"parts", "[\"--key=sk-o...AAAA\"]", "env[0]"},
        {"parts", "[\"https://h/?t=sk-o...AAAA\"]", "env[0]"},
        {"parts", "[\"https://***@h/\"]", "env[0]"},
        {"parts", "[\"https://h/a1b2...e1f2/mcp\"]", "env[0]"},
        {"parts", "[\"a line with --token sk-o...AAAA in it\"]", "env[0]"},
    };
    const char *found;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool whole = strcmp(cases[i][0], "whole") == 0;
        undone(whole, cases[i][1], whole ? "{\"A\":\"" KEY "\"}" : "[\"" KEY "\"]", &found);
        assert_non_null(found);
        assert_string_equal(found, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_texts),
        cmocka_unit_test(values),
        cmocka_unit_test(back_again),
        cmocka_unit_test(no_mask_becomes_a_value),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
