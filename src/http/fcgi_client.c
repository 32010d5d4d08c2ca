/* FastCGI client: one GET over a socket, within a time limit. */
#include "fcgi_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_record.h"
#include "lookup.h"
#include "util.h"

enum { REPLY_MAX = 4 * MIB, REQUEST_MAX = 64 * KIB, REQUEST_ID = 1 };

/* ---- request ---------------------------------------------------------------------------------------------------- */

void fcgi_client_request(struct buffer *out, const char *path)
{
    char document[2048];
    const char *query = strchr(path, '?');
    snprintf(document, sizeof document, "%.*s", query ? (int)(query - path) : (int)strlen(path), path);
    const struct {
        const char *name, *value;
    } params[] = {
        {"GATEWAY_INTERFACE", "CGI/1.1"},
        {"REQUEST_METHOD", "GET"},
        {"REQUEST_URI", path},
        {"DOCUMENT_URI", document},
        {"QUERY_STRING", query ? query + 1 : ""},
        {"SERVER_PROTOCOL", "HTTP/1.1"},
        {"SERVER_NAME", "localhost"},
        {"REMOTE_ADDR", "127.0.0.1"},
        {"HTTP_HOST", "localhost"},
        {"HTTP_USER_AGENT", "ccr-ui-backend healthcheck"},
    };
    struct buffer content;
    buffer_init(&content, REQUEST_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(params); i++)
        record_param(&content, params[i].name, params[i].value);
    record_begin(out, REQUEST_ID);
    record_put(out, RECORD_PARAMS, REQUEST_ID, buffer_string(&content), content.length);
    record_put(out, RECORD_PARAMS, REQUEST_ID, NULL, 0);
    record_put(out, RECORD_STDIN, REQUEST_ID, NULL, 0);
    buffer_free(&content);
}

/* ---- reply ------------------------------------------------------------------------------------------------------ */

void fcgi_reply_init(struct fcgi_reply *reply)
{
    *reply = (struct fcgi_reply){0};
    buffer_init(&reply->wire, REPLY_MAX);
    buffer_init(&reply->output, REPLY_MAX);
    buffer_init(&reply->errors, 64 * KIB);
}

void fcgi_reply_free(struct fcgi_reply *reply)
{
    buffer_free(&reply->wire);
    buffer_free(&reply->output);
    buffer_free(&reply->errors);
}

static void take_record(struct fcgi_reply *reply, const struct record *record)
{
    if (record->type == RECORD_STDOUT)
        buffer_append(&reply->output, record->content, record->length);
    else if (record->type == RECORD_STDERR)
        buffer_append(&reply->errors, record->content, record->length);
    else if (record->type == RECORD_END)
        reply->ended = true;
}

bool fcgi_reply_feed(struct fcgi_reply *reply, const char *bytes, size_t length)
{
    buffer_append(&reply->wire, bytes, length);
    size_t taken = 0;
    while (!reply->ended && !reply->broken) {
        struct record record;
        ssize_t size = record_next(buffer_string(&reply->wire) + taken, reply->wire.length - taken, &record);
        if (size == 0)
            break;
        if (size < 0) {
            reply->broken = true;
            break;
        }
        take_record(reply, &record);
        taken += (size_t)size;
    }
    if (taken) {
        reply->wire.length -= taken;
        memmove(reply->wire.data, reply->wire.data + taken, reply->wire.length + 1);
    }
    reply->broken |= reply->wire.overflow || reply->output.overflow;
    return !reply->ended && !reply->broken;
}

/* RFC 3875 section 6.3.3: no Status line means 200. */
static bool read_status(struct fcgi_reply *reply, const char *head, size_t length)
{
    static const char name[] = "Status:";
    long long status = 200;
    for (const char *line = head; line < head + length;) {
        size_t size = strcspn(line, "\r\n");
        if (strncasecmp(line, name, sizeof name - 1) == 0) {
            char digits[4] = "";
            const char *value = line + sizeof name - 1;
            value += strspn(value, " ");
            snprintf(digits, sizeof digits, "%s", value);
            if (!parse_int(digits, 100, 999, &status))
                return false;
        }
        line += size;
        line += strspn(line, "\r\n");
    }
    reply->status = (int)status;
    return true;
}

bool fcgi_reply_finish(struct fcgi_reply *reply)
{
    const char *output = buffer_string(&reply->output);
    const char *end = strstr(output, "\r\n\r\n");
    if (!reply->ended || reply->broken || !end || !read_status(reply, output, (size_t)(end - output)))
        return false;
    reply->body = end + 4;
    reply->body_length = reply->output.length - (size_t)(reply->body - output);
    return true;
}

/* ---- connection ------------------------------------------------------------------------------------------------- */

static bool wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - monotonic_ms();
    return left > 0 && poll(&p, 1, (int)left) == 1;
}

static bool connect_to(int fd, const struct sockaddr *address, socklen_t size, int64_t deadline)
{
    int failure = 0;
    socklen_t length = sizeof failure;
    if (connect(fd, address, size) == 0)
        return true;
    if (errno != EINPROGRESS)
        return false;
    if (!wait_for(fd, POLLOUT, deadline)) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) == 0)
        errno = failure;
    return errno == 0;
}

/* -1 with errno when it cannot be connected in time. */
static int open_socket(const struct sockaddr *address, socklen_t size, int64_t deadline)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect_to(fd, address, size, deadline))
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int open_unix(const char *path, int64_t deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return open_socket((const struct sockaddr *)&address, sizeof address, deadline);
}

/* The addresses of a name before the deadline; an address stays as it is. */
static bool find_addresses(const char *host, int64_t deadline, struct addresses *found)
{
    struct lookup *lookup = lookup_needed(host) ? lookup_new(host) : NULL;
    if (!lookup) {
        found->count = 1;
        snprintf(found->text[0], sizeof found->text[0], "%.*s", ADDRESS_TEXT - 1, host);
        return true;
    }
    enum lookup_state state;
    lookup_ask(lookup, 0);
    while ((state = lookup_look(lookup, found)) == LOOKUP_PENDING && monotonic_ms() < deadline)
        lookup_wait(&lookup, 1, deadline);
    lookup_free(lookup);
    return state == LOOKUP_FOUND;
}

static int open_address(const char *address, const char *port, int64_t deadline)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;
    if (getaddrinfo(address, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = open_socket(found->ai_addr, found->ai_addrlen, deadline);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    return fd;
}

static int open_tcp(const struct fcgi_target *target, int64_t deadline)
{
    struct addresses found;
    int fd = -1;
    errno = EADDRNOTAVAIL;
    if (find_addresses(target->host, deadline, &found))
        for (size_t i = 0; i < found.count && fd < 0; i++)
            fd = open_address(found.text[i], target->port, deadline);
    else
        errno = EADDRNOTAVAIL;
    return fd;
}

static bool send_request(int fd, const char *path, int64_t deadline)
{
    struct buffer request;
    buffer_init(&request, REQUEST_MAX);
    fcgi_client_request(&request, path);
    size_t sent = 0;
    while (!request.overflow && sent < request.length && wait_for(fd, POLLOUT, deadline)) {
        ssize_t n = send(fd, request.data + sent, request.length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        sent += n > 0 ? (size_t)n : 0;
    }
    bool complete = request.length > 0 && sent == request.length;
    buffer_free(&request);
    return complete;
}

static bool read_reply(int fd, struct fcgi_reply *reply, int64_t deadline)
{
    char bytes[16 * KIB];
    while (wait_for(fd, POLLIN, deadline)) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n > 0 && !fcgi_reply_feed(reply, bytes, (size_t)n))
            return fcgi_reply_finish(reply);
    }
    return false;
}

enum fcgi_outcome fcgi_client_get(const struct fcgi_target *target, const char *path, int timeout_ms,
                                  struct fcgi_reply *reply, char *problem, size_t size)
{
    int64_t deadline = monotonic_ms() + timeout_ms;
    int fd = target->socket_path ? open_unix(target->socket_path, deadline) : open_tcp(target, deadline);
    if (fd < 0) {
        snprintf(problem, size, "cannot connect to %s%s%s: %s",
                 target->socket_path ? target->socket_path : target->host, target->socket_path ? "" : ":",
                 target->socket_path ? "" : target->port, strerror(errno));
        return FCGI_UNREACHABLE;
    }
    bool good = send_request(fd, path, deadline) && read_reply(fd, reply, deadline);
    bool late = monotonic_ms() >= deadline;
    close(fd);
    if (good)
        return FCGI_ANSWERED;
    snprintf(problem, size, late ? "no reply within %d ms" : "the reply is cut off or is not FastCGI (limit %d ms)",
             timeout_ms);
    return FCGI_NO_REPLY;
}
