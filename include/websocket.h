/* WebSockets (RFC 6455), for a process that does nothing else: a loop that takes connections from a listening socket, asks whether one
 * is welcome, and sends the same texts to many. src/proc/websocket.c is the only file with libwebsockets.
 *
 * A connection is known by its number, below the most there may be at once; a number is used again when its connection is gone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct websockets;

/* What the client's handshake says; "" where it says nothing. Valid for the call. */
struct websocket_handshake {
    const char *path, *host, *origin, *cookie, *authorization, *user_agent;
    bool subprotocol; /* it asks for the one that there is, instead of for none */
};

struct websocket_handlers {
    const char *subprotocol; /* the one that there is */
    /* WEBSOCKET_WELCOME, else the HTTP status that it is refused with. */
    int (*admit)(void *context, unsigned number, const struct websocket_handshake *from);
    void (*opened)(void *context, unsigned number);
    /* A text of at most WEBSOCKET_HEARD bytes; longer ones are passed over. */
    void (*received)(void *context, unsigned number, const char *text, size_t length);
    /* One that was welcome is gone, whether it was opened or not. */
    void (*closed)(void *context, unsigned number);
    void (*readable)(void *context); /* see websockets_watch */
    /* Every WEBSOCKET_TICK_MS; false ends the loop. */
    bool (*tick)(void *context);
};

enum {
    WEBSOCKET_WELCOME = 101,
    WEBSOCKET_HEARD = 500,
    WEBSOCKET_TICK_MS = 100,
    WEBSOCKET_QUEUE = 64, /* texts that wait for a connection; at one more it is too slow, and dropped */
    WEBSOCKET_WAITING_MAX =
        32 * 1024 * 1024,         /* bytes of all texts that wait; beyond it one that waits makes too slow */
    WEBSOCKET_GOING = 1001,       /* RFC 6455 section 7.4.1: the server goes away … */
    WEBSOCKET_NOT_ALLOWED = 1008, /* … or what it is asked for is not allowed (any more) */
};

/* Serves at most `most` connections of the listening socket, which stays the caller's: fewer where this process may not have as many
 * descriptors. NULL when there is no memory. */
struct websockets *websockets_new(int listen_fd, unsigned most, const struct websocket_handlers *handlers,
                                  void *context);
void websockets_free(struct websockets *all);

/* From now on `readable` is called when something can be read from this descriptor, which stays the caller's; -1 = from none. */
void websockets_watch(struct websockets *all, int fd);

/* The next tick comes after so many milliseconds. */
void websockets_soon(struct websockets *all, int milliseconds);

/* Until `tick` says that it is enough; then everybody is told that the server goes away. False when the loop broke. */
bool websockets_run(struct websockets *all);

/* A text that is sent to some: made once, however many there are. */
struct websocket_text;
struct websocket_text *websocket_text_new(struct websockets *all, const char *text,
                                          size_t length); /* NULL: no memory */
void websocket_text_free(struct websocket_text *text);    /* once it was handed to all; NULL is let be */

/* Sends it when the client can take it; NULL sends nothing. False when it was too slow, and is dropped. */
bool websocket_send(struct websockets *all, unsigned number, struct websocket_text *text);
/* Says why and closes, without what still waits. */
void websocket_close(struct websockets *all, unsigned number, int status);
