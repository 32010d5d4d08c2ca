/* Arrays in PostgreSQL's binary format. */
#include "db_array.h"

#include <string.h>

#include "util.h"

enum { WORD = 4, FIRST = 1 };
#define EPOCH_US 946684800000000LL /* 2000-01-01, where PostgreSQL's times begin */

static const struct {
    uint32_t number; /* of the type */
    unsigned size;
} types[] = {
    [DB_INT2] = {21, 2},   [DB_INT4] = {23, 4}, [DB_INT8] = {20, 8}, [DB_UUID] = {2950, DB_UUID_BYTES},
    [DB_TIME] = {1184, 8},
};

static char *big_endian(char *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (char)(unsigned char)(value >> 8 * (size - 1 - i));
    return to + size;
}

void db_array_begin(struct buffer *out, enum db_array_type type, size_t count)
{
    const uint32_t words[] = {count > 0, 1 /* may have NULLs */, types[type].number, (uint32_t)count, FIRST};
    size_t used = count ? ARRAY_SIZE(words) : 3; /* without elements it has no dimension */
    buffer_cut(out, 0);
    char *to = buffer_extend(out, used * WORD);
    for (size_t i = 0; to && i < used; i++)
        to = big_endian(to, words[i], WORD);
}

void db_array_put(struct buffer *out, enum db_array_type type, int64_t value)
{
    unsigned size = types[type].size;
    char *to = buffer_extend(out, WORD + size);
    if (to)
        big_endian(big_endian(to, size, WORD), (uint64_t)(type == DB_TIME ? value - EPOCH_US : value), size);
}

void db_array_put_uuid(struct buffer *out, const unsigned char *bytes)
{
    char *to = buffer_extend(out, bytes ? WORD + DB_UUID_BYTES : WORD);
    if (!to)
        return;
    to = big_endian(to, bytes ? DB_UUID_BYTES : UINT32_MAX, WORD);
    if (bytes)
        memcpy(to, bytes, DB_UUID_BYTES);
}
