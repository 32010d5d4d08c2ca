/* Settings' checks: what the text settings must satisfy. A check that fails names no part of a secret. */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "buffer.h"
#include "crypto.h"
#include "redis_url.h"
#include "settings_table.h"
#include "url.h"
#include "util.h"

static const char letters_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* ---- hosts ---- */

static bool port_valid(const char *text, size_t length)
{
    long long number;
    return parse_int_part(&(struct part){text, length}, 1, 65535, &number);
}

/* "[address]", or a name of letters, digits and `extra`; returns the length, 0 when there is none. */
static size_t host_length(const char *text, const char *extra)
{
    if (*text == '[') {
        char address[INET6_ADDRSTRLEN] = "";
        struct in6_addr binary;
        size_t inner = strcspn(text + 1, "]");
        if (text[1 + inner] != ']' || inner >= sizeof address)
            return 0;
        memcpy(address, text + 1, inner);
        return inet_pton(AF_INET6, address, &binary) == 1 ? inner + 2 : 0;
    }
    size_t length = 0;
    while (text[length] && (strchr(letters_digits, text[length]) || strchr(extra, text[length])))
        length++;
    return length;
}

bool check_host(struct setting_value *value, struct problem *problem)
{
    struct in6_addr binary;

    if (inet_pton(AF_INET6, value->text, &binary) == 1)
        return true;
    if (*value->text != '[' && host_length(value->text, "-.") == strlen(value->text))
        return true;
    return problem_set(problem, "\"%.60s\" is not an IP address or host name", value->text);
}

bool check_socket(struct setting_value *value, struct problem *problem)
{
    const size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    if (value->text[0] == '/' && value->text[1] && strlen(value->text) <= max)
        return true;
    return problem_set(problem, "\"%.60s\" is not an absolute path of at most %zu bytes", value->text, max);
}

bool check_log_file(struct setting_value *value, struct problem *problem)
{
    size_t length = strlen(value->text);

    if (value->text[0] == '/' && value->text[length - 1] != '/' && length < PATH_MAX)
        return true;
    return problem_set(problem, "\"%.60s\" is not an absolute path of a file", value->text);
}

/* ---- secrets ---- */

bool check_jwt_secret(struct setting_value *value, struct problem *problem)
{
    if (strcmp(value->text, "your-super-secure-jwt-secret-key-here") == 0)
        return problem_set(problem, "is the example from the deployment guide, which everybody knows; make your own "
                                    "with: ccr-ui-backend secrets generate");
    if (strlen(value->text) < 32)
        return problem_set(problem, "has %zu bytes; at least 32 are needed", strlen(value->text));
    return true;
}

bool check_secrets_key(struct setting_value *value, struct problem *problem)
{
    if (!crypto_init())
        return problem_set(problem, "cannot be checked: libsodium does not start");
    struct keyring *ring = keyring_new(value->text, problem->text, problem->size);
    if (!ring)
        return false;
    keyring_free(ring);
    return true;
}

/* ---- addresses ---- */

/* A lower-case copy of one origin without its scheme's own port, as browsers send it; NULL when it is none. */
static const char *origin_clean(struct arena *arena, const char *text, size_t length)
{
    static const struct {
        const char *scheme, *port;
    } defaults[] = {{"http://", ":80"}, {"https://", ":443"}};
    char *origin = arena_strndup(arena, text, length);

    for (char *c = origin; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    size_t scheme = strspn(origin, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    if (!isalpha((unsigned char)origin[0]) || strncmp(origin + scheme, "://", 3) != 0)
        return NULL;
    char *host = origin + scheme + 3;
    size_t host_size = host_length(host, "-._");
    char *port = host + host_size;
    if (host_size == 0 || (*port && (*port != ':' || !port_valid(port + 1, strlen(port + 1)))))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (strcmp(port, defaults[i].port) == 0 && strncmp(origin, defaults[i].scheme, scheme + 3) == 0)
            *port = '\0';
    return origin;
}

bool check_origins(struct setting_value *value, struct problem *problem)
{
    const char *text = value->text;
    const char *clean = "";

    for (;;) {
        text += strspn(text, " \t");
        size_t length = strcspn(text, ",");
        size_t trimmed = length;
        while (trimmed > 0 && (text[trimmed - 1] == ' ' || text[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == 1 && *text == '*')
            return problem_set(problem, "\"*\" would let every site act for its visitors; list the origins");
        const char *origin = origin_clean(problem->arena, text, trimmed);
        if (!origin)
            return problem_set(problem, "\"%.*s\" is not an origin (scheme://host or scheme://host:port)",
                               (int)(trimmed > 60 ? 60 : trimmed), text);
        clean = arena_printf(problem->arena, "%s%s%s", clean, *clean ? "," : "", origin);
        text += length;
        if (!*text++)
            break;
    }
    value->text = clean;
    return true;
}

bool check_url(struct setting_value *value, struct problem *problem)
{
    if (text_matches(value->text, "//[^/?#]*@", NULL, 0))
        return problem_set(problem, "must not hold a user or password");
    if (!url_valid(problem->arena, value->text))
        return problem_set(problem, "\"%.60s\" is not an http:// or https:// URL", value->text);
    return true;
}

bool check_place(struct setting_value *value, struct problem *problem)
{
    return value->text[0] == '/' ? check_log_file(value, problem) : check_url(value, problem);
}

/* ---- DATABASE_URL ----
 * Split as libpq does it (conninfo_uri_parse_options): a user part exists when '@' comes before the first '/', and its
 * password starts at the first ':'. What could be read in two ways is refused, so that hiding the password is exact. */

/* host[:port][,host[:port]]…; a host may be empty (libpq's default) or a socket directory (%2Frun%2Fpostgresql). */
static bool database_hosts_valid(const char *text, size_t size)
{
    const char *end = text + size;

    for (;;) {
        text += host_length(text, "-._~%");
        if (*text == ':') {
            size_t port = strcspn(text + 1, ",/?");
            if (port > 0 && !port_valid(text + 1, port))
                return false;
            text += 1 + port;
        }
        if (text >= end)
            return text == end;
        if (*text++ != ',')
            return false;
    }
}

static bool holds(const struct part *part, char c)
{
    return memchr(part->text, c, part->length) != NULL;
}

/* The URI with *** for the password, wherever one may stand. */
static const char *database_url_shown(struct arena *arena, const char *text, const struct part *user)
{
    struct buffer out;
    struct part found[2];
    const char *colon = memchr(user->text, ':', user->length);
    buffer_init_in(&out, arena, 64 * KIB);
    if (colon) {
        buffer_printf(&out, "%.*s***", (int)(colon + 1 - text), text);
        text = user->text + user->length;
    }
    while (text_matches(text, "[?&][a-z_]*password[a-z_]*=([^&]*)", found, ARRAY_SIZE(found))) { /* sslpassword, too */
        buffer_printf(&out, "%.*s***", (int)(found[1].text - text), text);
        text = found[1].text + found[1].length;
    }
    buffer_text(&out, text);
    return buffer_string(&out);
}

bool check_database_url(struct setting_value *value, struct problem *problem)
{
    static const char encode[] = "is not a valid URI; percent-encode special characters (@ is %40, : is %3A, / is %2F, "
                                 "? is %3F) in the user, password and database name";
    enum { USER = 2, HOSTS = 3, PATH = 5, QUERY = 7, PARTS };
    const char *text = value->text;
    struct part url[PARTS];

    if (!text_matches(text, "^postgres(ql)?://", NULL, 0)) {
        bool pairs = strchr(text, '=') && !strstr(text, "://");
        return problem_set(problem, "must be a URI such as postgresql://user:password@host:5432/database%s",
                           pairs ? ", not a list of key=value pairs" : "");
    }
    if (!text_matches(text, "^([^% #]|%[0-9A-Fa-f]{2})*$", NULL, 0) || strstr(text, "%00") ||
        !text_matches(text, "://(([^@/]*)@)?([^/?]*)(/([^?]*))?([?](.*))?$", url, PARTS) || holds(&url[USER], '?') ||
        holds(&url[HOSTS], '@') || holds(&url[PATH], '@') || holds(&url[PATH], '/'))
        return problem_set(problem, "%s", encode);
    if (!database_hosts_valid(url[HOSTS].text, url[HOSTS].length))
        return problem_set(problem, "has a host or port that cannot be one; %s",
                           encode + strlen("is not a valid URI; "));
    /* Keys are spelled out: an encoded one could be "password" without looking like it. */
    if (!text_matches(url[QUERY].text, "^([a-z_]+=[^&=]*(&[a-z_]+=[^&=]*)*&?)?$", NULL, 0))
        return problem_set(problem, "has something other than key=value pairs behind the ?");
    if (!url[HOSTS].length && !url[PATH].length &&
        !text_matches(url[QUERY].text, "(^|&)(host|hostaddr|dbname|service)=[^&]", NULL, 0))
        return problem_set(problem, "names neither a host nor a database");
    value->shown = database_url_shown(problem->arena, text, &url[USER]);
    return true;
}

/* ---- Redis and metrics ---- */

bool check_redis_url(struct setting_value *value, struct problem *problem)
{
    struct redis_address address;
    const char *at = strrchr(value->text, '@');

    bool good = redis_url_parse(value->text, &address);
    bool login = *address.user || *address.password;
    wipe(&address, sizeof address);
    if (!good)
        return problem_set(problem, "must be like redis://[user:password@]host[:port][/database] or unix:/path");
    if (login && at)
        value->shown = arena_printf(problem->arena, "redis://***%s", at);
    return true;
}

bool check_networks(struct setting_value *value, struct problem *problem)
{
    char bad[ADDRESS_TEXT];

    if (strcmp(value->text, "none") == 0 || networks_valid(value->text, bad, sizeof bad))
        return true;
    return problem_set(problem, "\"%.60s\" is not an address or a network such as 10.0.0.0/8", bad);
}

bool check_metrics_token(struct setting_value *value, struct problem *problem)
{
    if (strlen(value->text) >= 16)
        return true;
    return problem_set(problem, "has %zu bytes; at least 16 are needed", strlen(value->text));
}
