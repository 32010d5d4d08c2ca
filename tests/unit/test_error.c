/* Errors: every code and every message is complete in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "util.h"

static int placeholders(const char *text)
{
    int count = 0;
    while ((text = strstr(text, "{}")) != NULL) {
        count++;
        text += 2;
    }
    return count;
}

static bool has_chinese(const char *text)
{
    uint32_t code;
    while ((code = utf8_next(&text)) != 0)
        if (code >= 0x4e00 && code <= 0x9fff)
            return true;
    return false;
}

static void codes_and_statuses(void **state)
{
    (void)state;
    static const struct {
        enum error error;
        const char *code;
        int status;
    } expected[] = {
        {ERR_NONE, "OK", 200},
        {ERR_VALIDATION, "VALIDATION_ERROR", 400},
        {ERR_AUTHENTICATION, "AUTHENTICATION_ERROR", 401},
        {ERR_AUTHORIZATION, "AUTHORIZATION_ERROR", 403},
        {ERR_NOT_FOUND, "NOT_FOUND", 404},
        {ERR_METHOD, "METHOD_NOT_ALLOWED", 405},
        {ERR_CONFLICT, "CONFLICT", 409},
        {ERR_PRECONDITION, "PRECONDITION_FAILED", 412},
        {ERR_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413},
        {ERR_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415},
        {ERR_RATE_LIMIT, "RATE_LIMIT_EXCEEDED", 429},
        {ERR_INTERNAL, "INTERNAL_SERVER_ERROR", 500},
        {ERR_EXTERNAL, "EXTERNAL_SERVICE_ERROR", 502},
        {ERR_DATABASE, "DATABASE_UNAVAILABLE", 503},
        {ERR_OVERLOADED, "SERVICE_OVERLOADED", 503},
        {ERR_BUSY, "CONFLICT", 409},
    };
    assert_int_equal(ARRAY_SIZE(expected), ERROR_COUNT); /* a new code belongs in this list, too */
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_string_equal(error_code(expected[i].error), expected[i].code);
        assert_int_equal(error_status(expected[i].error), expected[i].status);
    }
}

static void codes_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_BUSY; i++) /* which is a conflict to clients, too */
        for (int j = 0; j < i; j++)
            assert_string_not_equal(error_code((enum error)i), error_code((enum error)j));
}

static void each_code_has_its_general_message(void **state)
{
    (void)state;
    assert_int_equal(error_message(ERR_NONE), MSG_NONE);
    for (int i = ERR_NONE + 1; i < ERROR_COUNT; i++) {
        /* The general messages stand in the order of the codes at the head of the list. */
        assert_int_equal(error_message((enum error)i), MSG_NONE + i);
        assert_int_equal(message_error(error_message((enum error)i)), i);
    }
    assert_int_equal(error_message(ERR_VALIDATION), MSG_VALIDATION);
    assert_int_equal(error_message(ERR_DATABASE), MSG_DATABASE);
}

static void messages_are_complete_in_both_languages(void **state)
{
    (void)state;
    for (int i = MSG_NONE + 1; i < MESSAGE_COUNT; i++) {
        const char *en = message_text((enum message)i, LANGUAGE_EN);
        const char *zh = message_text((enum message)i, LANGUAGE_ZH);
        assert_non_null(en);
        assert_non_null(zh);
        assert_in_range(message_error((enum message)i), ERR_NONE + 1, ERROR_COUNT - 1);
        if (is_blank(en) || has_chinese(en) || !utf8_valid(en, strlen(en)) || has_control(en))
            fail_msg("message %d, English: \"%s\"", i, en);
        if (is_blank(zh) || !has_chinese(zh) || !utf8_valid(zh, strlen(zh)) || has_control(zh))
            fail_msg("message %d, Chinese: \"%s\"", i, zh);
        if (placeholders(en) != placeholders(zh))
            fail_msg("message %d: \"%s\" and \"%s\" take different arguments", i, en, zh);
    }
}

static void known_messages(void **state)
{
    (void)state;
    assert_string_equal(message_text(MSG_NONE, LANGUAGE_EN), "");
    assert_string_equal(message_text(MSG_NONE, LANGUAGE_ZH), "");
    assert_int_equal(message_error(MSG_NONE), ERR_NONE);
    assert_string_equal(message_text(MSG_NOT_FOUND, LANGUAGE_EN), "Not found");
    assert_string_equal(message_text(MSG_NOT_FOUND, LANGUAGE_ZH), "未找到");
    assert_int_equal(message_error(MSG_LOGIN_THROTTLED), ERR_RATE_LIMIT);
    assert_int_equal(message_error(MSG_UPDATE_SOURCE), ERR_EXTERNAL);
}

static void unknown_values_read_as_internal_errors(void **state)
{
    (void)state;
    static const int unknown[] = {-1, 100000};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_string_equal(error_code((enum error)unknown[i]), "INTERNAL_SERVER_ERROR");
        assert_int_equal(error_status((enum error)unknown[i]), 500);
        assert_int_equal(error_message((enum error)unknown[i]), MSG_INTERNAL);
        assert_int_equal(message_error((enum message)unknown[i]), ERR_INTERNAL);
        assert_string_equal(message_text((enum message)unknown[i], LANGUAGE_ZH),
                            message_text(MSG_INTERNAL, LANGUAGE_ZH));
        assert_string_equal(message_text(MSG_NOT_FOUND, (enum language)unknown[i]), "Not found");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_statuses),
        cmocka_unit_test(codes_are_unique),
        cmocka_unit_test(each_code_has_its_general_message),
        cmocka_unit_test(messages_are_complete_in_both_languages),
        cmocka_unit_test(known_messages),
        cmocka_unit_test(unknown_values_read_as_internal_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
