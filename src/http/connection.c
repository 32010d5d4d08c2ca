/* Connection: accepting with time limits, and sending all of it. */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "log.h"

int connection_accept(int listen_fd, int io_timeout_s)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    int fd = accept4(listen_fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            log_error("accept failed", LOG_STR("reason", strerror(errno)));
        return -1;
    }
    const struct timeval limit = {.tv_sec = io_timeout_s};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (peer.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

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

static bool wait_until_writable(int fd, int timeout_s)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, timeout_s * 1000) == 1;
}

bool connection_send(int fd, struct iovec *iov, size_t count, int io_timeout_s)
{
    while (count) {
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN && wait_until_writable(fd, io_timeout_s))
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
