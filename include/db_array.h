/* Arrays of one dimension as arguments in PostgreSQL's binary format, which it reads several times as fast as their text: arguments of db_send
 * with their lengths. (array_recv, int2recv and the others of its source; the type numbers are those of pg_type.dat.) */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum db_array_type { DB_INT2, DB_INT4, DB_INT8, DB_UUID, DB_TIME };
enum { DB_UUID_BYTES = 16 };

/* Empties the buffer, and makes it an array of so many elements, which are then put into it one by one. */
void db_array_begin(struct buffer *out, enum db_array_type type, size_t count);
/* value: of DB_TIME microseconds since 1970. Of DB_INT2 and DB_INT4 it has to be in their range. Not for DB_UUID. */
void db_array_put(struct buffer *out, enum db_array_type type, int64_t value);
/* bytes: DB_UUID_BYTES of them; NULL is SQL NULL. */
void db_array_put_uuid(struct buffer *out, const unsigned char *bytes);
