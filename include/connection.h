/* Connection: the few things done with a connected stream socket. Apart from fcgi.c because <sys/socket.h> and error.h
 * both have a MSG_CONFIRM. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Takes a waiting connection of a non-blocking listener. -1 when none is waiting. Reads from it wait for as long as they
 * must: whoever reads sets a deadline. */
int connection_accept(int listen_fd);

/* What has arrived and is not read yet, at most `size` bytes of it, without taking it. 0 when the peer has closed, -1 when
 * nothing has arrived. */
ssize_t connection_peek(int fd, char *out, size_t size);

/* Waits until there is something to read, or, when `arrived` says that there is already, until the peer closes; at most
 * for so long. False when the peer has closed for good. */
bool connection_wait(int fd, bool arrived, int timeout_ms);

/* Others are waiting for somebody to accept them. */
bool connection_others_wait(int listen_fd);

/* From so many milliseconds on (not 0) reading from the connection ends, however little it gets at a time: as if the peer
 * had closed its end. One connection a process has a deadline; connection_no_deadline takes it off. */
void connection_deadline(int fd, int64_t in_ms);
void connection_no_deadline(void);

/* The peer has closed its end for good: nobody is there to take a reply. */
bool connection_gone(int fd);

/* Sends everything, in one write unless the peer is slow; false when it went away or needed longer than that. Changes iov. */
bool connection_send(int fd, struct iovec *iov, size_t count, int io_timeout_s);
