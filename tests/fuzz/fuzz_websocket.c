/* Fuzzer for what clients of live events send: a handshake that is welcome, then any bytes, to the server as it runs; and notifications,
 * which whoever may connect to the database may send. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "event_text.h"
#include "log.h"
#include "util.h"
#include "websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 8, TEXT_MAX = 64 * KIB, PATIENCE_MS = 5000 };

static const char handshake[] = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static struct websockets *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_size;
static bool open_numbers[MOST];

static void expect(bool good)
{
    if (!good)
        abort();
}

/* ---- the server, in a thread of its own ------------------------------------------------------------------------- */

static int admit(void *context, unsigned number, const struct websocket_handshake *from)
{
    (void)context;
    expect(number < MOST && !open_numbers[number]);
    open_numbers[number] = true;
    expect(strlen(from->path) && !from->subprotocol);
    return WEBSOCKET_WELCOME;
}

static void opened(void *context, unsigned number)
{
    (void)context;
    expect(open_numbers[number]);
}

static void received(void *context, unsigned number, const char *text, size_t length)
{
    (void)context;
    expect(open_numbers[number] && length > 0 && length <= WEBSOCKET_HEARD);
    const char *answer = event_answer(text, length);
    struct websocket_text *out = answer ? websocket_text_new(server, answer, strlen(answer)) : NULL;
    websocket_send(server, number, out);
    websocket_text_free(out);
}

static void closed(void *context, unsigned number)
{
    (void)context;
    expect(open_numbers[number]);
    open_numbers[number] = false;
}

static void readable(void *context)
{
    (void)context;
}

static bool tick(void *context)
{
    (void)context;
    return true;
}

static const struct websocket_handlers handlers = {"other", admit, opened, received, closed, readable, tick};

static void *run(void *unused)
{
    (void)unused;
    websockets_run(server);
    abort();
}

/* libFuzzer looks at the time at each alarm, which would end what the client waits for. */
static void leave_alarms_to_others(void)
{
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    expect(pthread_sigmask(SIG_BLOCK, &alarms, NULL) == 0);
}

static void start(void)
{
    pthread_t thread;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    address_size = sizeof(sa_family_t); /* Linux gives it a name that no other has (unix(7), autobind) */
    expect(fd >= 0 && bind(fd, (struct sockaddr *)&address, address_size) == 0 && listen(fd, MOST) == 0);
    address_size = sizeof address;
    expect(getsockname(fd, (struct sockaddr *)&address, &address_size) == 0);
    server = websockets_new(fd, MOST, &handlers, NULL);
    expect(server && pthread_create(&thread, NULL, run, NULL) == 0);
    leave_alarms_to_others();
}

/* ---- the client ------------------------------------------------------------------------------------------------- */

/* To the end of what it says, however it ends; longer silence is a server that hangs. */
static void read_to_the_end(int fd)
{
    char answer[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t got = 1;
    while (got > 0) {
        expect(poll(&p, 1, PATIENCE_MS) == 1);
        got = recv(fd, answer, sizeof answer, 0);
    }
}

static void send_frames(const uint8_t *data, size_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    expect(fd >= 0 && connect(fd, (struct sockaddr *)&address, address_size) == 0);
    expect(send(fd, handshake, sizeof handshake - 1, MSG_NOSIGNAL) == sizeof handshake - 1);
    send(fd, data, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    read_to_the_end(fd);
    close(fd);
}

/* ---- notifications ---------------------------------------------------------------------------------------------- */

static void read_notification(const uint8_t *data, size_t size)
{
    struct event_news news;
    struct buffer out;
    char *payload = strndup((const char *)data, size);
    if (event_read(payload, &news)) {
        event_name(&news, "team", NULL);
        for (enum event_dialect dialect = 0; dialect < EVENT_DIALECTS; dialect++) {
            struct json_failure failure;
            buffer_init(&out, TEXT_MAX);
            event_write(&out, dialect, &news);
            json_t *message = out.overflow ? NULL : json_parse(buffer_string(&out), out.length, &failure);
            expect(out.overflow || json_is_object(message));
            json_decref(message);
            buffer_free(&out);
        }
        json_decref(news.change);
    }
    free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!server)
        start();
    read_notification(data, size);
    send_frames(data, size);
    return 0;
}
