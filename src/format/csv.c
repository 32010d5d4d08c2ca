/* CSV: what may stand in a cell. */
#include "csv.h"

#include <string.h>

void csv_put_cell(struct buffer *out, const char *text)
{
    buffer_char(out, '"');
    if (text && strchr("=+-@\t\r\n", *text) && *text)
        buffer_char(out, '\'');
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '"')
            buffer_char(out, '"');
        buffer_char(out, *c);
    }
    buffer_char(out, '"');
}
