/* Listener: takes over or opens the listening socket. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "systemd.h"

/* A full backlog is an immediate 502 from Nginx; the kernel caps this at net.core.somaxconn, 4096 by default. */
enum { BACKLOG = 4096, LOCK_TRIES = 100, LOCK_PAUSE_MS = 50 };

struct report {
    char *line;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct report *report, int status, const char *format,
                                                        ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report->line, report->size, format, args);
    va_end(args);
    return status;
}

static bool has_path(const struct listener_wish *wish)
{
    return wish->socket_path && *wish->socket_path;
}

/* ---- handed over ------------------------------------------------------------------------------------------------ */

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t size = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

static bool prepare_descriptor(int fd)
{
    int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);
    return flags >= 0 && fd_flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC) == 0;
}

static int take_over(struct listener *listener, int fd, const char *origin, const struct report *report)
{
    if (!is_listening(fd))
        return refuse(report, EX_USAGE, "what %s handed over is not a listening stream socket", origin);
    if (!prepare_descriptor(fd))
        return refuse(report, EX_OSERR, "the socket from %s cannot be used: %s", origin, strerror(errno));
    listener->fd = fd;
    listener->origin = origin;
    snprintf(listener->address, sizeof listener->address, "%s", origin);
    return 0;
}

static int take_descriptor_0(struct listener *listener, const struct report *report)
{
    /* Away from 0, so that nothing takes it for standard input. */
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
        return refuse(report, EX_OSERR, "the socket on descriptor 0 cannot be used: %s", strerror(errno));
    close(null);
    return take_over(listener, fd, "descriptor 0", report);
}

/* ---- a path of our own ------------------------------------------------------------------------------------------ */

static bool make_address(struct sockaddr_un *address, const char *path)
{
    if (strlen(path) >= sizeof address->sun_path)
        return false;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
}

/* Opens the directory of path. */
static int open_directory(const char *path, const struct report *report, int *out)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = !slash ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(directory, sizeof directory, "%.*s", length, slash ? path : ".");
    *out = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out >= 0)
        return 0;
    if (errno == ENOENT)
        return refuse(report, EX_CANTCREAT, "the directory %s of the socket does not exist: create it first",
                      directory);
    return refuse(report, EX_CANTCREAT, "the directory %s of the socket cannot be opened: %s", directory,
                  strerror(errno));
}

/* Two starts at the same time must not both find the old file stale. The lock ends when the descriptor is closed. */
static bool lock_directory(int directory)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0)
            return true;
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
    return false;
}

enum occupant { NOBODY, STALE_SOCKET, LIVE_SOCKET, OTHER_FILE };

/* What is at path. Only a refused connection proves that nobody listens: a full backlog (EAGAIN) is somebody, and without
 * permission we cannot know. */
static enum occupant find_occupant(const char *path, const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return errno == ENOENT ? NOBODY : OTHER_FILE;
    if (!S_ISSOCK(found.st_mode))
        return OTHER_FILE;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return LIVE_SOCKET;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused ? STALE_SOCKET : LIVE_SOCKET;
}

static int check_occupant(const char *path, enum occupant occupant, const struct report *report)
{
    if (occupant == LIVE_SOCKET)
        return refuse(report, EX_CANTCREAT,
                      "the socket %s is in use by another process: stop it, or choose another path", path);
    if (occupant == OTHER_FILE)
        return refuse(report, EX_CANTCREAT, "%s exists and is not a socket: move it away, or choose another path",
                      path);
    return 0;
}

static int bind_locked(struct listener *listener, const struct listener_wish *wish, const struct sockaddr_un *address,
                       const struct report *report)
{
    const char *path = wish->socket_path;
    enum occupant occupant = find_occupant(path, address);
    int status = check_occupant(path, occupant, report);
    if (status)
        return status;
    if (occupant == STALE_SOCKET)
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode through umask, not chmod: the file never has any other. */
    mode_t before = umask((mode_t)(0777 & ~wish->socket_mode));
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int reason = errno;
    umask(before);
    struct stat made;
    if (bound && (listen(fd, BACKLOG) != 0 || lstat(path, &made) != 0)) {
        reason = errno;
        unlink(path);
        bound = false;
    }
    if (!bound) {
        if (fd >= 0)
            close(fd);
        return refuse(report, EX_CANTCREAT, "the socket %s cannot be made: %s", path, strerror(reason));
    }
    listener->fd = fd;
    listener->origin = "socket";
    listener->device = made.st_dev;
    listener->inode = made.st_ino;
    snprintf(listener->address, sizeof listener->address, "%s", path);
    return 0;
}

static int open_path(struct listener *listener, const struct listener_wish *wish, const struct report *report)
{
    struct sockaddr_un address;
    if (!make_address(&address, wish->socket_path))
        return refuse(report, EX_USAGE, "the socket path is longer than %zu bytes: %s", sizeof address.sun_path - 1,
                      wish->socket_path);
    int directory;
    int status = open_directory(wish->socket_path, report, &directory);
    if (status)
        return status;
    if (lock_directory(directory))
        status = bind_locked(listener, wish, &address, report);
    else
        status = refuse(report, EX_CANTCREAT, "another process keeps the directory of %s locked", wish->socket_path);
    close(directory);
    return status;
}

/* ---- TCP -------------------------------------------------------------------------------------------------------- */

static int listen_tcp(struct listener *listener, const struct listener_wish *wish, const struct report *report)
{
    char port[8];
    snprintf(port, sizeof port, "%d", wish->port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *host = wish->host && *wish->host ? wish->host : "127.0.0.1";
    struct addrinfo *found;
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure)
        return refuse(report, EX_NOHOST, "HOST %s: %s", host, gai_strerror(failure));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1},
                   sizeof(int)); /* past connections in TIME_WAIT are no harm */
    bool bound = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(found);
    if (!bound) {
        if (fd >= 0)
            close(fd);
        return refuse(report, EX_CANTCREAT, "HOST and PORT: %s port %d cannot be listened on: %s", host, wish->port,
                      strerror(reason));
    }
    listener->fd = fd;
    listener->origin = "tcp";
    snprintf(listener->address, sizeof listener->address, "%s:%d", host, wish->port);
    return 0;
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

int listener_open(struct listener *listener, const struct listener_wish *wish, char *problem, size_t size)
{
    const struct report report = {problem, size};
    *listener = (struct listener){.fd = -1};
    int first;
    int handed = systemd_sockets(&first);
    if (handed > 1)
        return refuse(&report, EX_USAGE, "systemd handed over %d sockets: one is needed", handed);
    if (handed == 1)
        return take_over(listener, first, "systemd", &report);
    if (is_listening(STDIN_FILENO))
        return take_descriptor_0(listener, &report);
    if (has_path(wish))
        return open_path(listener, wish, &report);
    if (wish->port)
        return listen_tcp(listener, wish, &report);
    return refuse(&report, EX_USAGE,
                  "no socket to listen on: use --socket PATH, set SOCKET or PORT, or start this with systemd socket "
                  "activation or spawn-fcgi -n");
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    struct stat now;
    if (listener->inode && lstat(listener->address, &now) == 0 && now.st_dev == listener->device &&
        now.st_ino == listener->inode)
        unlink(listener->address);
    close(listener->fd);
    listener->fd = -1;
}

bool listener_check(const struct listener_wish *wish, char *line, size_t size)
{
    const struct report report = {line, size};
    if (!has_path(wish)) {
        if (wish->port)
            snprintf(line, size, "TCP port %d on %s", wish->port, wish->host);
        else
            snprintf(line, size, "none set: expected from systemd or spawn-fcgi");
        return true;
    }
    struct sockaddr_un address;
    int directory;
    if (!make_address(&address, wish->socket_path)) {
        refuse(&report, 0, "the path is longer than %zu bytes", sizeof address.sun_path - 1);
        return false;
    }
    if (open_directory(wish->socket_path, &report, &directory) != 0)
        return false;
    bool writable = faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0;
    close(directory);
    enum occupant occupant = find_occupant(wish->socket_path, &address);
    if (occupant == OTHER_FILE)
        return check_occupant(wish->socket_path, occupant, &report) == 0;
    if (occupant == LIVE_SOCKET) { /* no mistake in the settings: most likely the running server */
        snprintf(line, size, "%s (a server is listening there)", wish->socket_path);
        return true;
    }
    snprintf(line, size, writable ? "%s" : "%s: its directory is not writable for this user", wish->socket_path);
    return writable;
}
