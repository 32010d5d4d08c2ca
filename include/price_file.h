/* Price file: the text of a list of prices, wherever it is kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "util.h"

enum { PRICE_FILE_MAX = 16 * MIB };

/* All zero until it is read. */
struct price_file {
    struct buffer text;
    char source[400];     /* for people: the last part of its path, or its address */
    char when[TIME_TEXT]; /* since when its prices hold: when a file was written, now for an address */
};

/* Reads a file. False, and one line in `problem`, when there is none to read, or more than PRICE_FILE_MAX of it. price_file_free() it in
 * either case. */
bool price_file_load(struct price_file *file, const char *path, char *problem, size_t size);
/* The same of an http(s) address, which may be any: whoever administers the server has named it. 20 s are given to it. `goes_on`: as in
 * struct http_way; NULL = nobody asks. */
bool price_file_fetch(struct price_file *file, const char *url, bool (*goes_on)(void *context), void *context,
                      char *problem, size_t size);
void price_file_free(struct price_file *file);
