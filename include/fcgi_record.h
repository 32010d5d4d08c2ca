/* FastCGI records: the bytes on the wire (FastCGI specification 1.0, sections 3.3 and 3.4). Both ends use it: the worker
 * to write a reply in one piece, the health check to speak to a worker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buffer.h"

enum { RECORD_HEADER = 8, RECORD_MAX = 65528 }; /* content of one record: the most that needs no padding to 8 bytes */

enum record_type {
    RECORD_BEGIN = 1,
    RECORD_ABORT = 2,
    RECORD_END = 3,
    RECORD_PARAMS = 4,
    RECORD_STDIN = 5,
    RECORD_STDOUT = 6,
    RECORD_STDERR = 7,
};

struct record {
    int type;
    unsigned id;
    const char *content;
    size_t length;
};

/* The header of a record without padding; length is at most 65535. */
void record_header(unsigned char out[RECORD_HEADER], enum record_type type, unsigned id, size_t length);

/* Appends content as one record, or as many as it takes; an empty one (the end of a stream) when length is 0. */
void record_put(struct buffer *out, enum record_type type, unsigned id, const void *content, size_t length);

/* Appends the record that starts a request (role responder, the connection is closed after it). */
void record_begin(struct buffer *out, unsigned id);

/* Appends one name-value pair, to be sent inside PARAMS records. */
void record_param(struct buffer *out, const char *name, const char *value);

/* Takes the record at the front of bytes. Returns how many bytes it has with header and padding, 0 when some are still
 * missing, -1 when this is no FastCGI. record->content points into bytes. */
ssize_t record_next(const char *bytes, size_t length, struct record *record);
