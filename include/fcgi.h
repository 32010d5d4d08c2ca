/* FastCGI: the worker's end of the socket. Waits for a connection, hands a request over, writes the reply. One request a
 * connection, one connection at a time. src/http/fcgi.c is the only file that includes libfcgi. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "request.h"
#include "response.h"

struct fcgi;

enum fcgi_wake {
    FCGI_CONNECTION, /* somebody connected: try fcgi_accept */
    FCGI_OTHER,      /* the other descriptor is readable: see to it */
    FCGI_TICK,       /* the time is up; try fcgi_accept all the same */
    FCGI_SIGNAL,     /* a signal handler ran */
};

/* One per process. `io_timeout_s` bounds reading a body and sending a reply, each as a whole. The signal handlers of the process must be
 * installed before. NULL when it cannot start (logged). */
struct fcgi *fcgi_new(int listen_fd, int io_timeout_s);

/* From now on fcgi_wait also wakes for what can be read from `other_fd` (-1 = nothing new), until that is closed. Call it for
 * every new descriptor, whatever its number. */
void fcgi_watch(struct fcgi *fcgi, int other_fd);

/* Waits for a connection, for the other descriptor, for a signal or until the time is up. `while_waiting` is the signal mask
 * meanwhile: everything stays blocked outside, because a signal would cut a body short. */
enum fcgi_wake fcgi_wait(struct fcgi *fcgi, int timeout_ms, const sigset_t *while_waiting);

/* Takes a waiting connection; false when there is none (another worker was faster). */
bool fcgi_accept(struct fcgi *fcgi);

/* Reads the parameters; false when the peer broke off, made no sense, or did not send them all within a moment (the
 * connection is then closed). */
bool fcgi_read(struct fcgi *fcgi);
/* For request.gone: the peer has closed the connection, so nobody waits for a reply. */
bool fcgi_gone(void *source);
/* "NAME=value", NULL-terminated; valid until fcgi_close. */
const char *const *fcgi_params(const struct fcgi *fcgi);
/* For request.read, with the struct fcgi as source. */
size_t fcgi_read_body(void *source, char *out, size_t size);
/* For request.more_time. */
void fcgi_more_time(void *source);

/* Makes a request of parameters: what dispatch() is given. Parameters whose name is not of A-Z, a-z, 0-9 and _ are left
 * out, and so are those beyond MAX_PARAMS. The strings are not copied. */
enum { MAX_PARAMS = 256 };
void fcgi_request(struct request *rq, struct arena *arena, const struct service *service, const char *const *params);

/* Sends the reply; false when the peer went away. */
bool fcgi_respond(struct fcgi *fcgi, const struct request *rq, const struct response *rs);
void fcgi_close(struct fcgi *fcgi);
