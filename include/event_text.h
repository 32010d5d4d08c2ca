/* Event text: what WebSockets are sent, made of what PostgreSQL tells (sql/migrations/0027_events.up.sql). Two dialects: the console's, and what
 * CCR UI's monitoring page shows as lines of a log. */
#pragma once

#include "buffer.h"
#include "crypto.h"
#include "json.h"

struct rows;

enum event_dialect { EVENT_CCR_UI, EVENT_CONSOLE, EVENT_DIALECTS };

struct event_news {
    char workspace[UUID_TEXT];
    char user[UUID_TEXT]; /* who did it; "" = no user */
    json_t *change;       /* an object, of the caller's to json_decref */
};

/* Takes a notification apart. False for what is none of ours: whoever may connect to the database may notify. */
bool event_read(const char *payload, struct event_news *out);

/* Puts names in: the workspace's slug, the user's name or NULL. */
void event_name(struct event_news *news, const char *slug, const char *username);

/* The message about it, once it has names: {"type":"Changed","data":{…}}, {"type":"BudgetReached","data":{…}}, or {"type":"Log",…}. */
void event_write(struct buffer *out, enum event_dialect dialect, const struct event_news *news);

/* What was lately changed, for who comes new: rows as event_access_past gives them, told from the oldest on. CCR UI's dialect only:
 * {"type":"LogBatch","data":[…]}. */
void event_write_past(struct buffer *out, const struct rows *past);

/* The first message of a connection: from now on everything is told. */
void event_write_welcome(struct buffer *out, enum event_dialect dialect);

/* Something may have been missed. NULL where a client has no use for that. */
const char *event_missed(enum event_dialect dialect);

/* The answer to what a client said; NULL = none. */
const char *event_answer(const char *text, size_t length);
