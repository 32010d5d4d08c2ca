/* Baseline: the least a FastCGI program can do - libfcgi's own loop, one process a slot, one prepared SELECT of one row
 * turned into JSON. No routing, no login, no tenant, no log. `make bench` compares the real program with it.
 *
 *     baseline SOCKET PROCESSES DATABASE_URL */
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

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
        perror(path);
        exit(1);
    }
    chmod(path, 0660);
    return fd;
}

static void answer(FCGX_Request *request, PGconn *conn)
{
    const char *uri = FCGX_GetParam("REQUEST_URI", request->envp);
    if (uri && strstr(uri, "/fixed")) {
        FCGX_PutS("Content-Type: application/json\r\n\r\n{\"status\":\"ok\"}", request->out);
        return;
    }
    const char *const values[] = {"bench"};
    PGresult *result = PQexecPrepared(conn, "one", 1, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        FCGX_PutS("Status: 500\r\n\r\n", request->out);
    } else {
        FCGX_FPrintF(request->out,
                     "Content-Type: application/json\r\n\r\n{\"name\":\"%s\",\"base_url\":\"%s\",\"model\":\"%s\"}",
                     PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
    }
    PQclear(result);
}

static void serve(int fd, const char *url)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    PGconn *conn = PQconnectdb(url);
    PGresult *result = PQprepare(conn, "one", "SELECT name, base_url, model FROM bench WHERE name = $1", 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
    FCGX_Request request;
    FCGX_Init();
    FCGX_InitRequest(&request, fd, 0);
    while (FCGX_Accept_r(&request) == 0) {
        answer(&request, conn);
        FCGX_Finish_r(&request);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: baseline SOCKET PROCESSES DATABASE_URL\n");
        return 64;
    }
    int fd = listen_on(argv[1]);
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
        if (fork() == 0)
            serve(fd, argv[3]);
    while (wait(NULL) > 0)
        ;
    return 0;
}
