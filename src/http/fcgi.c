/* FastCGI for one worker: libfcgi reads and understands what Nginx sends; accepting, time limits and writing are ours.
 *
 * libfcgi accepts and reads the parameters in one call, so there is no moment in between to set a time limit on the
 * connection or to tell the scoreboard that the worker is busy. We therefore accept ourselves and hand the descriptor to
 * FCGX_Accept_r, which reads from an open connection when it has one (as it does with keep-alive) before it accepts. */
#include "fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "connection.h"
#include "fcgi_record.h"
#include "log.h"
#include "util.h"

enum { HEAD_MAX = 64 * KB, CLOSE_POLL_MS = 200 };

struct fcgi {
    FCGX_Request request;
    int listen_fd, epoll_fd;
    int io_timeout_s;
    struct buffer head; /* kept between requests for its memory */
};

/* ---- start ------------------------------------------------------------------------------------------------------ */

static bool watch(int epoll_fd, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

/* libfcgi reads these when it starts. Without them it waits up to 2 s for a peer to close. */
static void limit_library_waits(void)
{
    char text[16];
    snprintf(text, sizeof text, "%d", CLOSE_POLL_MS);
    setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", text, 0);
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", text, 0);
}

struct fcgi *fcgi_new(int listen_fd, int io_timeout_s)
{
    static struct fcgi only; /* libfcgi's own state is one per process, too */
    struct fcgi *fcgi = &only;
    fcgi->listen_fd = listen_fd;
    fcgi->io_timeout_s = io_timeout_s;
    buffer_init(&fcgi->head, HEAD_MAX);
    limit_library_waits();
    /* -1: FCGX_Accept_r must never accept by itself, see above; it then fails with EBADF. */
    if (FCGX_Init() != 0 || FCGX_InitRequest(&fcgi->request, -1, 0) != 0) {
        log_error("libfcgi cannot start");
        return NULL;
    }
    fcgi->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* EPOLLEXCLUSIVE: one new connection wakes one worker, not all of them. */
    if (fcgi->epoll_fd < 0 || !watch(fcgi->epoll_fd, listen_fd, EPOLLIN | EPOLLEXCLUSIVE)) {
        log_error("cannot wait on the socket", LOG_STR("reason", strerror(errno)));
        return NULL;
    }
    return fcgi;
}

void fcgi_free(struct fcgi *fcgi)
{
    if (!fcgi)
        return;
    close(fcgi->epoll_fd);
    buffer_free(&fcgi->head);
}

/* ---- waiting and accepting -------------------------------------------------------------------------------------- */

void fcgi_watch(struct fcgi *fcgi, int other_fd)
{
    if (other_fd >= 0)
        watch(fcgi->epoll_fd, other_fd, EPOLLIN);
}

enum fcgi_wake fcgi_wait(struct fcgi *fcgi, int timeout_ms, const sigset_t *while_waiting)
{
    struct epoll_event event;
    /* One event: taking a second one of the exclusive descriptor would steal another worker's wake-up. */
    int n = epoll_pwait(fcgi->epoll_fd, &event, 1, timeout_ms, while_waiting);
    if (n < 0)
        return FCGI_SIGNAL;
    if (n == 0)
        return FCGI_TICK;
    return event.data.fd == fcgi->listen_fd ? FCGI_CONNECTION : FCGI_OTHER;
}

bool fcgi_accept(struct fcgi *fcgi)
{
    fcgi->request.ipcFd = connection_accept(fcgi->listen_fd, fcgi->io_timeout_s);
    return fcgi->request.ipcFd >= 0;
}

bool fcgi_read(struct fcgi *fcgi)
{
    /* 1 only so that FCGX_Accept_r does not begin by closing what we accepted; the request's own flag replaces it. */
    fcgi->request.keepConnection = 1;
    int failure = FCGX_Accept_r(&fcgi->request);
    /* Whatever the peer asked for. A kept connection pins this worker while it is idle (99th percentile from 5 ms to
     * 270 ms and more), and unread body bytes on it would be parsed as the next request. */
    fcgi->request.keepConnection = 0;
    if (failure) {
        fcgi->request.ipcFd = -1; /* libfcgi closed it */
        log_debug("connection without a request");
    }
    return !failure;
}

bool fcgi_gone(void *source)
{
    const struct fcgi *fcgi = source;
    return connection_gone(fcgi->request.ipcFd);
}

const char *const *fcgi_params(const struct fcgi *fcgi)
{
    return (const char *const *)fcgi->request.envp;
}

size_t fcgi_read_body(void *source, char *out, size_t size)
{
    struct fcgi *fcgi = source;
    int wanted = size > INT_MAX ? INT_MAX : (int)size;
    int got = FCGX_GetStr(out, wanted, fcgi->request.in);
    if (got > 0)
        return (size_t)got;
    /* 0 is the end of the body only when libfcgi saw its closing record; a time-out or a broken peer is not. */
    return FCGX_GetError(fcgi->request.in) ? (size_t)-1 : 0;
}

/* ---- parameters to request -------------------------------------------------------------------------------------- */

/* Of a name made of A-Z, a-z, 0-9 and _; 0 for any other, and for one longer than any we look for. */
static size_t name_length(const char *param)
{
    const char *p = param;
    while ((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || (*p >= 'a' && *p <= 'z'))
        p++;
    return *p == '=' && p - param <= UCHAR_MAX ? (size_t)(p - param) : 0;
}

void fcgi_request(struct request *rq, struct arena *arena, const struct service *service, const char *const *params)
{
    size_t count = 0, kept = 0;
    while (count < MAX_PARAMS && params[count])
        count++;
    const char **environment = arena_array(arena, count + 1, sizeof *environment);
    unsigned char *lengths = arena_alloc(arena, count + 1);
    for (size_t i = 0; i < count; i++) {
        lengths[kept] = (unsigned char)name_length(params[i]);
        if (lengths[kept])
            environment[kept++] = params[i];
    }
    environment[kept] = NULL;
    *rq = (struct request){
        .arena = arena,
        .service = service,
        .db = service ? service->db : NULL,
        .environment = environment,
        .name_lengths = lengths,
        .started_us = monotonic_us(),
    };
}

/* ---- reply ------------------------------------------------------------------------------------------------------ */

/* RFC 9110 section 15. Nginx passes on what stands behind the number, and nothing when nothing does. */
static void put_status(struct buffer *out, int status)
{
    static const struct {
        int status;
        const char *line;
    } lines[] = {
        {200, "Status: 200 OK\r\n"},
        {201, "Status: 201 Created\r\n"},
        {204, "Status: 204 No Content\r\n"},
        {304, "Status: 304 Not Modified\r\n"},
        {400, "Status: 400 Bad Request\r\n"},
        {401, "Status: 401 Unauthorized\r\n"},
        {403, "Status: 403 Forbidden\r\n"},
        {404, "Status: 404 Not Found\r\n"},
        {405, "Status: 405 Method Not Allowed\r\n"},
        {409, "Status: 409 Conflict\r\n"},
        {412, "Status: 412 Precondition Failed\r\n"},
        {413, "Status: 413 Content Too Large\r\n"},
        {415, "Status: 415 Unsupported Media Type\r\n"},
        {429, "Status: 429 Too Many Requests\r\n"},
        {500, "Status: 500 Internal Server Error\r\n"},
        {502, "Status: 502 Bad Gateway\r\n"},
        {503, "Status: 503 Service Unavailable\r\n"},
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (lines[i].status == status) {
            buffer_text(out, lines[i].line);
            return;
        }
    buffer_printf(out, "Status: %d Unknown\r\n", status);
}

void fcgi_head(struct buffer *out, const struct response *rs)
{
    bool bodiless = rs->status == 204 || rs->status == 304;
    put_status(out, rs->status);
    if (!bodiless && !strcasestr(buffer_string(&rs->headers), "Content-Type:"))
        buffer_text(out, "Content-Type: application/json\r\n");
    buffer_append(out, buffer_string(&rs->headers), rs->headers.length);
    if (!bodiless)
        buffer_printf(out, "Content-Length: %zu\r\n", rs->body.length);
    buffer_text(out, "\r\n");
}

size_t fcgi_body_length(const struct request *rq, const struct response *rs)
{
    return rq->method == HEAD || rs->status == 204 || rs->status == 304 ? 0 : rs->body.length;
}

/* What follows the last byte: the end of STDOUT, and the end of the request (status 0, complete). */
enum { TAIL_SIZE = RECORD_HEADER + RECORD_HEADER + 8 };
static void make_tail(unsigned char tail[TAIL_SIZE], unsigned id)
{
    memset(tail, 0, TAIL_SIZE);
    record_header(tail, RECORD_STDOUT, id, 0);
    record_header(tail + RECORD_HEADER, RECORD_END, id, 8);
}

/* libfcgi's stream copies into 8 KiB and writes each time that is full; this is one write for up to 64 KiB. */
bool fcgi_respond(struct fcgi *fcgi, const struct request *rq, const struct response *rs)
{
    unsigned id = (unsigned)fcgi->request.requestId;
    size_t left = fcgi_body_length(rq, rs);
    char *body = rs->body.data;
    unsigned char tail[TAIL_SIZE];
    make_tail(tail, id);
    buffer_reset(&fcgi->head);
    fcgi_head(&fcgi->head, rs);
    size_t head = fcgi->head.length;
    do {
        size_t part = left < RECORD_MAX - head ? left : RECORD_MAX - head;
        unsigned char header[RECORD_HEADER];
        record_header(header, RECORD_STDOUT, id, head + part);
        struct iovec iov[] = {
            {header, sizeof header},
            {fcgi->head.data, head},
            {body, part},
            {tail, part == left ? sizeof tail : 0},
        };
        if (!connection_send(fcgi->request.ipcFd, iov, COUNT(iov), fcgi->io_timeout_s))
            return false;
        body += part;
        left -= part;
        head = 0;
    } while (left);
    return true;
}

/* Bytes the peer sent that nobody read: closing on them would reset the connection and could lose the reply. */
static bool is_drained(struct fcgi *fcgi)
{
    FCGX_Stream *in = fcgi->request.in;
    char rest[512];
    if (in && !FCGX_HasSeenEOF(in))
        (void)FCGX_GetStr(rest, sizeof rest, in); /* of a request without body: its closing record, already buffered */
    return in && FCGX_HasSeenEOF(in) && FCGX_GetError(in) == 0;
}

void fcgi_close(struct fcgi *fcgi)
{
    if (fcgi->request.ipcFd < 0)
        return;
    /* Drained, a plain close will do. Otherwise libfcgi shuts down our half and waits, at most CLOSE_POLL_MS at a time,
     * for the peer to take the reply and close. Either way nothing more is written. */
    bool drained = is_drained(fcgi);
    int fd = fcgi->request.ipcFd;
    FCGX_Free(&fcgi->request, !drained);
    if (drained)
        close(fd);
    fcgi->request.ipcFd = -1;
}
