/* Entity tags of a request: If-Match and If-None-Match, taken apart. */
#include "etag.h"

#include <string.h>

#include "util.h"

/* What Apache (mod_deflate, mod_brotli), Jetty and content delivery networks put behind a tag when they compress the answer. */
static const char *const codings[] = {"gzip", "br", "zstd", "deflate"};

/* The tag's length without a compressing proxy's suffix: a coding behind "-", "--" or ";". */
static size_t without_coding(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(codings); i++) {
        size_t coding = strlen(codings[i]);
        if (length <= coding || memcmp(text + length - coding, codings[i], coding) != 0)
            continue;
        size_t left = length - coding;
        if (text[left - 1] == ';')
            return left - 1;
        while (left > 0 && text[left - 1] == '-')
            left--;
        return left < length - coding ? left : length;
    }
    return length;
}

bool etag_next(const char **list, struct etag *tag)
{
    const char *at = *list + strspn(*list, " ,\t");
    at += strncmp(at, "W/", 2) == 0 ? 2 : 0;
    const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
    if (!end || !strchr(", \t", end[1]))
        return false;
    *list = end + 1;
    tag->text = at + 1;
    tag->length = without_coding(tag->text, (size_t)(end - tag->text));
    return true;
}

bool etag_any(const char *list)
{
    list += strspn(list, " \t");
    return *list == '*' && list[1 + strspn(list + 1, " \t")] == '\0';
}
