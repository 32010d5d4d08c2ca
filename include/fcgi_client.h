/* FastCGI client: asks a running server one question over its socket, the way Nginx does. For the health check. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

struct fcgi_target {
    const char *socket_path; /* NULL: TCP */
    const char *host, *port;
};

struct fcgi_reply {
    struct buffer wire;   /* bytes not yet taken apart */
    struct buffer output; /* what the server wrote to STDOUT: CGI head and body */
    struct buffer errors; /* STDERR */
    bool ended;           /* END_REQUEST came: nothing is missing */
    bool broken;          /* no FastCGI, or too much of it */
    int status;           /* HTTP status, 0 before fcgi_reply_finish */
    const char *body;     /* inside output */
    size_t body_length;
};

void fcgi_reply_init(struct fcgi_reply *reply);
void fcgi_reply_free(struct fcgi_reply *reply);
/* Takes bytes from the server, in pieces of any size. False once the reply has ended or is broken. */
bool fcgi_reply_feed(struct fcgi_reply *reply, const char *bytes, size_t length);
/* Splits a reply that has ended into status and body; false when it is no CGI response. */
bool fcgi_reply_finish(struct fcgi_reply *reply);

/* The records of a GET for path (with query, if any). */
void fcgi_client_request(struct buffer *out, const char *path);

enum fcgi_outcome {
    FCGI_ANSWERED,
    FCGI_UNREACHABLE, /* nobody listens, or no permission */
    FCGI_NO_REPLY,    /* connected, but no complete reply within the time, or one that makes no sense */
};

/* GET path. A line in problem unless FCGI_ANSWERED. */
enum fcgi_outcome fcgi_client_get(const struct fcgi_target *target, const char *path, int timeout_ms,
                                  struct fcgi_reply *reply, char *problem, size_t size);
