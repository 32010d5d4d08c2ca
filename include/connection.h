/* Connection: the few things done with a connected stream socket. Apart from fcgi.c because <sys/socket.h> and error.h
 * both have a MSG_CONFIRM. */
#ifndef CCR_CONNECTION_H
#define CCR_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* Takes a waiting connection of a non-blocking listener and bounds each read from it. -1 when none is waiting. */
int connection_accept(int listen_fd, int io_timeout_s);

/* The peer has closed its end for good: nobody is there to take a reply. */
bool connection_gone(int fd);

/* Sends everything, in one write unless the peer is slow; false when it went away or took nothing for so long. Changes
 * iov. */
bool connection_send(int fd, struct iovec *iov, size_t count, int io_timeout_s);

#endif
