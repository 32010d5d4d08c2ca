/* Body stream: a request's body in pieces, unpacked, for routes that take more than memory holds (ROUTE_STREAM). */
#pragma once

#include "request.h"

struct body_stream;

/* What is sent may be packed (Content-Encoding: gzip, zstd; RFC 9110 section 8.4), and is at most `max` bytes when it is not. The stream is
 * open until body_stream_close; one a process. ERR_MEDIA_TYPE for another encoding. */
enum error body_stream_open(struct request *rq, long long max, struct body_stream **out);
/* The next bytes, good until the next call; *length is 0 at the end. Says that the worker lives. ERR_VALIDATION: the client broke off, or what it
 * sent cannot be unpacked; ERR_TOO_LARGE. */
enum error body_stream_next(struct body_stream *stream, const char **bytes, size_t *length);
void body_stream_close(struct body_stream *stream);
