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
#include "metrics.h"
#include "util.h"

enum {
    HEAD_MAX = 64 * KIB,
    CLOSE_POLL_MS = 200,
    CLOSE_MAX_MS = 1000,
    PEEK_SIZE = 16 * KIB, /* what a request has at most unless it brings a file */
    PARAMS_MS = 2000,     /* from accepting to the last parameter: a web server sends them in one piece */
    PATIENCE_MS = 500,    /* the same while others wait for a worker */
    FIRST_PAUSE_MS = 1,
    PAUSE_MAX_MS = 20,
};

/* How much of a request has arrived. */
enum arrival { ARRIVED_PART, ARRIVED_PARAMS, ARRIVED_ALL };

struct fcgi {
    FCGX_Request request;
    int listen_fd, epoll_fd;
    int io_timeout_s;
    enum arrival arrival;
    int64_t body_until_ms; /* 0 until its first read that may wait */
    struct buffer head;    /* kept between requests for its memory */
    char peeked[PEEK_SIZE];
};

/* ---- start ------------------------------------------------------------------------------------------------------ */

static bool watch_descriptor(int epoll_fd, int fd, unsigned events)
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
    if (fcgi->epoll_fd < 0 || !watch_descriptor(fcgi->epoll_fd, listen_fd, EPOLLIN | EPOLLEXCLUSIVE)) {
        log_error("cannot wait on the socket", LOG_STR("reason", strerror(errno)));
        return NULL;
    }
    return fcgi;
}

/* ---- waiting and accepting -------------------------------------------------------------------------------------- */

void fcgi_watch(struct fcgi *fcgi, int other_fd)
{
    if (other_fd >= 0)
        watch_descriptor(fcgi->epoll_fd, other_fd, EPOLLIN);
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
    fcgi->request.ipcFd = connection_accept(fcgi->listen_fd);
    return fcgi->request.ipcFd >= 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Reads what has arrived as far as it goes: the parameters end with an empty record, and so does the body. */
static enum arrival arrival_so_far(const char *bytes, size_t length)
{
    enum arrival arrival = ARRIVED_PART;
    struct record record;
    ssize_t size;
    while (arrival != ARRIVED_ALL && (size = record_next(bytes, length, &record)) > 0) {
        if (record.length == 0 && (record.type == RECORD_PARAMS || record.type == RECORD_STDIN))
            arrival = record.type == RECORD_PARAMS ? ARRIVED_PARAMS : ARRIVED_ALL;
        bytes += size;
        length -= (size_t)size;
    }
    return arrival;
}

/* Waits until the parameters are there, without taking them: libfcgi would wait for each byte anew. More of them than
 * PEEK_SIZE are left to it, with what is left of the time as its deadline. */
static bool await_params(struct fcgi *fcgi, int64_t *left_ms)
{
    int fd = fcgi->request.ipcFd, pause = FIRST_PAUSE_MS;
    int64_t began = 0, passed = 0;
    bool open = true;
    for (;;) {
        ssize_t length = connection_peek(fd, fcgi->peeked, sizeof fcgi->peeked);
        if (length == 0)
            return false;
        fcgi->arrival = length > 0 ? arrival_so_far(fcgi->peeked, (size_t)length) : ARRIVED_PART;
        wipe(fcgi->peeked, length > 0 ? (size_t)length : 0); /* it may hold a token, and is of no more use */
        *left_ms = PARAMS_MS - passed;
        if (fcgi->arrival != ARRIVED_PART || length == (ssize_t)sizeof fcgi->peeked)
            return true;
        if (!began)
            began = monotonic_ms();
        if (passed >= PARAMS_MS || (passed >= PATIENCE_MS && connection_others_wait(fcgi->listen_fd))) {
            metrics_add(METRIC_DROPPED_INCOMPLETE, 1);
            log_debug("connection given up: its request did not come", LOG_INT("after_ms", passed));
            return false;
        }
        if (!open)
            return false;
        open = connection_wait(fd, length > 0, pause); /* what it sent before it closed still counts */
        if (pause < PAUSE_MAX_MS)
            pause *= 2;
        passed = monotonic_ms() - began;
    }
}

static bool take_params(struct fcgi *fcgi, int64_t left_ms)
{
    /* 1 only so that FCGX_Accept_r does not begin by closing what we accepted; the request's own flag replaces it. */
    fcgi->request.keepConnection = 1;
    if (fcgi->arrival == ARRIVED_PART)
        connection_deadline(fcgi->request.ipcFd, left_ms);
    int failure = FCGX_Accept_r(&fcgi->request);
    if (fcgi->arrival == ARRIVED_PART)
        connection_no_deadline();
    /* Whatever the peer asked for. A kept connection pins this worker while it is idle (99th percentile from 5 ms to
     * 270 ms and more), and unread body bytes on it would be parsed as the next request. */
    fcgi->request.keepConnection = 0;
    if (!failure &&
        FCGX_GetError(fcgi->request.in)) { /* it takes the end of the connection for the end of the parameters */
        FCGX_Free(&fcgi->request, 0);
        close(fcgi->request.ipcFd);
        failure = -1;
    }
    if (failure)
        fcgi->request.ipcFd = -1; /* closed */
    return !failure;
}

bool fcgi_read(struct fcgi *fcgi)
{
    int64_t left_ms;
    fcgi->body_until_ms = 0;
    if (!await_params(fcgi, &left_ms)) {
        close(fcgi->request.ipcFd);
        fcgi->request.ipcFd = -1;
        return false;
    }
    if (take_params(fcgi, left_ms))
        return true;
    log_debug("connection without a request");
    return false;
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

/* The stream's next bytes. What has not arrived yet is waited for until the body's deadline, which all of it shares. */
static int read_bounded(struct fcgi *fcgi, char *out, int size)
{
    if (fcgi->arrival == ARRIVED_ALL)
        return FCGX_GetStr(out, size, fcgi->request.in);
    int64_t now = monotonic_ms();
    if (!fcgi->body_until_ms)
        fcgi->body_until_ms = now + fcgi->io_timeout_s * 1000LL;
    connection_deadline(fcgi->request.ipcFd, fcgi->body_until_ms - now);
    int got = FCGX_GetStr(out, size, fcgi->request.in);
    connection_no_deadline();
    return got;
}

size_t fcgi_read_body(void *source, char *out, size_t size)
{
    struct fcgi *fcgi = source;
    int wanted = size > INT_MAX ? INT_MAX : (int)size;
    int got = read_bounded(fcgi, out, wanted);
    /* Short of what was wanted it is the end of the body only when libfcgi saw its closing record; a deadline that passed
     * or a broken peer is not. */
    if (got < wanted && FCGX_GetError(fcgi->request.in))
        return (size_t)-1;
    return got > 0 ? (size_t)got : 0;
}

void fcgi_more_time(void *source)
{
    struct fcgi *fcgi = source;
    fcgi->body_until_ms = 0;
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
        .actor = {.arena = arena,
                  .db = service ? service->db : NULL,
                  .settings = service ? service->settings : NULL,
                  .keyring = service ? service->keyring : NULL},
        .service = service,
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
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        if (lines[i].status == status) {
            buffer_text(out, lines[i].line);
            return;
        }
    buffer_printf(out, "Status: %d Unknown\r\n", status);
}

/* The CGI head of a reply: status line, headers, empty line. */
static void put_head(struct buffer *out, const struct response *rs)
{
    char length[DECIMAL_TEXT];
    bool bodiless = rs->status == 204 || rs->status == 304;
    put_status(out, rs->status);
    if (!bodiless && !strstr(buffer_string(&rs->headers), "Content-Type:"))
        buffer_text(out, "Content-Type: application/json\r\n");
    buffer_append(out, buffer_string(&rs->headers), rs->headers.length);
    if (!bodiless) {
        buffer_text(out, "Content-Length: ");
        buffer_text(out, decimal(length, (long long)rs->body.length));
        buffer_text(out, "\r\n");
    }
    buffer_text(out, "\r\n");
}

/* How many bytes of the body are sent: none to HEAD, with 204, with 304. */
static size_t body_length(const struct request *rq, const struct response *rs)
{
    return rq->method == METHOD_HEAD || rs->status == 204 || rs->status == 304 ? 0 : rs->body.length;
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
    size_t left = body_length(rq, rs);
    char *body = rs->body.data;
    unsigned char tail[TAIL_SIZE];
    make_tail(tail, id);
    buffer_reset(&fcgi->head);
    put_head(&fcgi->head, rs);
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
        if (!connection_send(fcgi->request.ipcFd, iov, ARRAY_SIZE(iov), fcgi->io_timeout_s))
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
        (void)FCGX_GetStr(rest, sizeof rest, in); /* of a request without body: its closing record */
    return in && FCGX_HasSeenEOF(in) && FCGX_GetError(in) == 0;
}

void fcgi_close(struct fcgi *fcgi)
{
    int fd = fcgi->request.ipcFd;
    bool whole = fcgi->arrival == ARRIVED_ALL; /* then nothing below waits */
    if (fd < 0)
        return;
    if (!whole) /* a peer that goes on sending makes libfcgi wait anew each time */
        connection_deadline(fd, CLOSE_MAX_MS);
    /* Drained, a plain close will do. Otherwise libfcgi shuts down our half and waits, at most CLOSE_POLL_MS at a time,
     * for the peer to take the reply and close. Either way nothing more is written. */
    bool drained = is_drained(fcgi);
    FCGX_Free(&fcgi->request, !drained);
    if (!whole)
        connection_no_deadline();
    if (drained)
        close(fd);
    fcgi->request.ipcFd = -1;
    buffer_reset(&fcgi->head);
}
