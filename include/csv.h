/* CSV (RFC 4180), for spreadsheets. */
#pragma once

#include "buffer.h"

/* A cell in quotes; NULL is an empty one. A spreadsheet takes a cell that begins like a formula for one, and many names are chosen by others
 * than who opens it: an apostrophe in front makes it text (OWASP, CSV injection). */
void csv_put_cell(struct buffer *out, const char *text);
