/* Event text: notifications taken apart, messages made. */
#include "../test.h"

#include <string.h>

#include "event_text.h"

#define WORKSPACE "11111111-2222-4333-8444-555555555555"
#define USER      "22222222-2222-4333-8444-555555555555"
#define IDS       WORKSPACE " " USER

static char *written(struct buffer *out, enum event_dialect dialect, const char *payload)
{
    struct event_news news;
    buffer_init(out, 65536);
    assert_true(event_read(payload, &news));
    assert_string_equal(news.workspace, WORKSPACE);
    assert_string_equal(news.user, USER);
    event_name(&news, "team", "eve");
    event_write(out, dialect, &news);
    json_decref(news.change);
    return out->data;
}

static void tells_the_console_what_came(void **state)
{
    struct buffer out;
    (void)state;
    assert_string_equal(
        written(&out, EVENT_CONSOLE, IDS " {\"names\": [\"a\\\"b\"], \"count\": 1}"),
        "{\"type\":\"Changed\",\"data\":{\"names\":[\"a\\\"b\"],\"count\":1,\"workspace\":\"team\",\"by\":\"eve\"}}");
    buffer_free(&out);
}

static void tells_ccr_ui_a_line(void **state)
{
    struct buffer out;
    (void)state;
    const char *text = written(&out, EVENT_CCR_UI,
                               IDS " {\"change\":\"update\",\"kind\":\"hook\",\"platform\":\"claude\","
                                   "\"names\":[\"x\",\"y\"],\"count\":2}");
    assert_non_null(strstr(text, "\"source\":\"team\",\"message\":\"eve: update hook (claude) x, y\""));
    buffer_free(&out);
    text = written(&out, EVENT_CCR_UI, IDS " {\"names\":[],\"count\":9000}");
    assert_non_null(strstr(text, "eve: ? ? (?) ×9000"));
    buffer_free(&out);
}

/* Amounts come back as they were, 0.07 not as 0.070000000000000007. */
static void tells_of_a_budget(void **state)
{
    static const char payload[] = IDS " {\"budget\":\"b\",\"level\":50,\"spent\":0.07,\"amount\":0.1}";
    struct buffer out;
    (void)state;
    assert_string_equal(written(&out, EVENT_CONSOLE, payload),
                        "{\"type\":\"BudgetReached\",\"data\":{\"budget\":\"b\",\"level\":50,\"spent\":0.07,"
                        "\"amount\":0.1,\"workspace\":\"team\",\"by\":\"eve\"}}");
    buffer_free(&out);
    assert_non_null(strstr(written(&out, EVENT_CCR_UI, payload), "\"message\":\"budget b: 50 % ($0.07 of $0.10)\""));
    buffer_free(&out);
}

static void passes_over_what_is_not_ours(void **state)
{
    static const char *const payloads[] = {
        "",        " {}",    WORKSPACE, WORKSPACE " ", WORKSPACE " {}",
        IDS " []", IDS " {", IDS "{}",  IDS,           "zzzzzzzz-2222-4333-8444-555555555555 - {}",
    };
    struct event_news news;
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        assert_false(event_read(payloads[i], &news));
        assert_null(news.change);
    }
}

static void answers_a_ping_only(void **state)
{
    (void)state;
    assert_string_equal(event_answer("{\"type\":\"Ping\"}", 15), "{\"type\":\"Pong\"}");
    assert_null(event_answer("{\"type\":\"Pong\"}", 15));
    assert_null(event_answer("[]", 2));
    assert_null(event_answer("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_console_what_came), cmocka_unit_test(tells_ccr_ui_a_line),
        cmocka_unit_test(tells_of_a_budget),           cmocka_unit_test(passes_over_what_is_not_ours),
        cmocka_unit_test(answers_a_ping_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
