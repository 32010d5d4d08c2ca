/* DATABASE_URL, taken apart by libpq itself: what it says wins over our defaults, what cannot be is refused, and host names are
 * looked up here, because libpq would wait for the name server as long as that likes. libpq is given host and hostaddr
 * then: it connects to the address, and checks a certificate against the name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "pg.h"
#include "util.h"

enum {
    LOOKUP_MS = 200, /* how long a new answer is waited for when there is an old one */
    FIRST_MS = 2000, /* the same for a host's first answer when others have theirs */
    LIST_MAX = 64 * KIB,
};

#define DEFAULT_PORT "5432" /* for an entry of a list that has none: not PGPORT, as in libpq */

static bool say_why(const struct why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say_why(const struct why *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, why->size, format, args);
    va_end(args);
    return false;
}

/* ---- what the URL says ------------------------------------------------------------------------------------------ */

static PQconninfoOption *find_option(PQconninfoOption *options, const char *keyword)
{
    while (options && options->keyword && strcmp(options->keyword, keyword) != 0)
        options++;
    return options && options->keyword ? options : NULL;
}

/* NULL when the URL does not say. */
static const char *url_value(const struct conninfo *info, const char *keyword)
{
    const PQconninfoOption *option = find_option(info->options, keyword);
    return option ? option->val : NULL;
}

/* ---- what cannot be --------------------------------------------------------------------------------------------- */

static bool is_listed(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static const struct {
    const char *keyword;
    const char *const *good; /* all else is refused */
    const char *because;
} refused[] = {
    {"client_encoding", (const char *const[]){"UTF8", "UTF-8", "UNICODE", NULL}, "the program speaks UTF8 only"},
    {"target_session_attrs", (const char *const[]){"any", "read-write", "primary", NULL},
     "it may lead to a server that takes no writes"},
    {"replication", (const char *const[]){"false", "off", "no", "0", NULL},
     "a replication connection cannot serve requests"},
};

/* Parameters that the program sets itself at each connection, or cannot do without. */
static const struct {
    const char *name, *because;
} reserved[] = {
    {"statement_timeout", "set STATEMENT_TIMEOUT instead"},
    {"client_encoding", "the program speaks UTF8 only"},
    {"row_security", "it keeps workspaces apart"},
    {"default_transaction_read_only", "the program writes"},
    {"session_replication_role", "it would switch triggers off"},
};

/* The next word of `options`, as PostgreSQL splits it (pg_split_opts): at blanks, a backslash takes the next character as
 * it is. False at the end. */
static bool next_word(const char **text, char *out, size_t size)
{
    const char *at = *text + strspn(*text, " \t\r\n\v\f");
    size_t n = 0;
    if (!*at)
        return false;
    for (; *at && !strchr(" \t\r\n\v\f", *at); at++) {
        at += *at == '\\' && at[1];
        if (n + 1 < size)
            out[n++] = *at;
    }
    out[n] = '\0';
    *text = at;
    return true;
}

/* "-c name=value", "-cname=value", "--name=value": the name as PostgreSQL knows it, with its value; false for other words. */
static bool take_parameter(const char **text, char *word, size_t size, char **value)
{
    bool long_form = strncmp(word, "--", 2) == 0, apart = strcmp(word, "-c") == 0;
    if (strncmp(word, "-c", 2) != 0 && !long_form)
        return false;
    if (apart && !next_word(text, word, size))
        return false;
    if (!apart)
        memmove(word, word + 2, strlen(word + 2) + 1);
    *value = word + strcspn(word, "=");
    if (**value)
        *(*value)++ = '\0';
    for (char *c = word; *c; c++)
        *c = (char)(*c == '-' ? '_' : *c);
    return true;
}

static bool check_parameter(struct conninfo *info, const char *name, const struct why *why)
{
    if (strncasecmp(name, "ccr.", 4) == 0)
        return say_why(why, "options: %.60s is set by the program itself, for each request", name);
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcasecmp(name, reserved[i].name) == 0)
            return say_why(why, "options: leave %s out: %s", reserved[i].name, reserved[i].because);
    info->own_lock_timeout |= strcasecmp(name, "lock_timeout") == 0;
    info->own_idle_timeout |= strcasecmp(name, "idle_in_transaction_session_timeout") == 0;
    return true;
}

static bool check_options(struct conninfo *info, const struct why *why)
{
    const char *text = url_value(info, "options");
    char word[512], *value;
    while (text && next_word(&text, word, sizeof word))
        if (take_parameter(&text, word, sizeof word, &value) && !check_parameter(info, word, why))
            return false;
    return true;
}

static bool check_keywords(const struct conninfo *info, const struct why *why)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        const char *value = url_value(info, refused[i].keyword);
        if (value && *value && !is_listed(value, refused[i].good))
            return say_why(why, "%s=%.40s: %s; leave it out, or use %s", refused[i].keyword, value, refused[i].because,
                           refused[i].good[0]);
    }
    return true;
}

/* libpq waits for ever at 0 and less, and never for less than 2 s. */
static bool take_connect_timeout(struct conninfo *info, const struct why *why)
{
    long long seconds;
    const char *text = url_value(info, "connect_timeout");
    if (!text || !*text)
        return true;
    if (!parse_int(text, INT32_MIN, INT32_MAX, &seconds))
        return say_why(why, "connect_timeout=%.40s is not a number of seconds", text);
    info->connect_timeout_s = seconds <= 0 ? 0 : seconds == 1 ? 2 : (int)seconds;
    return true;
}

/* ---- hosts ------------------------------------------------------------------------------------------------------ */

/* The URL first, then its service, then PG* variables, as in libpq. Only a look: libpq reads them again. */
static char *effective_value(const struct conninfo *info, PQconninfoOption *defaults, const char *keyword)
{
    const char *text = url_value(info, keyword);
    const PQconninfoOption *fallback = text ? NULL : find_option(defaults, keyword);
    if (fallback)
        text = fallback->val;
    return text && *text ? strdup(text) : NULL;
}

/* PQconndefaults looks into the service file for PGSERVICE only. */
static PQconninfoOption *read_defaults(const struct conninfo *info)
{
    const char *service = url_value(info, "service"), *before = getenv("PGSERVICE");
    char *kept = before ? strdup(before) : NULL;
    if (service && *service)
        setenv("PGSERVICE", service, 1);
    PQconninfoOption *defaults = PQconndefaults();
    if (service && *service && kept)
        setenv("PGSERVICE", kept, 1);
    else if (service && *service)
        unsetenv("PGSERVICE");
    free(kept);
    return defaults;
}

static size_t count_parts(const char *list)
{
    size_t count = list ? 1 : 0;
    for (; list && *list; list++)
        count += *list == ',';
    return count;
}

/* Cuts a list at its commas; each part stays in the list's memory. */
static void cut_list(char *list, const char **parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        parts[i] = list ? list : "";
        list = list ? strchr(list, ',') : NULL;
        if (list)
            *list++ = '\0';
    }
}

static void find_hosts(struct conninfo *info)
{
    const char *names[PG_HOSTS], *addresses[PG_HOSTS], *ports[PG_HOSTS];
    size_t hosts = count_parts(info->host_list), given = count_parts(info->hostaddr_list),
           port_count = count_parts(info->port_list);
    size_t count = given ? given : hosts;
    info->several = count > 1;
    /* What does not fit together libpq itself refuses, in its own words. */
    if (count > PG_HOSTS || (given && hosts && given != hosts) || (port_count > 1 && port_count != count))
        return;
    cut_list(info->host_list, names, count);
    cut_list(info->hostaddr_list, addresses, count);
    cut_list(info->port_list, ports, port_count > 1 ? count : 1);
    for (size_t i = 0; i < count; i++) {
        info->hosts[i] = (struct pg_host){names[i], addresses[i], ports[port_count > 1 ? i : 0]};
        if (!*addresses[i] && lookup_needed(names[i]))
            info->lookups[i] = lookup_new(names[i]);
        info->asks |= info->lookups[i] != NULL;
    }
    info->host_count = count;
}

/* ---- made and freed --------------------------------------------------------------------------------------------- */

struct conninfo *conninfo_new(const char *url, char *text, size_t size)
{
    const struct why why = {text, size};
    char *problem = NULL;
    struct conninfo *info = calloc(1, sizeof *info);
    if (!info)
        abort();
    info->options = PQconninfoParse(url ? url : "", &problem); /* NULL in tests that never connect */
    /* Behind the first quotation mark libpq repeats a part of the URI, which may be the password. */
    if (!info->options)
        say_why(&why, "libpq cannot use it: %.*s", (int)strcspn(problem ? problem : "out of memory", ":\"\n"),
                problem ? problem : "out of memory");
    PQfreemem(problem);
    if (!info->options || !check_keywords(info, &why) || !check_options(info, &why) ||
        !take_connect_timeout(info, &why)) {
        conninfo_free(info);
        return NULL;
    }
    PQconninfoOption *defaults = read_defaults(info);
    info->host_list = effective_value(info, defaults, "host");
    info->hostaddr_list = effective_value(info, defaults, "hostaddr");
    info->port_list = effective_value(info, defaults, "port");
    PQconninfoFree(defaults);
    find_hosts(info);
    return info;
}

void conninfo_free(struct conninfo *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(info->lookups); i++)
        lookup_free(info->lookups[i]);
    for (PQconninfoOption *option = info->options; option && option->keyword; option++)
        if (option->val && strstr(option->keyword, "password"))
            wipe(option->val, strlen(option->val));
    PQconninfoFree(info->options);
    free(info->host_list);
    free(info->hostaddr_list);
    free(info->port_list);
    free(info);
}

/* ---- connecting ------------------------------------------------------------------------------------------------- */

void conninfo_ask(struct conninfo *info)
{
    for (size_t i = 0; i < info->host_count; i++)
        if (info->lookups[i])
            lookup_ask(info->lookups[i], LOOKUP_MS);
    info->asked_ms = monotonic_ms();
}

void conninfo_wait(struct conninfo *info, int64_t until_ms)
{
    int64_t enough = info->asked_ms + FIRST_MS; /* from when on the other hosts will do */
    if (enough > monotonic_ms() && enough < until_ms)
        until_ms = enough;
    lookup_wait(info->lookups, info->host_count, until_ms);
}

/* The lists of libpq, one entry for each address. */
struct lists {
    struct buffer host, hostaddr, port;
    size_t count;
};

static void add_host(struct lists *lists, const struct pg_host *host, const char *address)
{
    const char *comma = lists->count++ ? "," : "";
    buffer_printf(&lists->host, "%s%s", comma, host->name);
    buffer_printf(&lists->hostaddr, "%s%s", comma, address);
    buffer_printf(&lists->port, "%s%s", comma, *host->port ? host->port : DEFAULT_PORT);
}

/* Every host that is known. *pending and *problem tell of those that are not. */
static void list_hosts(struct conninfo *info, struct lists *lists, bool *pending, const char **problem)
{
    struct addresses found;
    for (size_t i = 0; i < info->host_count; i++) {
        enum lookup_state state = info->lookups[i] ? lookup_look(info->lookups[i], &found) : LOOKUP_FOUND;
        if (!info->lookups[i])
            add_host(lists, &info->hosts[i], info->hosts[i].address);
        else if (state == LOOKUP_FOUND)
            for (size_t a = 0; a < found.count; a++)
                add_host(lists, &info->hosts[i], found.text[a]);
        else if (state == LOOKUP_PENDING || !*problem)
            *problem = lookup_problem(info->lookups[i]);
        *pending |= state == LOOKUP_PENDING;
    }
}

static PGconn *connect_start(const struct conninfo *info, const struct lists *lists)
{
    static const char *const listed[] = {"host", "hostaddr", "port", NULL};
    const struct {
        const char *keyword, *value;
    } defaults[] = {
        {"fallback_application_name", "ccr-ui-backend"},
        {"gssencmode", "disable"}, /* libpq waits for the Kerberos server, however long that takes */
        {"keepalives_idle", "30"},
        {"tcp_user_timeout", "15000"},
        /* With several hosts only the one that takes writes will do. */
        {"target_session_attrs", info->several ? "read-write" : "any"},
        {"client_encoding", "UTF8"},
    };
    const char *keys[128], *values[128];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        keys[n] = defaults[i].keyword;
        values[n++] = defaults[i].value;
    }
    /* What stands later counts. */
    for (const PQconninfoOption *option = info->options; option->keyword && n < ARRAY_SIZE(keys) - 4; option++) {
        if (!option->val ||
            (lists && is_listed(option->keyword, listed))) /* an empty value would not take the place of one */
            continue;
        keys[n] = option->keyword;
        values[n++] = option->val;
    }
    if (lists) {
        keys[n] = "host", values[n++] = buffer_string(&lists->host);
        keys[n] = "hostaddr", values[n++] = buffer_string(&lists->hostaddr);
        keys[n] = "port", values[n++] = buffer_string(&lists->port);
    }
    keys[n] = values[n] = NULL;
    return PQconnectStartParams(keys, values, 0);
}

enum conninfo_result conninfo_connect(struct conninfo *info, PGconn **conn, const char **problem)
{
    struct lists lists = {.count = 0};
    bool pending = false;
    *problem = NULL;
    if (!info->asks) {
        *conn = connect_start(info, NULL);
        return CONNINFO_STARTED;
    }
    buffer_init(&lists.host, LIST_MAX);
    buffer_init(&lists.hostaddr, LIST_MAX);
    buffer_init(&lists.port, LIST_MAX);
    list_hosts(info, &lists, &pending, problem);
    enum conninfo_result result = CONNINFO_STARTED;
    if (pending && (!lists.count || monotonic_ms() < info->asked_ms + FIRST_MS))
        result = CONNINFO_PENDING;
    else if (!lists.count)
        result = CONNINFO_FAILED;
    else
        *conn = connect_start(info, &lists);
    buffer_free(&lists.host);
    buffer_free(&lists.hostaddr);
    buffer_free(&lists.port);
    return result;
}

int64_t conninfo_patience_ms(const struct conninfo *info, int connection_timeout_s)
{
    int64_t hosts = info->host_count ? (int64_t)info->host_count : 1;
    return info->connect_timeout_s ? info->connect_timeout_s * 1000LL * hosts : connection_timeout_s * 1000LL;
}

const char *conninfo_problem(const struct conninfo *info)
{
    struct addresses found;
    for (size_t i = 0; i < info->host_count; i++)
        if (info->lookups[i] && lookup_look(info->lookups[i], &found) != LOOKUP_FOUND)
            return lookup_problem(info->lookups[i]);
    return NULL;
}
