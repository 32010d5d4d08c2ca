/* Host names, looked up without waiting for longer than wanted. glibc asks in a thread of its own (getaddrinfo_a(3)), with every
 * signal blocked in it, so that nsswitch.conf, /etc/hosts, gai.conf and resolv.conf count as they do for every other program.
 *
 * The last good answer of each name is kept in memory that all workers share. It is used while the name server says nothing:
 * PostgreSQL does not become unreachable because DNS is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

enum { LOOKUP_ADDRESSES = 8 };

/* In the order in which they are to be tried (RFC 6724). */
struct addresses {
    size_t count;
    char text[LOOKUP_ADDRESSES][ADDRESS_TEXT];
};

/* What processes forked later share. Without it, and when it fails, each process remembers for itself. */
void lookup_init(void);

/* False for an address, a socket's path and "": there is nothing to ask anybody for. */
bool lookup_needed(const char *host);

struct lookup;

/* A name to look up; copied. NULL when it is too long to be one. */
struct lookup *lookup_new(const char *name);
void lookup_free(struct lookup *lookup);

/* Asks, unless the answer to an earlier question is still awaited: a silent name server is never asked twice at a time. For
 * patience_ms only a new answer will do, then the last good one will, too; at once when it is known that the name server was
 * silent a moment ago.
 *
 * Not in a process that forks afterwards: glibc's thread does not go along, and the child would wait for it for ever. */
void lookup_ask(struct lookup *lookup, int patience_ms);

enum lookup_state { LOOKUP_PENDING, LOOKUP_FOUND, LOOKUP_FAILED };

/* How the last question stands; *out is set when it is LOOKUP_FOUND. Waits for nothing. */
enum lookup_state lookup_look(struct lookup *lookup, struct addresses *out);
/* Waits until one of them stands otherwise, or until_ms (monotonic clock). NULLs are left out. */
void lookup_wait(struct lookup *const *lookups, size_t count, int64_t until_ms);

/* Why there is no address, in words, with the name; valid until the next call with the same lookup. */
const char *lookup_problem(struct lookup *lookup);
