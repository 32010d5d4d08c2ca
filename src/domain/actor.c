/* Actor: failures put into words, roles by name. */
#include "actor.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

enum { FIELD_LIST_MAX = 4 * KIB };

const char *const role_names[ROLE_COUNT] = {"none", "viewer", "editor", "admin", "owner"};

enum role role_from_name(const char *name)
{
    for (int i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        if (name && strcmp(name, role_names[i]) == 0)
            return (enum role)i;
    return ROLE_NONE;
}

char *secret_context(struct arena *arena, const char *owner_id, const char *row_id)
{
    size_t length = strlen(owner_id);
    char *context = arena_alloc(arena, length + 1 + strlen(row_id) + 1);
    char *end = mempcpy(mempcpy(context, owner_id, length), "/", 1);
    memcpy(end, row_id, strlen(row_id) + 1);
    return context;
}

void actor_is_user(struct actor *actor, const char *user_id, const char *username)
{
    snprintf(actor->who.user_id, sizeof actor->who.user_id, "%s", user_id);
    snprintf(actor->who.username, sizeof actor->who.username, "%s", username);
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

/* Replaces each "{}" by the next argument; the list ends with NULL, missing ones become "". */
static const char *put_into_words(struct actor *actor, enum message message, va_list args)
{
    const char *pattern = message_text(message, actor->language);
    const char *parts[8];
    size_t size = strlen(pattern) + 1, count = 0;
    for (const char *arg; count < ARRAY_SIZE(parts) && (arg = va_arg(args, const char *));) {
        parts[count++] = arg;
        size += strlen(arg);
    }
    char *text = arena_alloc(actor->arena, size), *end = text;
    for (size_t used = 0; *pattern;) {
        if (pattern[0] == '{' && pattern[1] == '}') {
            const char *part = used < count ? parts[used++] : "";
            size_t length = strlen(part);
            memcpy(end, part, length);
            end += length;
            pattern += 2;
        } else {
            *end++ = *pattern++;
        }
    }
    *end = '\0';
    return text;
}

const char *translate(struct actor *actor, enum message message, ...)
{
    va_list args;
    va_start(args, message);
    const char *text = put_into_words(actor, message, args);
    va_end(args);
    return text;
}

const char *number_text(struct actor *actor, long long value)
{
    char digits[DECIMAL_TEXT];
    return arena_strdup(actor->arena, decimal(digits, value));
}

enum error fail(struct actor *actor, enum message message, ...)
{
    va_list args;
    va_start(args, message);
    actor->failure.message = message;
    actor->failure.text = put_into_words(actor, message, args);
    va_end(args);
    return message_error(message);
}

/* The general message names the fields too: old clients show only that. */
static enum error list_field(struct actor *actor, const struct field_failure *added)
{
    struct failure *failure = &actor->failure;
    if (added == failure->fields)
        buffer_init_in(&failure->field_list, actor->arena, FIELD_LIST_MAX);
    buffer_printf(&failure->field_list, "%s%s %s", added == failure->fields ? "" : "; ", added->field, added->message);
    return fail(actor, MSG_FIELDS, buffer_string(&failure->field_list), NULL);
}

enum error fail_field(struct actor *actor, const char *field, enum message message, ...)
{
    va_list args;
    struct failure *failure = &actor->failure;
    if (++failure->field_count > FIELDS_MAX)
        return ERR_VALIDATION;
    va_start(args, message);
    struct field_failure *added = arena_alloc(actor->arena, sizeof *added);
    if (failure->within)
        added->field = arena_printf(actor->arena, *field ? "%s.%s" : "%s", failure->within, field);
    else
        added->field = arena_strdup(actor->arena, field);
    added->message = put_into_words(actor, message, args);
    va_end(args);
    if (failure->last_field)
        failure->last_field->next = added;
    else
        failure->fields = added;
    failure->last_field = added;
    return list_field(actor, added);
}

void rename_fields(struct actor *actor, field_namer *named, const void *data)
{
    for (struct field_failure *each = actor->failure.fields; each; each = each->next) {
        each->field = named(actor, data, each->field);
        list_field(actor, each);
    }
}

const char *failure_said(const struct actor *actor, enum error error)
{
    enum message message = actor->failure.message;
    return message != MSG_NONE && message_error(message) == error ? actor->failure.text : NULL;
}
