/* HTTP client: the one way in which this program asks servers that somebody named, one or many at a time. It reaches public addresses and
 * those that the settings allow, whatever a name or a redirect leads to; it sends no cookies, reads no proxy and no password from the
 * machine it runs on, and gives up in time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* What came of one. */
enum http_outcome {
    HTTP_ANSWERED,       /* whatever the status */
    HTTP_REFUSED,        /* its address, or one that it redirects to, is private and not allowed */
    HTTP_BAD_URL,        /* or a redirect to what is none */
    HTTP_NO_NAME,        /* nobody knows an address of that name */
    HTTP_NO_CONNECTION,  /* nobody listens there, or hung up */
    HTTP_TOO_LATE,       /* it took longer than it may */
    HTTP_TOO_LARGE,      /* more body or headers than there may be */
    HTTP_TOO_FAR,        /* redirected again and again */
    HTTP_NO_CERTIFICATE, /* TLS: it is not who it says it is, or speaks another TLS */
    HTTP_BAD_ANSWER,     /* it speaks no HTTP, or broke off */
    HTTP_NOT_ASKED,      /* there was no time left for it */
    HTTP_OUTCOMES
};

struct http_ask {
    const char *url;
    const char *const
        *headers;     /* "Name: value", ends with NULL; NULL = none. Authorization goes to the URL's own host only */
    const char *body; /* POSTed as JSON; NULL = GET */
    void *of;         /* the caller's */
    enum http_outcome outcome;
    int status;       /* of the answer; 0 = none came */
    int took_ms;      /* until all of it was there, or it was given up */
    const char *text; /* the answer's body, NUL-terminated; only until way.taken returns */
    size_t length;
};

struct http_way {
    const char
        *allow;      /* networks that may be reached although they are private (address.h); NULL = any address may be */
    int each_ms;     /* for one, two fifths of it for name and connection */
    int total_ms;    /* for all of them */
    size_t body_max; /* bytes of one answer */
    void (*taken)(struct http_ask *ask, void *context); /* one has come to its end; in whatever order. Never NULL */
    bool (*goes_on)(void *context); /* called every 100 ms at the latest; false = give up. NULL = nobody asks */
    void *context;
};

/* Asks all of them, HTTP_AT_ONCE at a time, and returns when each has its outcome. http and https only, 3 redirects at most. `arena` is
 * for the meantime; what libcurl has is freed before it returns. Names are looked up in threads, so that a name server that is silent
 * takes no longer than the rest. */
enum { HTTP_AT_ONCE = 64 };
void http_ask_all(struct arena *arena, struct http_ask *asks, size_t count, const struct http_way *way);
