/* Baseline: the least a FastCGI program can do - libfcgi's own loop, one process a slot, each answer fixed or one prepared
 * statement, a write one transaction of prepared statements. No routing, no login, no tenant, no check of what was sent, no log.
 * `make bench` compares the real program with it.
 *
 *     baseline SOCKET PROCESSES DATABASE_URL BODY_FILE
 *
 * by the end of the address: /fixed  a small fixed answer
 *                            /body   the bytes of BODY_FILE
 *                            /one    one profile, put together from its row
 *                            /list   every row of bench_profiles as JSON made by PostgreSQL
 *                            /create one more agent: its row, its words, its revision, its audit row
 *                            /replace another text in one of the agents: its row, its revision, its audit row
 * What it writes is in bench_sample; generations and totals follow from the tables' own triggers, as they do for everybody. */
#include <fcgiapp.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define JSON_HEADERS "Content-Type: application/json\r\n\r\n"

/* The members that the real program's list has, in its order. */
static const char select_list[] =
    "SELECT json_agg(json_build_object('name', name, 'description', description, 'base_url', base_url, 'auth_token',"
    " auth_token, 'model', model, 'small_fast_model', small_fast_model, 'is_current', is_current, 'is_default',"
    " is_default, 'provider', provider, 'provider_type', provider_type, 'account', account, 'tags', tags,"
    " 'usage_count', usage_count, 'enabled', enabled, 'platform', platform, 'revision', revision) ORDER BY position)"
    " FROM bench_profiles";
/* The profile, and whether it is the one that the user has chosen, or the workspace. */
#define CURRENT                                                                                                        \
    "(SELECT current_profile FROM user_platforms WHERE workspace_id = $1 AND user_id = $3 AND platform = 'claude')"
#define STANDARD "(SELECT default_profile FROM workspace_platforms WHERE workspace_id = $1 AND platform = 'claude')"
static const char select_one[] =
    "SELECT listed, uses, enabled, revision, name = coalesce(" CURRENT ", " STANDARD ", 'default'),"
    " name = coalesce(" STANDARD ", 'default') FROM resources WHERE workspace_id = $1"
    " AND kind = 'profile' AND platform = 'claude' AND name = $2";
static const char select_sample[] = "SELECT reads, writes, listed, unlisted, changes, words, user_id FROM bench_sample";

enum { READS, WRITES, LISTED, UNLISTED, CHANGES, WORDS, USER, SAMPLE_COUNT };

/* What a write is made of. */
static const char insert_resource[] =
    "INSERT INTO resources (workspace_id, kind, platform, name, position, listed, unlisted) VALUES ($1, 'agent', 'claude', $2,"
    " (SELECT max(position) + 1 FROM resources WHERE workspace_id = $1 AND kind = 'agent' AND platform = 'claude'), $3, $4)"
    " RETURNING id, revision";
static const char insert_words[] = "INSERT INTO resource_words (workspace_id, kind, platform, word, id)"
                                   " SELECT $1, 'agent', 'claude', word, $2 FROM unnest($3::text[]) AS w (word)";
static const char update_resource[] =
    "UPDATE resources SET listed = $3, unlisted = $4, revision = revision + 1, updated_at = now() WHERE workspace_id = $1"
    " AND kind = 'agent' AND platform = 'claude' AND name = $2 RETURNING id, revision";
static const char insert_revision[] =
    "INSERT INTO resource_revisions (workspace_id, kind, platform, name, revision, resource_id, operation, actor, enabled, listed,"
    " unlisted) VALUES ($1, 'agent', 'claude', $2, $3, $4, $5, 'bench', true, $6, $7)";
static const char insert_audit[] =
    "INSERT INTO audit_log (workspace_id, user_id, actor, action, platform, target, changes, address, request_id)"
    " VALUES ($1, $2, 'bench', $3, 'claude', $4, $5, '127.0.0.1', gen_random_uuid()::text)";

static const struct {
    const char *name, *sql;
} statements[] = {
    {"one", select_one},         {"list", select_list},         {"insert", insert_resource}, {"words", insert_words},
    {"update", update_resource}, {"revision", insert_revision}, {"audit", insert_audit},     {"begin", "BEGIN"},
    {"commit", "COMMIT"},        {"rollback", "ROLLBACK"},
};

static const char *sample[SAMPLE_COUNT];

struct body {
    char *bytes;
    int length;
};

static void fail_with(const char *what)
{
    perror(what);
    exit(1);
}

static struct body read_body(const char *path)
{
    struct stat info;
    struct body body = {0};
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) != 0)
        fail_with(path);
    body.length = (int)info.st_size;
    body.bytes = malloc((size_t)body.length + 1);
    if (!body.bytes || fread(body.bytes, 1, (size_t)body.length, file) != (size_t)body.length)
        fail_with(path);
    fclose(file);
    return body;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0)
        fail_with(path);
    chmod(path, 0660);
    return fd;
}

static void prepare_all(PGconn *conn)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        PGresult *result = PQprepare(conn, statements[i].name, statements[i].sql, 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            fprintf(stderr, "%s", PQerrorMessage(conn));
            exit(1);
        }
        PQclear(result);
    }
}

/* There is none yet when only the fixed answers are asked for. */
static void read_sample(PGconn *conn)
{
    PGresult *row = PQexec(conn, select_sample);
    for (int i = 0; i < SAMPLE_COUNT && PQntuples(row) == 1; i++)
        sample[i] = strdup(PQgetvalue(row, 0, i));
    PQclear(row);
}

/* One row, or the answer is 500 and there is nothing to read. */
static PGresult *one_row(FCGX_Stream *out, PGconn *conn, const char *statement, int count, const char *const *values)
{
    PGresult *result = PQexecPrepared(conn, statement, count, values, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        return result;
    FCGX_PutS("Status: 500\r\n\r\n", out);
    PQclear(result);
    return NULL;
}

static void answer_fixed(FCGX_Stream *out)
{
    FCGX_PutS(JSON_HEADERS "{\"status\":\"ok\"}", out);
}

static void answer_body(FCGX_Stream *out, const struct body *body)
{
    FCGX_PutS(JSON_HEADERS, out);
    FCGX_PutStr(body->bytes, body->length, out);
}

static const char *truth(const PGresult *row, int column)
{
    return *PQgetvalue(row, 0, column) == 't' ? "true" : "false";
}

static void answer_one(FCGX_Stream *out, PGconn *conn)
{
    const char *const values[] = {sample[READS], "profile-7", sample[USER]};
    PGresult *row = one_row(out, conn, "one", 3, values);
    if (!row)
        return;
    FCGX_PutS(JSON_HEADERS "{\"name\":\"profile-7\",", out);
    FCGX_PutStr(PQgetvalue(row, 0, 0) + 1, PQgetlength(row, 0, 0) - 2, out); /* without its braces */
    FCGX_FPrintF(out,
                 ",\"is_current\":%s,\"is_default\":%s,\"usage_count\":%s,\"enabled\":%s,\"platform\":\"claude\","
                 "\"revision\":%s}",
                 truth(row, 4), truth(row, 5), PQgetvalue(row, 0, 1), truth(row, 2), PQgetvalue(row, 0, 3));
    PQclear(row);
}

static void answer_list(FCGX_Stream *out, PGconn *conn)
{
    PGresult *row = one_row(out, conn, "list", 0, NULL);
    if (!row)
        return;
    FCGX_PutS(JSON_HEADERS, out);
    FCGX_PutStr(PQgetvalue(row, 0, 0), PQgetlength(row, 0, 0), out);
    PQclear(row);
}

static bool run(PGconn *conn, const char *statement, int count, const char *const *values)
{
    PGresult *result = PQexecPrepared(conn, statement, count, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* An agent's row, inserted or updated, and what is written with it. */
static void answer_write(FCGX_Stream *out, PGconn *conn, bool create)
{
    static unsigned number;
    char name[64];
    if (create)
        snprintf(name, sizeof name, "bare-%d-%u", (int)getpid(), ++number);
    else
        snprintf(name, sizeof name, "agent-%u", ++number % 50);
    run(conn, "begin", 0, NULL);
    const char *const resource[] = {sample[WRITES], name, sample[LISTED], sample[UNLISTED]};
    PGresult *row = one_row(out, conn, create ? "insert" : "update", 4, resource);
    const char *id = row ? PQgetvalue(row, 0, 0) : NULL, *revision = row ? PQgetvalue(row, 0, 1) : NULL;
    const char *const words[] = {sample[WRITES], id, sample[WORDS]};
    const char *const kept[] = {sample[WRITES],  name, revision, id, create ? "create" : "update", sample[LISTED],
                                sample[UNLISTED]};
    const char *const audit[] = {sample[WRITES], sample[USER], create ? "agent.create" : "agent.update", name,
                                 sample[CHANGES]};
    bool good = row && (!create || run(conn, "words", 3, words)) && run(conn, "revision", 7, kept) &&
                run(conn, "audit", 5, audit) && run(conn, "commit", 0, NULL);
    if (good)
        FCGX_FPrintF(out, JSON_HEADERS "{\"name\":\"%s\",\"revision\":%s}", name, revision);
    else if (row)
        FCGX_PutS("Status: 500\r\n\r\n", out);
    if (!good)
        run(conn, "rollback", 0, NULL);
    PQclear(row);
}

static void answer(FCGX_Request *request, PGconn *conn, const struct body *body)
{
    const char *uri = FCGX_GetParam("REQUEST_URI", request->envp);
    const char *name = uri ? strrchr(uri, '/') : NULL;
    if (!name)
        FCGX_PutS("Status: 404\r\n\r\n", request->out);
    else if (strcmp(name, "/fixed") == 0)
        answer_fixed(request->out);
    else if (strcmp(name, "/body") == 0)
        answer_body(request->out, body);
    else if (strcmp(name, "/one") == 0)
        answer_one(request->out, conn);
    else if (strcmp(name, "/list") == 0)
        answer_list(request->out, conn);
    else if (strcmp(name, "/create") == 0 || strcmp(name, "/replace") == 0)
        answer_write(request->out, conn, strcmp(name, "/create") == 0);
    else
        FCGX_PutS("Status: 404\r\n\r\n", request->out);
}

static void serve(int fd, const char *url, const struct body *body)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    PGconn *conn = PQconnectdb(url);
    prepare_all(conn);
    read_sample(conn);
    FCGX_Request request;
    FCGX_Init();
    FCGX_InitRequest(&request, fd, 0);
    while (FCGX_Accept_r(&request) == 0) {
        answer(&request, conn, body);
        FCGX_Finish_r(&request);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: baseline SOCKET PROCESSES DATABASE_URL BODY_FILE\n");
        return 64;
    }
    struct body body = read_body(argv[4]);
    int fd = listen_on(argv[1]);
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
        if (fork() == 0)
            serve(fd, argv[3], &body);
    while (wait(NULL) > 0)
        ;
    free(body.bytes);
    return 0;
}
