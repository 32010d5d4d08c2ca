/* URLs: libcurl's parser, held to what RFC 3986 asks where it is more lenient. */
#include "url.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "util.h"

static size_t scheme_length(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 ? 7 : strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

bool url_is_http(const char *text)
{
    return scheme_length(text) > 0;
}

/* libcurl takes more than two slashes, "host:" for a host without a port, and port 0. */
static bool sound_authority(const char *authority)
{
    size_t length = strcspn(authority, "/?#");
    return length > 0 && authority[length - 1] != ':';
}

static bool parses(struct arena *arena, const char *text)
{
    char *port = NULL;
    CURLU *url = curl_url();
    CURLUcode code = url ? curl_url_set(url, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_PORT, &port, 0);
    bool without_port = code == CURLUE_NO_PORT, sound = without_port || (code == CURLUE_OK && strcmp(port, "0") != 0);
    curl_free(port);
    curl_url_cleanup(url);
    if (code == CURLUE_OUT_OF_MEMORY)
        arena_exhausted(arena);
    return sound;
}

bool url_valid(struct arena *arena, const char *text)
{
    size_t scheme = scheme_length(text);
    return scheme && sound_authority(text + scheme) && !strpbrk(text, "\"<>\\^`{|}") && !has_white_space(text) &&
           !has_control(text) && parses(arena, text);
}
