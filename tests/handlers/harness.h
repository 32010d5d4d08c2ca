/* Harness: the whole program below the FastCGI socket, in one process. Requests are built in memory and go through
 * dispatch(), with a real PostgreSQL behind it, named by TEST_DATABASE_URL (scripts/test.sh starts one). */
#pragma once

#include "../test.h"
#include "db.h"
#include "json.h"
#include "request.h"
#include "response.h"

struct reply {
    int status;
    const char *headers; /* "Name: value\r\n" lines */
    const char *text;    /* the body as it was written; HEAD included */
    json_t *json;        /* NULL when there is no body */
};

/* For cmocka_run_group_tests: a connection, the schema, an empty set of users. Fails when there is no database. */
int harness_start(void **state);
int harness_stop(void **state);

/* Names a site that no other test run has seen: "ada-1f3a9c". In the arena of the next calls' caller: static, one a name. */
const char *unique_name(const char *prefix);

/* Adds a user straight into the database. */
void add_user(const char *username, const char *password, bool site_admin);

/* Logs in through the API; the token counts for the calls after it. "" = nobody. */
const char *log_in(const char *username, const char *password);
void use_token(const char *token);

/* Headers "Name: value" of every further call; NULL clears them. Up to four. */
void set_headers(const char *const *headers);

/* One request from its variables to its reply, which is valid until the next one. body NULL: none. */
struct reply call(const char *method, const char *target, const char *body);

/* The value at a path of keys in the reply: reply_text(&r, "error.code"); fails the test when it is not there. */
json_t *reply_value(const struct reply *reply, const char *path);
const char *reply_text(const struct reply *reply, const char *path);
/* The value of a header, "" when it is not there. */
const char *reply_header(const struct reply *reply, const char *name);

#define assert_status(reply, expected)                                                                                 \
    do {                                                                                                               \
        if ((reply).status != (expected))                                                                              \
            fail_msg("status %d, expected %d: %s", (reply).status, (expected), (reply).text);                          \
    } while (0)

/* Bytes of the request's arena that the last call used. */
size_t last_arena_used(void);

/* SQL on a second connection, beside the one under test. sql_number is the first column of the first row. */
void sql(const char *statements);
long long sql_number(const char *query, const char *argument);

/* Long enough for what the server sends on its own (notifications, last words) to arrive. */
void wait_a_moment(void);

/* What another worker of this host does after it changed who may do what. */
void change_identities(void);

/* Points the service at another database URL, or back at the test's own (NULL). */
void use_database(const char *url);
