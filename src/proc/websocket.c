/* WebSockets: libwebsockets, told as little as it needs.
 *
 * Connections are accepted here and handed to it, so that the listening socket is opened as all of ours are. Where the time goes when
 * somebody is slow: the kernel's buffer of the connection (SEND_BUFFER), then the texts that wait here, shared by all whom they are for;
 * when those are too many, the connection ends. */
#include "websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

enum {
    HEADER_MAX = 16 * KIB,  /* of a handshake: cookies are long */
    HANDSHAKES = 32,        /* at once; the others wait */
    HANDSHAKE_S = 10,       /* how long one may take */
    SEND_BUFFER = 16 * KIB, /* bytes, of a connection in the kernel */
    ACCEPTED_AT_ONCE = 64,
    LAST_WORDS_S = 2, /* for who does not take the reason it is closed for */
    SPARE_FDS = 64,   /* beside the connections */
    FAREWELL = 3,     /* ticks */
    PING_S = 30,      /* after so much silence */
    SILENCE_S = 50,   /* and then the connection is gone */
};

/* What a descriptor is, by the id of its struct lws_protocols. */
enum protocol { PLAIN, NAMED, LISTENER, WATCHED };

struct websocket_text {
    struct websockets *all;
    unsigned uses;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE for the library, then the text */
};

struct connection {
    struct lws *wsi; /* NULL: the number is free */
    bool open;
    int closing; /* a status of RFC 6455; 0 = no */
    unsigned first, count;
    struct websocket_text *queue[WEBSOCKET_QUEUE]; /* a ring */
};

struct websockets {
    struct lws_context *library;
    struct lws_vhost *host;
    struct lws *watched;
    const struct websocket_handlers *handlers;
    void *context;
    int listen_fd;
    unsigned most, lowest_free; /* no number below it is free */
    size_t waiting;             /* bytes of texts that are not freed yet */
    int pause_ms;               /* until the next tick */
    int farewell; /* ticks that whoever can be told at once has to be told that the server goes; 0 = it does not go */
    bool ended;
    struct lws_protocols protocols[WATCHED + 2];
    lws_sorted_usec_list_t timer;
    struct connection connections[];
};

/* ---- texts ------------------------------------------------------------------------------------------------------ */

struct websocket_text *websocket_text_new(struct websockets *all, const char *text, size_t length)
{
    struct websocket_text *made = malloc(sizeof *made + LWS_PRE + length);
    if (!made)
        return NULL;
    made->all = all;
    made->uses = 1;
    made->length = length;
    memcpy(made->bytes + LWS_PRE, text, length);
    all->waiting += length;
    return made;
}

void websocket_text_free(struct websocket_text *text)
{
    if (!text || --text->uses)
        return;
    text->all->waiting -= text->length;
    free(text);
}

static void take_next(struct connection *c)
{
    websocket_text_free(c->queue[c->first]);
    c->first = (c->first + 1) % WEBSOCKET_QUEUE;
    c->count--;
}

bool websocket_send(struct websockets *all, unsigned number, struct websocket_text *text)
{
    struct connection *c = &all->connections[number];
    if (!text || !c->open || c->closing)
        return true;
    if (c->count == WEBSOCKET_QUEUE || (c->count && all->waiting > WEBSOCKET_WAITING_MAX)) {
        c->closing = WEBSOCKET_NOT_ALLOWED;
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        return false;
    }
    text->uses++;
    c->queue[(c->first + c->count++) % WEBSOCKET_QUEUE] = text;
    lws_callback_on_writable(c->wsi);
    return true;
}

void websocket_close(struct websockets *all, unsigned number, int status)
{
    struct connection *c = &all->connections[number];
    if (!c->wsi || c->closing)
        return;
    c->closing = status;
    while (c->count)
        take_next(c);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LAST_WORDS_S);
    lws_callback_on_writable(c->wsi);
}

/* ---- a connection's life ---------------------------------------------------------------------------------------- */

static struct connection *connection_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

static unsigned number_of(const struct websockets *all, const struct connection *c)
{
    return (unsigned)(c - all->connections);
}

static struct connection *free_connection(struct websockets *all)
{
    for (unsigned i = all->lowest_free; i < all->most; i++)
        if (!all->connections[i].wsi) {
            all->lowest_free = i;
            return &all->connections[i];
        }
    all->lowest_free = all->most;
    return NULL;
}

struct header {
    char text[HEADER_MAX];
};

static const char *header(struct lws *wsi, enum lws_token_indexes token, struct header *out)
{
    int length = lws_hdr_copy(wsi, out->text, sizeof out->text, token);
    return length > 0 ? out->text : "";
}

static int ask_whether_welcome(struct websockets *all, struct lws *wsi, unsigned number)
{
    static struct header path, host, origin, cookie, authorization, agent, protocol; /* too much for a stack */
    const struct websocket_handshake from = {
        .path = header(wsi, WSI_TOKEN_GET_URI, &path),
        .host = header(wsi, WSI_TOKEN_HOST, &host),
        .origin = header(wsi, WSI_TOKEN_ORIGIN, &origin),
        .cookie = header(wsi, WSI_TOKEN_HTTP_COOKIE, &cookie),
        .authorization = header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, &authorization),
        .user_agent = header(wsi, WSI_TOKEN_HTTP_USER_AGENT, &agent),
        .subprotocol = strcmp(header(wsi, WSI_TOKEN_PROTOCOL, &protocol), all->handlers->subprotocol) == 0,
    };
    int status = all->handlers->admit(all->context, number, &from);
    explicit_bzero(&cookie, sizeof cookie);
    explicit_bzero(&authorization, sizeof authorization);
    return status;
}

/* 0 goes on with the handshake; above, it was answered; below, the connection ends. */
static int handshake(struct websockets *all, struct lws *wsi)
{
    struct connection *c = free_connection(all);
    int status = c ? ask_whether_welcome(all, wsi, number_of(all, c)) : HTTP_STATUS_SERVICE_UNAVAILABLE;
    if (status != WEBSOCKET_WELCOME)
        return lws_return_http_status(wsi, (unsigned)status, NULL) ? -1 : 1;
    *c = (struct connection){.wsi = wsi};
    lws_set_opaque_user_data(wsi, c);
    return 0;
}

static void forget(struct websockets *all, struct connection *c)
{
    if (!c)
        return;
    while (c->count)
        take_next(c);
    lws_set_opaque_user_data(c->wsi, NULL);
    c->wsi = NULL;
    c->open = false;
    if (number_of(all, c) < all->lowest_free)
        all->lowest_free = number_of(all, c);
    all->handlers->closed(all->context, number_of(all, c));
}

/* As much as the kernel takes. */
static int write_some(struct connection *c)
{
    if (c->closing) {
        lws_close_reason(c->wsi, (enum lws_close_status)c->closing, NULL, 0);
        return -1;
    }
    while (c->count && !lws_send_pipe_choked(c->wsi)) {
        struct websocket_text *text = c->queue[c->first];
        int written = lws_write(c->wsi, text->bytes + LWS_PRE, text->length, LWS_WRITE_TEXT);
        take_next(c);
        if (written < 0)
            return -1;
    }
    if (c->count)
        lws_callback_on_writable(c->wsi);
    return 0;
}

static void hear(struct websockets *all, struct connection *c, const char *text, size_t length)
{
    bool whole =
        lws_is_first_fragment(c->wsi) && lws_is_final_fragment(c->wsi) && !lws_remaining_packet_payload(c->wsi);
    if (whole && length && length <= WEBSOCKET_HEARD && !lws_frame_is_binary(c->wsi))
        all->handlers->received(all->context, number_of(all, c), text, length);
}

/* ---- descriptors that are no connections ------------------------------------------------------------------------ */

static void accept_some(struct websockets *all)
{
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int fd = accept4(all->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), size = SEND_BUFFER;
        if (fd < 0)
            return;
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        lws_adopt_socket_vhost(all->host, fd);
    }
}

/* The library closes what it was given, so that it is given a copy. */
static struct lws *look_at(struct websockets *all, int fd, enum protocol protocol)
{
    lws_sock_file_fd_type copy = {.filefd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
    if (copy.filefd < 0)
        return NULL;
    struct lws *wsi =
        lws_adopt_descriptor_vhost(all->host, LWS_ADOPT_RAW_FILE_DESC, copy, all->protocols[protocol].name, NULL);
    if (!wsi)
        close(copy.filefd);
    return wsi;
}

void websockets_watch(struct websockets *all, int fd)
{
    if (all->watched)
        lws_set_timeout(all->watched, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    all->watched = fd >= 0 ? look_at(all, fd, WATCHED) : NULL;
}

static void can_be_read(struct websockets *all, struct lws *wsi)
{
    if (lws_get_protocol(wsi)->id == LISTENER)
        accept_some(all);
    else if (wsi == all->watched)
        all->handlers->readable(all->context);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct websockets *all = lws_context_user(lws_get_context(wsi));
    struct connection *c = wsi ? connection_of(wsi) : NULL;
    bool of_connection =
        reason == LWS_CALLBACK_ESTABLISHED || reason == LWS_CALLBACK_RECEIVE || reason == LWS_CALLBACK_SERVER_WRITEABLE;
    if (of_connection && !c)
        return -1;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return handshake(all, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        c->open = true;
        all->handlers->opened(all->context, number_of(all, c));
        return 0;
    case LWS_CALLBACK_RECEIVE:
        hear(all, c, in, length);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_some(c);
    case LWS_CALLBACK_WSI_DESTROY:
        forget(all, c);
        return 0;
    case LWS_CALLBACK_RAW_RX_FILE:
        can_be_read(all, wsi);
        return 0;
    case LWS_CALLBACK_RAW_CLOSE_FILE:
        all->watched = wsi == all->watched ? NULL : all->watched;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

static void say_farewell(struct websockets *all)
{
    all->farewell = FAREWELL;
    for (unsigned i = 0; i < all->most; i++)
        websocket_close(all, i, WEBSOCKET_GOING);
}

static void on_tick(lws_sorted_usec_list_t *timer)
{
    struct websockets *all = lws_container_of(timer, struct websockets, timer);
    all->pause_ms = WEBSOCKET_TICK_MS;
    if (all->farewell)
        all->ended = --all->farewell == 0;
    else if (!all->handlers->tick(all->context))
        say_farewell(all);
    lws_sul_schedule(all->library, 0, timer, on_tick, (lws_usec_t)all->pause_ms * LWS_US_PER_MS);
}

void websockets_soon(struct websockets *all, int milliseconds)
{
    all->pause_ms = milliseconds;
    lws_sul_schedule(all->library, 0, &all->timer, on_tick, (lws_usec_t)milliseconds * LWS_US_PER_MS);
}

static void say(int level, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    if (level & LLL_ERR)
        log_warn("libwebsockets", LOG_STR("said", text));
    else
        log_debug("libwebsockets", LOG_STR("said", text));
}

/* The library keeps a table by descriptor, as long as the limit is high. Where the limit cannot be as high as is wanted, there are fewer
 * connections: with no descriptor left none could be taken, not even to refuse it. */
static bool limit_descriptors(struct websockets *all)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max <= SPARE_FDS)
        return false;
    if (all->most + SPARE_FDS > limit.rlim_max) {
        all->most = (unsigned)(limit.rlim_max - SPARE_FDS);
        log_warn("fewer live connections than there could be: RLIMIT_NOFILE", LOG_INT("most", all->most));
    }
    limit.rlim_cur = all->most + SPARE_FDS;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool start_library(struct websockets *all)
{
    static const lws_retry_bo_t silence = {.secs_since_valid_ping = PING_S, .secs_since_valid_hangup = SILENCE_S};
    const char *const names[] = {"ccr-ui", all->handlers->subprotocol, "listener", "watched"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        all->protocols[i] = (struct lws_protocols){
            .name = names[i], .callback = on_event, .rx_buffer_size = WEBSOCKET_HEARD + 12, .id = i};
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = all->protocols,
        .user = all,
        .options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .max_http_header_data = HEADER_MAX,
        .max_http_header_pool = HANDSHAKES,
        .timeout_secs = HANDSHAKE_S,
        .keepalive_timeout = HANDSHAKE_S,
        .retry_and_idle_policy = &silence,
        .vhost_name = "events",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, say);
    all->library = lws_create_context(&info);
    all->host = all->library ? lws_get_vhost_by_name(all->library, "events") : NULL;
    return all->host && look_at(all, all->listen_fd, LISTENER);
}

struct websockets *websockets_new(int listen_fd, unsigned most, const struct websocket_handlers *handlers,
                                  void *context)
{
    struct websockets *all = calloc(1, sizeof *all + most * sizeof(struct connection));
    if (!all)
        return NULL;
    all->listen_fd = listen_fd;
    all->most = most;
    all->handlers = handlers;
    all->context = context;
    if (limit_descriptors(all) && start_library(all))
        return all;
    websockets_free(all);
    return NULL;
}

void websockets_free(struct websockets *all)
{
    if (all && all->library)
        lws_context_destroy(all->library);
    free(all);
}

bool websockets_run(struct websockets *all)
{
    int result = 0;
    lws_sul_schedule(all->library, 0, &all->timer, on_tick, 1);
    while (!all->ended && result >= 0)
        result = lws_service(all->library, 0);
    return all->ended;
}
