/* HTTP client over libcurl. */
#include "http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "address.h"
#include "buffer.h"
#include "build_info.h"
#include "util.h"

enum {
    REDIRECTS_MAX = 3,
    HEADERS_MAX = 64 * KIB, /* of all answers on the way to the last */
    LOOK_MS = 100,
    LOOKUP_STACK = 512 * KIB, /* of a thread that looks a name up; the usual 8 MiB count fully against MEMORY_LIMIT */
};

/* One that is on its way. */
struct transfer {
    CURL *curl;
    struct http_ask *ask;
    const struct http_way *way;
    struct curl_slist *headers;
    struct buffer body;
    size_t header_bytes;
    int64_t began_ms;
    bool refused, too_large, sent;
};

/* ---- where it may go -------------------------------------------------------------------------------------------- */

static bool may_reach(const struct http_way *way, const char *address)
{
    return !way->allow || address_is_public(address) || networks_hold(way->allow, address);
}

/* libcurl connects to this very address next: no name is looked up again in between. */
static curl_socket_t open_socket(void *of, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = of;
    char text[INET6_ADDRSTRLEN];
    const void *address = to->family == AF_INET    ? (const void *)&((const struct sockaddr_in *)&to->addr)->sin_addr
                          : to->family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)&to->addr)->sin6_addr
                                                   : NULL;
    if (purpose == CURLSOCKTYPE_IPCXN && address && inet_ntop(to->family, address, text, sizeof text) &&
        may_reach(t->way, text))
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    t->refused = true;
    return CURL_SOCKET_BAD;
}

/* Connected, nothing is sent. A name of which any address was refused gets nothing, also where another one let us in. */
static int before_sending(void *of, char *address, char *own, int port, int own_port)
{
    struct transfer *t = of;
    (void)own;
    (void)port;
    (void)own_port;
    t->refused = t->refused || !may_reach(t->way, address);
    t->sent = !t->refused;
    return t->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- what comes back -------------------------------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t size, size_t count, void *of)
{
    struct transfer *t = of;
    buffer_append(&t->body, bytes, size * count);
    t->too_large = t->body.overflow;
    return t->too_large ? 0 : size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *of)
{
    struct transfer *t = of;
    (void)bytes;
    t->header_bytes += size * count;
    t->too_large = t->header_bytes > HEADERS_MAX;
    return t->too_large ? 0 : size * count;
}

static enum http_outcome outcome_of(const struct transfer *t, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum http_outcome outcome;
    } outcomes[] = {
        {CURLE_OK, HTTP_ANSWERED},
        {CURLE_UNSUPPORTED_PROTOCOL, HTTP_BAD_URL},
        {CURLE_URL_MALFORMAT, HTTP_BAD_URL},
        {CURLE_LOGIN_DENIED, HTTP_BAD_URL}, /* a user name in it */
        {CURLE_COULDNT_RESOLVE_HOST, HTTP_NO_NAME},
        {CURLE_COULDNT_CONNECT, HTTP_NO_CONNECTION},
        {CURLE_OPERATION_TIMEDOUT, HTTP_TOO_LATE},
        {CURLE_TOO_MANY_REDIRECTS, HTTP_TOO_FAR},
        {CURLE_SSL_CONNECT_ERROR, HTTP_NO_CERTIFICATE},
        {CURLE_PEER_FAILED_VERIFICATION, HTTP_NO_CERTIFICATE},
    };
    if (t->refused)
        return HTTP_REFUSED;
    if (t->too_large)
        return HTTP_TOO_LARGE;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && t->sent && !t->header_bytes)
        return HTTP_BAD_ANSWER; /* a body without headers is HTTP/0.9 for libcurl */
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        if (outcomes[i].code == code)
            return outcomes[i].outcome;
    return HTTP_BAD_ANSWER;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

static void set_limits(CURL *curl, const struct http_way *way, int64_t left_ms)
{
    long each_ms = way->each_ms < left_ms ? way->each_ms : (long)left_ms;
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, each_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, each_ms * 2 / 5);
    /* Without it libcurl would wait at the end for the thread that looks the name up, however long the name server is silent. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L); /* nobody else's connection, and none that stays open meanwhile */
}

/* What is left out: cookies, .netrc and stored HSTS, which libcurl only has when asked to. */
static void set_guards(CURL *curl, struct transfer *t)
{
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_sending);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever http_proxy says in the environment */
    curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
}

static void set_request(CURL *curl, struct transfer *t)
{
    char user_agent[64];
    snprintf(user_agent, sizeof user_agent, "ccr-ui-backend/%s", build_version);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(curl, CURLOPT_URL, t->ask->url);
    for (const char *const *header = t->ask->headers; header && *header; header++)
        t->headers = curl_slist_append(t->headers, *header);
    if (t->ask->body) {
        t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, t->ask->body);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
}

static void begin(CURLM *multi, struct transfer *t, int64_t deadline_ms)
{
    t->began_ms = monotonic_ms();
    t->curl = curl_easy_init();
    buffer_init(&t->body, t->way->body_max);
    if (!t->curl)
        return;
    curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
    set_limits(t->curl, t->way, deadline_ms - t->began_ms);
    set_guards(t->curl, t);
    set_request(t->curl, t);
    curl_multi_add_handle(multi, t->curl);
}

static void end(CURLM *multi, struct transfer *t, enum http_outcome outcome)
{
    long status = 0;
    if (t->curl) {
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(multi, t->curl);
        curl_easy_cleanup(t->curl);
    }
    curl_slist_free_all(t->headers);
    t->ask->outcome = outcome;
    t->ask->status = outcome == HTTP_ANSWERED ? (int)status : 0;
    t->ask->took_ms = t->began_ms ? (int)(monotonic_ms() - t->began_ms) : 0;
    t->ask->text = buffer_string(&t->body);
    t->ask->length = t->body.length;
    t->way->taken(t->ask, t->way->context);
    t->ask->text = NULL;
    buffer_free(&t->body);
    *t = (struct transfer){0};
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

struct round {
    CURLM *multi;
    struct transfer *transfers; /* HTTP_AT_ONCE of them; those with an `ask` are on their way */
    struct http_ask *asks;
    size_t count, next;
    const struct http_way *way;
    int64_t deadline_ms;
};

/* Fills the free places. */
static size_t begin_more(struct round *r)
{
    size_t running = 0;
    for (size_t i = 0; i < HTTP_AT_ONCE; i++) {
        struct transfer *t = &r->transfers[i];
        if (!t->ask && r->next < r->count && monotonic_ms() < r->deadline_ms) {
            *t = (struct transfer){.ask = &r->asks[r->next++], .way = r->way};
            begin(r->multi, t, r->deadline_ms);
        }
        running += t->ask != NULL;
    }
    return running;
}

/* False when there was none. */
static bool end_finished(struct round *r)
{
    int left;
    bool any = false;
    for (CURLMsg *message; (message = curl_multi_info_read(r->multi, &left));) {
        struct transfer *t = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        end(r->multi, t, outcome_of(t, code));
        any = true;
    }
    return any;
}

static void end_rest(struct round *r)
{
    for (size_t i = 0; i < HTTP_AT_ONCE; i++)
        if (r->transfers[i].ask)
            end(r->multi, &r->transfers[i], HTTP_TOO_LATE);
    while (r->next < r->count) {
        struct transfer never = {.ask = &r->asks[r->next++], .way = r->way};
        end(r->multi, &never, HTTP_NOT_ASKED);
    }
}

/* libcurl makes its threads with what is usual in the process. They take no signal from the worker, which keeps its own blocked. */
static void prepare_threads(void)
{
    static bool prepared;
    pthread_attr_t attributes;
    if (prepared || pthread_attr_init(&attributes) != 0)
        return;
    prepared =
        pthread_attr_setstacksize(&attributes, LOOKUP_STACK) == 0 && pthread_setattr_default_np(&attributes) == 0;
    pthread_attr_destroy(&attributes);
}

void http_ask_all(struct arena *arena, struct http_ask *asks, size_t count, const struct http_way *way)
{
    int running;
    struct round r = {.transfers = arena_array(arena, HTTP_AT_ONCE, sizeof *r.transfers),
                      .asks = asks,
                      .count = count,
                      .way = way,
                      .deadline_ms = monotonic_ms() + way->total_ms};
    prepare_threads();
    r.multi = curl_multi_init();
    while (r.multi && begin_more(&r) && monotonic_ms() < r.deadline_ms &&
           (!way->goes_on || way->goes_on(way->context))) {
        if (curl_multi_perform(r.multi, &running) != CURLM_OK)
            break;
        if (!end_finished(&r) && curl_multi_poll(r.multi, NULL, 0, LOOK_MS, NULL) != CURLM_OK)
            break;
    }
    end_rest(&r);
    curl_multi_cleanup(r.multi);
}
