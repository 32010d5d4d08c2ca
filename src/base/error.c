/* Errors: lookups in the tables that error.h spells out. */
#include "error.h"

#include <stddef.h>

static const struct {
    const char *code;
    int status;
} errors[ERROR_COUNT] = {[ERR_NONE] = {"OK", 200},
#define X(name, code, status) [name] = {code, status},
                         ERROR_LIST(X)
#undef X
};

static const struct {
    enum error error;
    const char *text[LANGUAGE_COUNT];
} messages[MESSAGE_COUNT] = {[MSG_NONE] = {ERR_NONE, {"", ""}},
#define X(name, code, en, zh) [name] = {code, {[LANGUAGE_EN] = (en), [LANGUAGE_ZH] = (zh)}},
                             MESSAGE_LIST(X)
#undef X
};

/* A value that no table knows must neither crash a worker nor pass as success. */
static enum error known(enum error error)
{
    return (size_t)error < ERROR_COUNT ? error : ERR_INTERNAL;
}

const char *error_code(enum error error)
{
    return errors[known(error)].code;
}

int error_status(enum error error)
{
    return errors[known(error)].status;
}

enum message error_message(enum error error)
{
    /* The general messages come first in the list, so the first of a code is the general one. */
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (messages[i].error == known(error))
            return (enum message)i;
    return MSG_INTERNAL;
}

enum error message_error(enum message message)
{
    return (size_t)message < MESSAGE_COUNT ? messages[message].error : ERR_INTERNAL;
}

const char *message_text(enum message message, enum language language)
{
    if ((size_t)message >= MESSAGE_COUNT)
        message = MSG_INTERNAL;
    if ((size_t)language >= LANGUAGE_COUNT)
        language = LANGUAGE_EN;
    return messages[message].text[language];
}
