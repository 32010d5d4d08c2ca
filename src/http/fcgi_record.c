/* FastCGI records: encoding and decoding. */
#include "fcgi_record.h"

#include <string.h>

enum { VERSION = 1, ROLE_RESPONDER = 1, SHORT_LENGTH = 127 };

void record_header(unsigned char out[RECORD_HEADER], enum record_type type, unsigned id, size_t length)
{
    out[0] = VERSION;
    out[1] = (unsigned char)type;
    out[2] = (unsigned char)(id >> 8);
    out[3] = (unsigned char)id;
    out[4] = (unsigned char)(length >> 8);
    out[5] = (unsigned char)length;
    out[6] = out[7] = 0;
}

void record_put(struct buffer *out, enum record_type type, unsigned id, const void *content, size_t length)
{
    const char *bytes = content;
    do {
        size_t part = length < RECORD_MAX ? length : RECORD_MAX;
        unsigned char header[RECORD_HEADER];
        record_header(header, type, id, part);
        buffer_append(out, header, sizeof header);
        if (part)
            buffer_append(out, bytes, part);
        bytes = part ? bytes + part : bytes;
        length -= part;
    } while (length);
}

void record_begin(struct buffer *out, unsigned id)
{
    static const unsigned char body[8] = {0, ROLE_RESPONDER}; /* flags 0: no FCGI_KEEP_CONN */
    record_put(out, RECORD_BEGIN, id, body, sizeof body);
}

static void put_length(struct buffer *out, size_t length)
{
    const unsigned char bytes[4] = {(unsigned char)(0x80 | length >> 24), (unsigned char)(length >> 16),
                                    (unsigned char)(length >> 8), (unsigned char)length};
    if (length > SHORT_LENGTH)
        buffer_append(out, bytes, sizeof bytes);
    else
        buffer_append(out, bytes + 3, 1);
}

void record_param(struct buffer *out, const char *name, const char *value)
{
    size_t name_length = strlen(name), value_length = strlen(value);
    put_length(out, name_length);
    put_length(out, value_length);
    buffer_append(out, name, name_length);
    buffer_append(out, value, value_length);
}

ssize_t record_next(const char *bytes, size_t length, struct record *record)
{
    unsigned char header[RECORD_HEADER];
    if (length > 0 && bytes[0] != VERSION)
        return -1;
    if (length < sizeof header)
        return 0;
    memcpy(header, bytes, sizeof header);
    size_t content = (size_t)header[4] << 8 | header[5];
    size_t whole = sizeof header + content + header[6];
    if (length < whole)
        return 0;
    record->type = header[1];
    record->id = (unsigned)header[2] << 8 | header[3];
    record->content = bytes + sizeof header;
    record->length = content;
    return (ssize_t)whole;
}
