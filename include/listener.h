/* Listener: where the listening socket comes from. In this order: systemd (LISTEN_FDS), a listening socket on descriptor 0
 * (spawn-fcgi -n, StandardInput=socket), a path of our own (--socket, SOCKET), HOST and PORT. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What was asked for, should nothing be handed over. */
struct listener_wish {
    const char *socket_path; /* NULL or "" = none */
    int socket_mode;
    const char *host;
    int port; /* 0 = none */
};

struct listener {
    int fd;             /* CLOEXEC, O_NONBLOCK */
    const char *origin; /* "systemd", "descriptor 0", "socket", "tcp": for the log */
    char address[PATH_MAX];
    /* A path bound by us is removed by listener_close when it is still the same file; 0 = not ours. */
    dev_t device;
    ino_t inode;
};

/* 0, or an exit status (sysexits.h) and one line in problem. */
int listener_open(struct listener *listener, const struct listener_wish *wish, char *problem, size_t size);
void listener_close(struct listener *listener);

/* Whether listener_open would succeed with the wish, changing nothing: for check-config. The line says what was found. */
bool listener_check(const struct listener_wish *wish, char *line, size_t size);
