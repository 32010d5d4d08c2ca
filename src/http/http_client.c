/* HTTP client over libcurl. */
#include "http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "build_info.h"
#include "util.h"

static size_t take_bytes(char *bytes, size_t size, size_t count, void *out)
{
    struct buffer *buffer = out;
    buffer_append(buffer, bytes, size * count);
    return buffer->overflow ? 0 : size * count;
}

char *http_get(struct arena *arena, const char *url, int timeout_ms, char *problem, size_t size)
{
    char *text = NULL;
    long status = 0;
    char user_agent[64];
    struct buffer body;
    CURL *curl = curl_easy_init();
    buffer_init(&body, MIB);
    snprintf(problem, size, "out of memory");
    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 3L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms * 2 / 5);
    /* libcurl looks names up in a thread of its own, and would wait for it at the end, however long the name server is silent. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    snprintf(user_agent, sizeof user_agent, "ccr-ui-backend/%s", build_version);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        snprintf(problem, size, "%s", curl_easy_strerror(code));
    else if (status != 200)
        snprintf(problem, size, "status %ld", status);
    else
        text = arena_strdup(arena, buffer_string(&body));
    curl_easy_cleanup(curl);
    buffer_free(&body);
    return text;
}
