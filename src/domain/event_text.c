/* Event text: JSON of the messages. */
#include "event_text.h"

#include <stdlib.h>
#include <string.h>

#include "event_access.h"
#include "util.h"

enum { MESSAGE_MAX = 8 * KIB }; /* of a line: what a notification can name */

/* An id and the blank behind it; what comes then, or NULL. */
static const char *take_id(const char *text, char out[UUID_TEXT])
{
    size_t length = strcspn(text, " ");
    if (length >= UUID_TEXT || text[length] != ' ')
        return NULL;
    memcpy(out, text, length);
    out[length] = '\0';
    return text + length + 1;
}

bool event_read(const char *payload, struct event_news *out)
{
    struct json_failure failure;
    *out = (struct event_news){0};
    const char *rest = take_id(payload, out->workspace);
    const char *text = rest ? take_id(rest, out->user) : NULL;
    bool nobody = strcmp(out->user, "-") == 0;
    if (!text || !uuid_valid(out->workspace) || (!nobody && !uuid_valid(out->user)))
        return false;
    if (nobody)
        out->user[0] = '\0';
    out->change = json_parse(text, strlen(text), &failure);
    if (json_is_object(out->change))
        return true;
    json_decref(out->change);
    out->change = NULL;
    return false;
}

void event_name(struct event_news *news, const char *slug, const char *username)
{
    json_object_set_new(news->change, "workspace", json_string(slug));
    json_object_set_new(news->change, "by", username ? json_string(username) : json_null());
}

static const char *member(const struct event_news *news, const char *name)
{
    const char *text = json_text_at(news->change, name);
    return text ? text : "?";
}

static void write_value(struct json_writer *w, const json_t *value)
{
    enum { DIGITS = 15 }; /* of an amount, which would have 17 else */
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS));
    json_put_raw(w, text);
    free(text);
}

/* ---- the console ------------------------------------------------------------------------------------------------ */

/* sql/migrations/0037_budgets.up.sql */
static bool is_of_budget(const struct event_news *news)
{
    return json_is_string(json_object_get(news->change, "budget"));
}

static void write_changed(struct json_writer *w, const struct event_news *news)
{
    json_open_object(w);
    json_string_member(w, "type", is_of_budget(news) ? "BudgetReached" : "Changed");
    json_literal_key(w, "data");
    write_value(w, news->change);
    json_close_object(w);
}

/* ---- CCR UI ----------------------------------------------------------------------------------------------------- */

/* What its page shows as a line; `metadata` is what follows, and the object that the caller closes. */
static void open_line(struct json_writer *w, const char *id, const char *time, const char *source, const char *message)
{
    json_open_object(w);
    json_string_member(w, "id", id);
    json_string_member(w, "timestamp", time);
    json_string_member(w, "level", "info");
    json_string_member(w, "source", source);
    json_string_member(w, "message", message);
    json_literal_key(w, "metadata");
}

static void open_message(struct json_writer *w, const char *type)
{
    json_open_object(w);
    json_string_member(w, "type", type);
    json_literal_key(w, "data");
}

/* Of something that happens now. */
static void open_log(struct json_writer *w, const char *source, const char *message)
{
    char id[UUID_TEXT], time[TIME_TEXT];
    random_uuid(id);
    time_now_text(time);
    open_message(w, "Log");
    open_line(w, id, time, source, message);
}

static void close_log(struct json_writer *w)
{
    json_close_object(w);
    json_close_object(w);
}

static void write_budget_log(struct json_writer *w, const struct event_news *news)
{
    struct buffer message;
    buffer_init(&message, MESSAGE_MAX);
    buffer_printf(&message, "budget %s: %lld %% ($%.2f of $%.2f)", member(news, "budget"),
                  (long long)json_integer_value(json_object_get(news->change, "level")),
                  json_number_value(json_object_get(news->change, "spent")),
                  json_number_value(json_object_get(news->change, "amount")));
    open_log(w, member(news, "workspace"), buffer_string(&message));
    write_value(w, news->change);
    close_log(w);
    buffer_free(&message);
}

static void write_log(struct json_writer *w, const struct event_news *news)
{
    struct buffer message;
    const json_t *name;
    size_t i;
    if (is_of_budget(news)) {
        write_budget_log(w, news);
        return;
    }
    buffer_init(&message, MESSAGE_MAX);
    buffer_printf(&message, "%s: %s %s (%s)", member(news, "by"), member(news, "change"), member(news, "kind"),
                  member(news, "platform"));
    json_array_foreach(json_object_get(news->change, "names"), i, name) if (json_is_string(name))
        buffer_printf(&message, "%s %s", i ? "," : "", json_string_value(name));
    if (i == 0)
        buffer_printf(&message, " ×%lld", (long long)json_integer_value(json_object_get(news->change, "count")));
    open_log(w, member(news, "workspace"), buffer_string(&message));
    write_value(w, news->change);
    close_log(w);
    buffer_free(&message);
}

void event_write(struct buffer *out, enum event_dialect dialect, const struct event_news *news)
{
    static void (*const writers[EVENT_DIALECTS])(struct json_writer *, const struct event_news *) = {
        [EVENT_CCR_UI] = write_log, [EVENT_CONSOLE] = write_changed};
    struct json_writer w;
    json_begin(&w, out);
    writers[dialect](&w, news);
}

void event_write_welcome(struct buffer *out, enum event_dialect dialect)
{
    struct json_writer w;
    json_begin(&w, out);
    if (dialect == EVENT_CONSOLE) {
        json_put_raw(&w, "{\"type\":\"Ready\"}");
        return;
    }
    open_log(&w, "system", "connected");
    json_put_raw(&w, "{}");
    close_log(&w);
}

static void write_past_line(struct json_writer *w, const struct row *row)
{
    struct buffer message;
    buffer_init(&message, MESSAGE_MAX);
    buffer_printf(&message, "%s: %s (%s) %s", row_string(row, EVENT_PAST_BY), row_string(row, EVENT_PAST_ACTION),
                  row_string(row, EVENT_PAST_PLATFORM), row_string(row, EVENT_PAST_TARGET));
    open_line(w, row_string(row, EVENT_PAST_ID), row_string(row, EVENT_PAST_TIME),
              row_string(row, EVENT_PAST_WORKSPACE), buffer_string(&message));
    json_open_object(w);
    json_string_member(w, "workspace", row_string(row, EVENT_PAST_WORKSPACE));
    json_string_member(w, "by", row_string(row, EVENT_PAST_BY));
    json_string_member(w, "platform", row_string(row, EVENT_PAST_PLATFORM));
    json_string_member(w, "action", row_string(row, EVENT_PAST_ACTION));
    json_string_member(w, "name", row_string(row, EVENT_PAST_TARGET));
    json_close_object(w);
    json_close_object(w);
    buffer_free(&message);
}

void event_write_past(struct buffer *out, const struct rows *past)
{
    struct json_writer w;
    json_begin(&w, out);
    open_message(&w, "LogBatch");
    json_open_array(&w);
    for (int i = past->count - 1; i >= 0; i--) {
        struct row row = rows_at(past, i);
        write_past_line(&w, &row);
    }
    json_close_array(&w);
    json_close_object(&w);
}

const char *event_missed(enum event_dialect dialect)
{
    return dialect == EVENT_CONSOLE ? "{\"type\":\"Missed\"}" : NULL;
}

const char *event_answer(const char *text, size_t length)
{
    struct json_failure failure;
    json_t *said = json_parse(text, length, &failure);
    bool ping = text_equal(json_text_at(said, "type"), "Ping");
    json_decref(said);
    return ping ? "{\"type\":\"Pong\"}" : NULL;
}
