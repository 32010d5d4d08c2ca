/* Harness: requests without Nginx and FastCGI. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "accounts.h"
#include "authn.h"
#include "fcgi.h"
#include "log.h"
#include "migrate.h"
#include "router.h"
#include "token.h"
#include "util.h"

enum { ARENA_MAX = 64 * MIB, HEADERS_MAX = 4 };

static struct settings settings, other_settings;
static struct scoreboard *board;
static struct keyring *keyring;
static struct service service;
static struct arena *arena;
static struct request request;
static struct response response;
static struct db *beside, *own;
static char token[ACCESS_TOKEN_MAX + 1];
static const char *headers[HEADERS_MAX];
static char address[16]; /* a new one each run: failed logins count for an address, and the database may be kept */
static size_t arena_bytes;

/* ---- start and end ---------------------------------------------------------------------------------------------- */

static void set_environment(const char *database_url)
{
    setenv("DATABASE_URL", database_url, 1);
    setenv("JWT_SECRET", "a-secret-for-tests-of-32-bytes-or-more", 1);
    setenv("SECRETS_KEY", "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    setenv("RATE_LIMIT", "0", 1);
    setenv("IN_PROGRESS_LIMITS", "off", 1);
    setenv("LOG_LEVEL", "error", 0);
}

static bool load(struct settings *out)
{
    char problem[256];
    if (settings_load(out, NULL, problem, sizeof problem))
        return true;
    print_error("%s\n", problem);
    return false;
}

static bool migrate(void)
{
    FILE *nowhere = fopen("/dev/null", "w");
    enum error error = nowhere ? migrate_up(own, &(struct migration_steps){0}, nowhere) : ERR_INTERNAL;
    if (nowhere)
        fclose(nowhere);
    if (error)
        print_error("the schema cannot be made: %s\n", db_message(own));
    return !error;
}

int harness_start(void **state)
{
    char problem[256];
    const char *url = getenv("TEST_DATABASE_URL");
    (void)state;
    if (!url || !*url) {
        print_error("TEST_DATABASE_URL is not set: these tests need a PostgreSQL database, and are not skipped without "
                    "one.\nRun scripts/test.sh -k handlers, which starts one.\n");
        return -1;
    }
    set_environment(url);
    if (!crypto_init() || !load(&settings))
        return -1;
    log_configure((enum log_level)settings.log_level, LOG_FORMAT_TEXT);
    board = scoreboard_new(1);
    keyring = keyring_new(settings.secrets_key, problem, sizeof problem);
    if (!board || !keyring || !router_init(problem, sizeof problem)) {
        print_error("%s\n", problem);
        return -1;
    }
    unsigned char dice[2];
    random_bytes(dice, sizeof dice);
    snprintf(address, sizeof address, "198.18.%u.%u", dice[0], dice[1]);
    own = db_new(&settings);
    beside = db_new(&settings);
    service = (struct service){&settings, keyring, board, own};
    if (!db_ready(own, 5000) || !db_ready(beside, 5000)) {
        print_error("no connection to TEST_DATABASE_URL: %s\n", db_failure(own));
        return -1;
    }
    db_maintenance(beside, true);
    if (!migrate())
        return -1;
    arena = arena_new(ARENA_MAX);
    json_use_arena(arena);
    response_init(&response);
    return 0;
}

int harness_stop(void **state)
{
    (void)state;
    use_database(NULL);
    db_free(own);
    db_free(beside);
    response_free(&response);
    json_use_arena(NULL);
    arena_free(arena);
    keyring_free(keyring);
    scoreboard_free(board);
    settings_free(&settings);
    return 0;
}

void use_database(const char *url)
{
    if (service.db != own) {
        db_free(service.db);
        settings_free(&other_settings);
        service.db = own;
    }
    if (url) {
        setenv("DATABASE_URL", url, 1);
        assert_true(load(&other_settings));
        service.db = db_new(&other_settings);
    }
}

/* ---- SQL -------------------------------------------------------------------------------------------------------- */

void sql(const char *statements)
{
    assert_true(db_ready(beside, 5000));
    if (db_script(beside, statements) != ERR_NONE)
        fail_msg("%s: %s", statements, db_message(beside));
}

/* Statements are prepared under their name, once: each query gets a struct and a name of its own. */
long long sql_number(const char *query, const char *argument)
{
    enum { MAX = 64 };
    static struct statement known[MAX];
    static char names[MAX][16];
    struct row row;
    size_t i = 0;
    while (i < MAX && known[i].sql && strcmp(known[i].sql, query) != 0)
        i++;
    assert_true(i < MAX);
    snprintf(names[i], sizeof names[i], "test_%zu", i);
    known[i] = (struct statement){names[i], query};
    assert_true(db_ready(beside, 5000));
    enum error error = db_one(beside, &known[i], &row, &argument, argument ? 1 : 0);
    if (error)
        fail_msg("%s: %s", query, db_message(beside));
    long long number = row_int(&row, 0);
    db_forget_results(beside);
    return number;
}

void wait_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 100 * 1000 * 1000};
    nanosleep(&moment, NULL);
}

void change_identities(void)
{
    atomic_fetch_add(&board->identity_generation, 1);
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

const char *unique_name(const char *prefix)
{
    enum { KEPT = 32 };
    static char names[KEPT][48];
    static unsigned next;
    unsigned char dice[4];
    char *name = names[next++ % KEPT];
    random_bytes(dice, sizeof dice);
    snprintf(name, sizeof names[0], "%s-%02x%02x%02x%02x", prefix, dice[0], dice[1], dice[2], dice[3]);
    return name;
}

void add_user(const char *username, const char *password, bool site_admin)
{
    char id[UUID_TEXT];
    struct actor console = {
        .arena = arena_new(MIB), .db = beside, .settings = &settings, .who.username = "console", .address = "console"};
    const struct account account = {username, password, NULL, site_admin};
    db_begin(beside);
    enum error error = account_create(&console, &account, id);
    if (!error)
        error = db_commit(beside);
    else
        db_rollback(beside);
    if (error)
        fail_msg("user %s: %s %s", username, console.failure.text ? console.failure.text : "", db_message(beside));
    db_forget_results(beside);
    arena_free(console.arena);
}

void use_token(const char *value)
{
    snprintf(token, sizeof token, "%s", value);
}

const char *log_in(const char *username, const char *password)
{
    char body[512];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", username, password);
    use_token("");
    struct reply reply = call("POST", "/api/auth/login", body);
    assert_status(reply, 200);
    use_token(reply_text(&reply, "data.access_token"));
    return token;
}

void set_headers(const char *const *list)
{
    memset(headers, 0, sizeof headers);
    for (size_t i = 0; list && list[i]; i++) {
        assert_true(i < HEADERS_MAX);
        headers[i] = list[i];
    }
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* "If-Match: x" as "HTTP_IF_MATCH=x". */
static char *header_variable(const char *header)
{
    size_t name = strcspn(header, ":");
    char *out = arena_printf(arena, "HTTP_%.*s=%s", (int)name, header, header + name + strspn(header + name, ": "));
    for (char *c = out; *c != '='; c++)
        *c = (char)(*c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return out;
}

struct source {
    const char *body;
    size_t left;
};

/* In small pieces, as a slow client's would come. */
static size_t read_body(void *source, char *out, size_t size)
{
    struct source *from = source;
    size_t n = from->left < size ? from->left : size;
    n = n < 1000 ? n : 1000;
    memcpy(out, from->body, n);
    from->body += n;
    from->left -= n;
    return n;
}

static const char *const *variables(const char *method, const char *target, const char *body)
{
    const char **list = arena_array(arena, 16 + HEADERS_MAX, sizeof *list);
    size_t n = 0;
    list[n++] = arena_printf(arena, "REQUEST_METHOD=%s", method);
    list[n++] = arena_printf(arena, "REQUEST_URI=%s", target);
    list[n++] = arena_printf(arena, "REMOTE_ADDR=%s", address);
    list[n++] = "HTTP_HOST=ccr.example";
    if (body) {
        list[n++] = "CONTENT_TYPE=application/json";
        list[n++] = arena_printf(arena, "CONTENT_LENGTH=%zu", strlen(body));
    }
    if (*token)
        list[n++] = arena_printf(arena, "HTTP_AUTHORIZATION=Bearer %s", token);
    for (size_t i = 0; i < HEADERS_MAX && headers[i]; i++)
        list[n++] = header_variable(headers[i]);
    list[n] = NULL;
    return list;
}

/* What a worker does between two requests. */
static void tidy_up(void)
{
    db_settle(service.db);
    db_forget_results(service.db);
    response_reset(&response);
    arena_reset(arena);
}

struct reply call(const char *method, const char *target, const char *body)
{
    struct source source = {body, body ? strlen(body) : 0};
    struct json_failure failure;
    tidy_up();
    fcgi_request(&request, arena, &service, variables(method, target, body));
    request.read = read_body;
    request.source = &source;
    dispatch(&request, &response);
    arena_bytes = arena_used(arena);

    struct reply reply = {
        .status = response.status, .headers = buffer_string(&response.headers), .text = buffer_string(&response.body)};
    bool is_json = strstr(reply.headers, "Content-Type: application/json") != NULL;
    if (response.body.length && is_json) {
        reply.json = json_parse(reply.text, response.body.length, &failure);
        if (!reply.json)
            fail_msg("%s %s: the reply is no JSON (%s): %s", method, target, failure.message, reply.text);
    }
    return reply;
}

size_t last_arena_used(void)
{
    return arena_bytes;
}

json_t *reply_value(const struct reply *reply, const char *path)
{
    json_t *value = reply->json;
    for (const char *at = path; value && *at;) {
        size_t length = strcspn(at, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)length, at);
        if (json_is_array(value))
            value = json_array_get(value, (size_t)strtoul(key, NULL, 10));
        else
            value = json_object_get(value, key);
        at += length + (at[length] == '.');
    }
    if (!value)
        fail_msg("no %s in %d %s", path, reply->status, reply->text);
    return value;
}

const char *reply_text(const struct reply *reply, const char *path)
{
    json_t *value = reply_value(reply, path);
    if (!json_is_string(value))
        fail_msg("%s is no string in %s", path, reply->text);
    return json_string_value(value);
}

const char *reply_header(const struct reply *reply, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = reply->headers; *line; line += strcspn(line, "\n") + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return arena_strndup(arena, line + length + 2, strcspn(line + length + 2, "\r"));
    return "";
}
