/* Connection: accepting with time limits, and sending all of it. */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "log.h"
#include "util.h"

int connection_accept(int listen_fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    int fd = accept4(listen_fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            log_error("accept failed", LOG_STR("reason", strerror(errno)));
        return -1;
    }
    if (peer.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

ssize_t connection_peek(int fd, char *out, size_t size)
{
    ssize_t length = recv(fd, out, size, MSG_PEEK | MSG_DONTWAIT);
    return length < 0 && errno != EAGAIN ? 0 : length;
}

bool connection_wait(int fd, bool arrived, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = arrived ? POLLRDHUP : POLLIN | POLLRDHUP};
    return poll(&p, 1, timeout_ms) != 1 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool connection_others_wait(int listen_fd)
{
    struct pollfd p = {.fd = listen_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* ---- deadline --------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t bounded_fd = -1;

/* Not the interrupted call alone: the signal may come just before the next one begins to wait. */
static void on_deadline(int signal_number)
{
    int before = errno;
    (void)signal_number;
    if (bounded_fd >= 0)
        shutdown(bounded_fd, SHUT_RD);
    errno = before;
}

void connection_deadline(int fd, int64_t in_ms)
{
    static bool prepared;
    int64_t ms = in_ms > 0 ? in_ms : 1;
    const struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};
    if (!prepared) {
        const struct sigaction action = {.sa_handler = on_deadline, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &action, NULL);
        prepared = true;
    }
    bounded_fd = fd;
    setitimer(ITIMER_REAL, &timer, NULL);
}

void connection_no_deadline(void)
{
    bounded_fd = -1;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

bool connection_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    int domain = AF_UNIX;
    socklen_t size = sizeof domain;
    if (poll(&p, 1, 0) != 1)
        return false;
    if (p.revents & (POLLHUP | POLLERR))
        return true;
    /* TCP cannot tell a peer that closed from one that has nothing more to send; no web server does the latter. */
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain != AF_UNIX;
}

static bool wait_until_writable(int fd, int64_t *until_ms, int timeout_s)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int64_t now = monotonic_ms();
    if (!*until_ms)
        *until_ms = now + timeout_s * 1000LL;
    return *until_ms > now && poll(&p, 1, (int)(*until_ms - now)) == 1;
}

bool connection_send(int fd, struct iovec *iov, size_t count, int io_timeout_s)
{
    int64_t until_ms = 0; /* set once it has to wait */
    while (count) {
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN && wait_until_writable(fd, &until_ms, io_timeout_s))
            continue;
        if (sent < 0)
            return false;
        while (count && (size_t)sent >= iov->iov_len) {
            sent -= (ssize_t)iov->iov_len;
            iov++;
            count--;
        }
        if (count) {
            iov->iov_base = (char *)iov->iov_base + sent;
            iov->iov_len -= (size_t)sent;
        }
    }
    return true;
}
