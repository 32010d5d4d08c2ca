/* Baseline: the least a FastCGI program can do - libfcgi's own loop, one process a slot, each answer fixed or one prepared
 * statement. No routing, no login, no tenant, no log. `make bench` compares the real program with it.
 *
 *     baseline SOCKET PROCESSES DATABASE_URL BODY_FILE
 *
 * by the end of the address: /fixed  a small fixed answer
 *                            /body   the bytes of BODY_FILE
 *                            /one    one row, three columns
 *                            /list   every row of bench_profiles as JSON made by PostgreSQL */
#include <fcgiapp.h>
#include <libpq-fe.h>
#include <signal.h>
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
static const char select_one[] = "SELECT name, base_url, model FROM bench_profiles WHERE name = $1";

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

static void prepare(PGconn *conn, const char *name, const char *sql)
{
    PGresult *result = PQprepare(conn, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
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

static void answer_one(FCGX_Stream *out, PGconn *conn)
{
    const char *const values[] = {"profile-7"};
    PGresult *row = one_row(out, conn, "one", 1, values);
    if (!row)
        return;
    FCGX_FPrintF(out, JSON_HEADERS "{\"name\":\"%s\",\"base_url\":\"%s\",\"model\":\"%s\"}", PQgetvalue(row, 0, 0),
                 PQgetvalue(row, 0, 1), PQgetvalue(row, 0, 2));
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
    else
        FCGX_PutS("Status: 404\r\n\r\n", request->out);
}

static void serve(int fd, const char *url, const struct body *body)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    PGconn *conn = PQconnectdb(url);
    prepare(conn, "one", select_one);
    prepare(conn, "list", select_list);
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
