/* Settings' checks: what the text settings must satisfy. A check that fails names no part of a secret. */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "address.h"
#include "buffer.h"
#include "crypto.h"
#include "redis_url.h"
#include "settings_table.h"
#include "util.h"

static const char letters_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* ---- hosts ---- */

static bool port_valid(const char *text, size_t length)
{
    long number = 0;

    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]) || number > 65535)
            return false;
        number = number * 10 + (text[i] - '0');
    }
    return length > 0 && number >= 1 && number <= 65535;
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

bool check_host(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    struct in6_addr binary;

    (void)row;
    if (inet_pton(AF_INET6, value->text, &binary) == 1)
        return true;
    if (*value->text != '[' && host_length(value->text, "-.") == strlen(value->text))
        return true;
    return problem_set(problem, "\"%.60s\" is not an IP address or host name", value->text);
}

bool check_socket(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    const size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    (void)row;
    if (value->text[0] == '/' && value->text[1] && strlen(value->text) <= max)
        return true;
    return problem_set(problem, "\"%.60s\" is not an absolute path of at most %zu bytes", value->text, max);
}

bool check_log_file(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    size_t length = strlen(value->text);

    (void)row;
    if (value->text[0] == '/' && value->text[length - 1] != '/' && length < PATH_MAX)
        return true;
    return problem_set(problem, "\"%.60s\" is not an absolute path of a file", value->text);
}

/* ---- secrets ---- */

bool check_jwt_secret(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    (void)row;
    if (strcmp(value->text, "your-super-secure-jwt-secret-key-here") == 0)
        return problem_set(problem, "is the example from the deployment guide, which everybody knows; make your own "
                                    "with: ccr-ui-backend secrets generate");
    if (strlen(value->text) < 32)
        return problem_set(problem, "has %zu bytes; at least 32 are needed", strlen(value->text));
    return true;
}

bool check_secrets_key(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    (void)row;
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

bool check_origins(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    const char *text = value->text;
    const char *clean = "";

    (void)row;
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

bool check_url(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    const char *text = value->text;
    size_t scheme = strncasecmp(text, "https://", 8) == 0 ? 8 : strncasecmp(text, "http://", 7) == 0 ? 7 : 0;
    size_t host = scheme ? host_length(text + scheme, "-._") : 0;
    const char *port = text + scheme + host;
    size_t port_size = *port == ':' ? strcspn(port + 1, "/?#") : 0;
    const char *rest = port + (*port == ':') + port_size;

    (void)row;
    if (scheme && strcspn(text + scheme, "@") < strcspn(text + scheme, "/?#"))
        return problem_set(problem, "must not hold a user or password");
    if (host == 0 || (*port == ':' && !port_valid(port + 1, port_size)) || !strchr("/?#", *rest) ||
        strpbrk(rest, " \"<>"))
        return problem_set(problem, "\"%.60s\" is not an http:// or https:// URL", text);
    return true;
}

/* ---- DATABASE_URL ----
 * Split as libpq does it (conninfo_uri_parse_options): a user part exists when '@' comes before the first '/', and its
 * password starts at the first ':'. What could be read in two ways is refused, so that hiding the password is exact. */

struct database_url {
    const char *user;     /* to '@', or NULL */
    const char *password; /* within user, behind ':', or NULL */
    const char *hosts;
    const char *path;  /* behind '/', or NULL */
    const char *query; /* behind '?', or NULL */
    size_t user_size, hosts_size, path_size;
};

static void database_url_split(struct database_url *out, const char *text)
{
    const char *at = strstr(text, "://") + 3;
    size_t user = strcspn(at, "@/");

    *out = (struct database_url){0};
    if (at[user] == '@') {
        out->user = at;
        out->user_size = user;
        out->password = memchr(at, ':', user);
        if (out->password)
            out->password++;
        at += user + 1;
    }
    out->hosts = at;
    out->hosts_size = strcspn(at, "/?");
    at += out->hosts_size;
    if (*at == '/') {
        out->path = ++at;
        out->path_size = strcspn(at, "?");
        at += out->path_size;
    }
    if (*at == '?')
        out->query = at + 1;
}

static bool percent_encoding_valid(const char *text)
{
    for (; *text; text++)
        if (*text == '%' && (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]) ||
                             (text[1] == '0' && text[2] == '0')))
            return false;
    return true;
}

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

static const char *query_value(const char *query, const char *key)
{
    while (query && *query) {
        size_t length = strlen(key);
        if (strncmp(query, key, length) == 0 && query[length] == '=')
            return query + length + 1;
        query += strcspn(query, "&");
        query += *query == '&';
    }
    return NULL;
}

/* key=value&…, keys spelled out: an encoded one could be "password" without looking like it. */
static bool query_valid(const char *query)
{
    while (query && *query) {
        size_t key = strspn(query, "abcdefghijklmnopqrstuvwxyz_");
        size_t pair = strcspn(query, "&");
        if (key == 0 || query[key] != '=' || memchr(query + key + 1, '=', pair - key - 1))
            return false;
        query += pair;
        query += *query == '&';
    }
    return true;
}

static bool names_something(const struct database_url *url)
{
    static const char *const keys[] = {"host", "hostaddr", "dbname", "service"};

    if (url->hosts_size > 0 || url->path_size > 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = query_value(url->query, keys[i]);
        if (value && *value && *value != '&')
            return true;
    }
    return false;
}

/* The URI with *** for the password, wherever one may stand. */
static const char *database_url_shown(struct arena *arena, const char *text, const struct database_url *url)
{
    struct buffer out;

    buffer_init(&out, 64 * KIB);
    if (url->password) {
        buffer_append(&out, text, (size_t)(url->password - text));
        buffer_text(&out, "***");
        text = url->user + url->user_size;
    }
    const char *query = url->query;
    if (query)
        buffer_append(&out, text, (size_t)(query - text));
    else
        buffer_text(&out, text);
    while (query && *query) {
        size_t pair = strcspn(query, "&");
        size_t key = strcspn(query, "=");
        bool hidden = memmem(query, key, "password", strlen("password")) != NULL; /* sslpassword, too */
        buffer_append(&out, query, hidden ? key + 1 : pair);
        buffer_text(&out, hidden ? "***" : "");
        query += pair;
        if (*query)
            buffer_char(&out, *query++);
    }
    const char *shown = arena_strdup(arena, buffer_string(&out));
    buffer_free(&out);
    return shown;
}

bool check_database_url(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    static const char encode[] = "is not a valid URI; percent-encode special characters (@ is %40, : is %3A, / is %2F, "
                                 "? is %3F) in the user, password and database name";
    const char *text = value->text;
    struct database_url url;

    (void)row;
    if (strncmp(text, "postgresql://", 13) != 0 && strncmp(text, "postgres://", 11) != 0) {
        bool pairs = strchr(text, '=') && !strstr(text, "://");
        return problem_set(problem, "must be a URI such as postgresql://user:password@host:5432/database%s",
                           pairs ? ", not a list of key=value pairs" : "");
    }
    database_url_split(&url, text);
    if (!percent_encoding_valid(text) || strchr(text, ' ') || strchr(text, '#') ||
        (url.user && memchr(url.user, '?', url.user_size)) || memchr(url.hosts, '@', url.hosts_size) ||
        (url.path && (memchr(url.path, '@', url.path_size) || memchr(url.path, '/', url.path_size))))
        return problem_set(problem, "%s", encode);
    if (!database_hosts_valid(url.hosts, url.hosts_size))
        return problem_set(problem, "has a host or port that cannot be one; %s",
                           encode + strlen("is not a valid URI; "));
    if (!query_valid(url.query))
        return problem_set(problem, "has something other than key=value pairs behind the ?");
    if (!names_something(&url))
        return problem_set(problem, "names neither a host nor a database");
    value->shown = database_url_shown(problem->arena, text, &url);
    return true;
}

/* ---- Redis and metrics ---- */

bool check_redis_url(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    struct redis_address address;
    const char *at = strrchr(value->text, '@');

    (void)row;
    bool good = redis_url_parse(value->text, &address);
    bool login = *address.user || *address.password;
    wipe(&address, sizeof address);
    if (!good)
        return problem_set(problem, "must be like redis://[user:password@]host[:port][/database] or unix:/path");
    if (login && at)
        value->shown = arena_printf(problem->arena, "redis://***%s", at);
    return true;
}

bool check_networks(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    char bad[ADDRESS_TEXT];

    (void)row;
    if (strcmp(value->text, "none") == 0 || networks_valid(value->text, bad, sizeof bad))
        return true;
    return problem_set(problem, "\"%.60s\" is not an address or a network such as 10.0.0.0/8", bad);
}

bool check_metrics_token(const struct setting *row, struct setting_value *value, struct problem *problem)
{
    (void)row;
    if (strlen(value->text) >= 16)
        return true;
    return problem_set(problem, "has %zu bytes; at least 16 are needed", strlen(value->text));
}
