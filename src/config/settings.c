/* Settings: the table of every environment variable the program reads, and loading them. */
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "env_file.h"
#include "log.h"
#include "settings_table.h"
#include "util.h"

enum { VALUE_MAX = 8 * KIB, STORE_MAX = 4 * MIB, MEMORY_LIMIT_MIN = 96, RETENTION_MAX = 36500 };

static const struct setting_word cookie_words[] = {
    {"auto", COOKIE_SECURE_AUTO, false},
    {"always", COOKIE_SECURE_ALWAYS, false},
    {"never", COOKIE_SECURE_NEVER, false},
    {0},
};

static const struct setting_word level_words[] = {
    {"error", LOG_LEVEL_ERROR, false},
    {"warn", LOG_LEVEL_WARN, false},
    {"info", LOG_LEVEL_INFO, false},
    {"debug", LOG_LEVEL_DEBUG, false},
    {"trace", LOG_LEVEL_DEBUG, true},
    {"off", LOG_LEVEL_ERROR, true},
    {0},
};

static const struct setting_word format_words[] = {
    {"json", LOG_FORMAT_JSON, false},
    {"text", LOG_FORMAT_TEXT, false},
    {0},
};

static const struct setting_word switch_words[] = {
    {"on", true, false},
    {"off", false, false},
    {0},
};

static const struct setting_word permission_words[] = {
    {"false", false, false}, {"true", true, false}, {"off", false, true}, {"on", true, true}, {0},
};

#define FIELD(member) .offset = offsetof(struct settings, member)

/* clang-format off */
const struct setting settings_table[] = {
    {"DATABASE_URL", &setting_text, FIELD(database_url), .fallback = "", .required = true,
     .kind = "PostgreSQL URI", .check = check_database_url,
     .example = "postgresql://ccr_user:password@localhost:5432/ccr_ui_db",
     .help = "Where PostgreSQL is. Characters such as `@ : / ?` in the user or password are percent-encoded (`%40` for `@`). libpq's own options behind a `?` win over what the program would choose."},
    {"HOST", &setting_text, FIELD(host), .restart = true, .fallback = "127.0.0.1",
     .kind = "address or host name", .check = check_host,
     .help = "Address of the FastCGI listener on TCP; only used with `PORT`. FastCGI has no authentication: keep it on loopback or a private network."},
    {"PORT", &setting_integer, FIELD(port), .restart = true, .fallback = "0", .min = 0, .max = 65535,
     .help = "FastCGI port on TCP. 0 = none: a Unix socket (`SOCKET`, systemd or spawn-fcgi) is used instead."},
    {"SOCKET", &setting_path, FIELD(socket_path), .restart = true, .fallback = "",
     .kind = "absolute path", .check = check_socket, .example = "/run/ccr-ui-backend/fastcgi.sock",
     .help = "Path of the Unix socket to listen on. Not needed when systemd or spawn-fcgi hands one over."},
    {"SOCKET_MODE", &setting_octal, FIELD(socket_mode), .restart = true, .fallback = "0660", .min = 0, .max = 0777,
     .help = "Permissions of `SOCKET`. Whoever may connect can claim to be any client, so only Nginx's group should."},
    {"JWT_SECRET", &setting_text, FIELD(jwt_secret), .fallback = "", .required = true, .secret = true,
     .kind = "at least 32 bytes", .check = check_jwt_secret,
     .help = "Signs access tokens (HS256). Make one with `ccr-ui-backend secrets generate`."},
    {"JWT_SECRET_PREVIOUS", &setting_text, FIELD(jwt_secret_previous), .fallback = "", .secret = true,
     .kind = "at least 32 bytes", .check = check_jwt_secret,
     .help = "The secret before `JWT_SECRET` was changed; tokens signed with it are still accepted."},
    {"ACCESS_TOKEN_TTL", &setting_integer, FIELD(access_token_ttl), .fallback = "900", .min = 60, .max = 86400,
     .help = "Seconds an access token is valid."},
    {"REFRESH_TOKEN_TTL", &setting_integer, FIELD(refresh_token_ttl), .fallback = "2592000", .min = 3600, .max = 31536000,
     .help = "Seconds a login can be renewed without the password (30 days)."},
    {"SECRETS_KEY", &setting_text, FIELD(secrets_key), .fallback = "", .required = true, .secret = true,
     .kind = "`id:base64[,id:base64]`", .check = check_secrets_key,
     .help = "Keys (32 bytes each) that seal stored API tokens; the first seals, all open. Make one with `ccr-ui-backend secrets generate`."},
    {"CORS_ORIGINS", &setting_text, FIELD(cors_origins), .fallback = "",
     .kind = "comma list of origins", .check = check_origins, .example = "https://ccr.example.org",
     .help = "Other sites (`scheme://host[:port]`) whose pages may call the API. `*` is refused: requests carry credentials."},
    {"COOKIE_SECURE", &setting_choice, FIELD(cookie_secure_mode), .fallback = "auto", .words = cookie_words,
     .help = "The cookies' `Secure` flag. `auto`: set unless the site is plain http on loopback."},
    {"MIN_CONNECTIONS", &setting_integer, FIELD(min_connections), .fallback = "2", .min = 1, .max = 1024,
     .help = "Fewest worker processes. Not more than `MAX_CONNECTIONS`."},
    {"MAX_CONNECTIONS", &setting_integer, FIELD(max_connections), .fallback = "8", .min = 1, .max = 1024,
     .help = "Most worker processes; each has one PostgreSQL connection and serves one request at a time. Between the two their number follows the load."},
    {"IDLE_TIMEOUT", &setting_integer, FIELD(idle_timeout), .fallback = "300", .min = 1, .max = 86400,
     .help = "Seconds after which workers that nobody needed leave, down to `MIN_CONNECTIONS`."},
    {"MAX_LIFETIME", &setting_integer, FIELD(max_lifetime), .fallback = "1800", .min = 0, .max = 604800,
     .help = "Seconds after which a worker renews its PostgreSQL connection, give or take a tenth. 0 = never."},
    {"CONNECTION_TIMEOUT", &setting_integer, FIELD(connection_timeout), .fallback = "30", .min = 1, .max = 300,
     .help = "Seconds to wait for a connection to PostgreSQL, its name included. `connect_timeout` in `DATABASE_URL` wins."},
    {"STATEMENT_TIMEOUT", &setting_integer, FIELD(statement_timeout), .fallback = "10000", .min = 1, .max = 600000,
     .help = "Milliseconds after which PostgreSQL gives up a statement."},
    {"SLOW_STATEMENT", &setting_integer, FIELD(slow_statement), .fallback = "200", .min = 0, .max = 600000,
     .help = "Milliseconds from which on a statement is logged as a warning."},
    {"MAX_REQUESTS", &setting_integer, FIELD(max_requests), .fallback = "100000", .min = 0, .max = 1000000000,
     .help = "A worker is replaced after about this many requests. 0 = never."},
    {"REQUEST_TIMEOUT", &setting_integer, FIELD(request_timeout), .fallback = "60", .min = 1, .max = 3600,
     .help = "Seconds one request may take before its worker is killed and replaced."},
    {"SHUTDOWN_TIMEOUT", &setting_integer, FIELD(shutdown_timeout), .fallback = "30", .min = 1, .max = 3600,
     .help = "Seconds running requests get to finish at a stop or reload."},
    {"MAX_BODY_SIZE", &setting_integer, FIELD(max_body_size), .fallback = "12582912", .min = 1024, .max = 16 * MIB,
     .help = "Bytes the body of an import may have; a file has at most a third of that, and 4 MiB. Other bodies have at"
             " most 2 MiB. Keep Nginx's `client_max_body_size` at or above it."},
    {"RATE_LIMIT", &setting_integer, FIELD(rate_limit), .fallback = "100", .min = 0, .max = 1000000,
     .help = "Requests per 10 seconds and client. 0 = no limit; what is in progress at once stays limited (`IN_PROGRESS_LIMITS`)."},
    {"RATE_LIMIT_BURST", &setting_integer, FIELD(rate_limit_burst), .fallback = "20", .min = 0, .max = 1000000,
     .help = "Requests a client may send at once after a pause, before it is held to that pace. 0 counts as 1."},
    {"IN_PROGRESS_LIMITS", &setting_choice, FIELD(in_progress_limits), .fallback = "on", .words = switch_words,
     .help = "Whether what one user, one workspace, one address and all long requests have in progress at once is limited (`USER_SHARE`, `HEAVY_SHARE`, `PASSWORD_CHECKS`). `off`: a few long requests may hold every worker."},
    {"USER_SHARE", &setting_integer, FIELD(user_share), .fallback = "50", .min = 1, .max = 100,
     .help = "Percent of `MAX_CONNECTIONS` that the writes and heavy requests of one user may occupy at once; further ones wait for a moment or get 429."},
    {"HEAVY_SHARE", &setting_integer, FIELD(heavy_share), .fallback = "75", .min = 1, .max = 100,
     .help = "Percent of `MAX_CONNECTIONS` that heavy requests (imports, exports, restores, commands, logins …) of everybody may occupy at once: the other workers stay free for short ones. One workspace and one address may have as many requests in progress."},
    {"STREAM_SHARE", &setting_integer, FIELD(stream_share), .fallback = "25", .min = 1, .max = 100,
     .help = "Percent of `MAX_CONNECTIONS` that imports of usage may occupy at once, one at least, and where it is several those of one user all but one; further ones get 429 and a time to try again."},
    {"USAGE_IMPORT_MAX", &setting_integer, FIELD(usage_import_max), .fallback = "4096", .min = 1, .max = 1048576,
     .help = "MiB of logs that one import of usage may bring, unpacked. Nginx has a limit of its own for what comes packed (`client_max_body_size`)."},
    {"PASSWORD_CHECKS", &setting_integer, FIELD(password_checks), .fallback = "0", .min = 0, .max = 1024,
     .help = "How many passwords are computed at once (Argon2id: 19 MiB and some 15 ms of a processor each). 0 = half of the processors."},
    {"QUEUE_TIMEOUT", &setting_integer, FIELD(queue_timeout), .fallback = "3000", .min = 0, .max = 600000,
     .help = "Milliseconds a request may have waited for a worker before it is refused with 503, so that a crowd does not wait for answers that come too late. 0 = no limit."},
    {"MEMORY_LIMIT", &setting_integer, FIELD(memory_limit), .fallback = "256", .min = 0, .max = 65536,
     .help = "MiB of private memory a worker may have (RLIMIT_DATA); a request that needs more is refused, or its worker replaced. At least 96, or 0 for no limit."},
    {"CACHE_SIZE", &setting_integer, FIELD(cache_size), .restart = true, .fallback = "16", .min = 0, .max = 4096,
     .help = "MiB of memory, shared by all workers, for answers that are asked for often. 0 = every read asks PostgreSQL."},
    {"CACHE_TTL", &setting_integer, FIELD(cache_ttl), .fallback = "300", .min = 1, .max = 86400,
     .help = "Seconds an answer stays in Redis. What is out of date is never used, however long it stays."},
    {"REDIS_URL", &setting_text, FIELD(redis_url), .fallback = "",
     .kind = "Redis URL", .check = check_redis_url, .example = "redis://:password@127.0.0.1:6379/0",
     .help = "Redis (`redis://[user:password@]host[:port][/database]` or `unix:/path`) for several backends in front of one database: a second cache behind the shared memory, and rate limits counted for all of them together. Without it everything works; while it is down, too."},
    {"HOUSEKEEPING", &setting_choice, FIELD(housekeeping), .fallback = "on", .words = switch_words,
     .help = "Whether `serve` runs a process that removes what is past its time. Of several hosts on one database one does it. `off`: let a timer run `ccr-ui-backend housekeeping --once`."},
    {"EVENTS_SOCKET", &setting_path, FIELD(events_socket), .fallback = "",
     .kind = "absolute path", .check = check_socket, .example = "/run/ccr-ui-events/events.sock",
     .help = "Path of the Unix socket where a process of `serve` takes WebSockets from Nginx (`/ws`): who has a list or a form open sees at once what others change. Its permissions are `SOCKET_MODE`. Empty = there is none; so it is where `ccr-ui-backend events` runs as a service of its own."},
    {"SESSION_RETENTION", &setting_integer, FIELD(session_retention), .fallback = "30", .min = 0, .max = RETENTION_MAX,
     .help = "Days until a session that expired or was ended is removed. 0 = never."},
    {"TOKEN_RETENTION", &setting_integer, FIELD(token_retention), .fallback = "30", .min = 0, .max = RETENTION_MAX,
     .help = "Days until expired personal access tokens and spent refresh tokens are removed; the latter not before `REFRESH_TOKEN_TTL`, as they show that somebody has a copy. 0 = never."},
    {"AUDIT_RETENTION", &setting_integer, FIELD(audit_retention), .fallback = "730", .min = 0, .max = RETENTION_MAX,
     .help = "Days until rows of the audit trail are removed, and with them the history of profiles. 0 = never."},
    {"REVISION_RETENTION", &setting_integer, FIELD(revision_retention), .fallback = "365", .min = 0, .max = RETENTION_MAX,
     .help = "Days until revisions of profiles and resources are removed, but for the `REVISIONS_KEPT` newest. 0 = never."},
    {"REVISIONS_KEPT", &setting_integer, FIELD(revisions_kept), .fallback = "50", .min = 1, .max = 1000000,
     .help = "Revisions of each profile and resource that stay, however old they are."},
    {"COMMAND_RETENTION", &setting_integer, FIELD(command_retention), .fallback = "90", .min = 0, .max = RETENTION_MAX,
     .help = "Days until past commands are removed. 0 = never."},
    {"USAGE_RETENTION", &setting_integer, FIELD(usage_retention), .fallback = "0", .min = 0, .max = RETENTION_MAX,
     .help = "Days until calls of models are removed, a whole month at a time; their sums stay, and what is older is not taken any more. 0 = never."},
    {"BACKUP_RETENTION", &setting_integer, FIELD(backup_retention), .fallback = "365", .min = 0, .max = RETENTION_MAX,
     .help = "Days until backups of replacing imports are removed, but for the `BACKUPS_KEPT` newest. 0 = never."},
    {"BACKUPS_KEPT", &setting_integer, FIELD(backups_kept), .fallback = "20", .min = 1, .max = 1000000,
     .help = "Backups of replacing imports that stay for each workspace and platform, however old they are."},
    {"METRICS_ALLOW", &setting_text, FIELD(metrics_allow), .fallback = "127.0.0.1,::1",
     .kind = "comma list of addresses and networks", .check = check_networks, .example = "127.0.0.1,::1,10.0.0.0/8",
     .help = "Who may read `/metrics` without a token; `none` = nobody."},
    {"METRICS_TOKEN", &setting_text, FIELD(metrics_token), .fallback = "", .secret = true,
     .kind = "at least 16 bytes", .check = check_metrics_token,
     .help = "Whoever sends it (`Authorization: Bearer …`) may read `/metrics` from anywhere."},
    {"UPDATE_URL", &setting_text, FIELD(update_url), .fallback = "",
     .kind = "http(s) URL", .check = check_url, .example = "https://updates.example.org/ccr-ui-backend.json",
     .help = "Where to look for new versions. Empty = the program never asks anyone."},
    {"PRICES_URL", &setting_text, FIELD(prices_url), .fallback = "",
     .kind = "http(s) URL or absolute path", .check = check_place,
     .example = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
     .help = "List of prices in LiteLLM's form that housekeeping reads once a day, a file or an address. Empty = prices are those that come with the program and those of `ccr-ui-backend prices import`."},
    {"OUTBOUND_ALLOW", &setting_text, FIELD(outbound_allow), .fallback = "",
     .kind = "comma list of addresses and networks", .check = check_networks, .example = "10.20.0.0/16,fd00:20::/32",
     .help = "Private addresses that may be asked all the same when a user's profile names them, such as those of a relay in one's own network. All public ones may be; loopback, private, link-local (and with it the clouds' metadata), multicast and reserved ones may not, whatever name or redirect leads there."},
    {"CHECKIN_ENABLED", &setting_choice, FIELD(checkin_enabled), .fallback = "false", .words = permission_words,
     .help = "Whether a check-in or its balance is asked for at the provider that a user has entered, with that user's cookies. `false`: providers, accounts and what was recorded are there, and nobody is asked."},
    {"LOG_LEVEL", &setting_choice, FIELD(log_level), .fallback = "info", .words = level_words, .alias = "RUST_LOG",
     .help = "The least serious level that is logged."},
    {"LOG_FORMAT", &setting_choice, FIELD(log_format), .fallback = "json", .words = format_words,
     .help = "`json`: an object a line for machines; `text`: for people."},
    {"LOG_FILE", &setting_path, FIELD(log_file), .fallback = "",
     .kind = "absolute path", .check = check_log_file, .example = "/var/log/ccr-ui/backend.log",
     .help = "File that `serve` appends its log to, opened anew at SIGUSR1. Empty = standard error, which systemd's journal keeps."},
    {0},
};
/* clang-format on */

/* Owns the strings of one loaded struct settings. */
struct settings_store {
    struct arena *arena;
    struct env_file file;
    struct setting_value values[ARRAY_SIZE(settings_table) - 1]; /* in the table's order */
    char *copies[ARRAY_SIZE(settings_table) - 1];                /* what was written, to wipe at the end */
};

const struct setting_value *settings_value(const struct settings *settings, const struct setting *row)
{
    return &settings->store->values[row - settings_table];
}

bool problem_set(struct problem *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem->text, problem->size, format, args);
    va_end(args);
    return false;
}

/* Where a variable may be written; "" counts as not written. */
static bool value_find(struct setting_value *out, const struct env_file *file, const char *path, const char *name)
{
    const char *text = name ? getenv(name) : NULL;
    const char *source = "environment";

    if (name && path && (!text || !*text)) {
        text = env_file_get(file, name);
        source = path;
    }
    if (!text || !*text)
        return false;
    *out = (struct setting_value){.name = name, .text = text, .source = source};
    return true;
}

/* The environment before the file, and in each the row's own name before its alias. */
static void value_choose(struct setting_value *out, const struct setting *row, const struct env_file *file,
                         const char *path)
{
    const struct env_file no_file = {0};

    if (value_find(out, &no_file, NULL, row->name) || value_find(out, &no_file, NULL, row->alias) ||
        value_find(out, file, path, row->name) || value_find(out, file, path, row->alias))
        return;
    *out = (struct setting_value){.name = row->name, .text = row->fallback, .source = "default"};
}

/* What holds for every value, whatever its row. */
static bool value_acceptable(const struct setting *row, const struct setting_value *value, struct problem *problem)
{
    if (row->required && !*value->text)
        return problem_set(problem, "is required%s",
                           row->secret ? "; make one with: ccr-ui-backend secrets generate" : "");
    if (strlen(value->text) > VALUE_MAX)
        return problem_set(problem, "is longer than %d bytes", VALUE_MAX);
    if (!utf8_valid(value->text, strlen(value->text)))
        return problem_set(problem, "is not UTF-8 text");
    if (has_control(value->text))
        return problem_set(problem, "must not hold control characters such as line breaks");
    return true;
}

static bool row_load(struct settings *out, const struct setting *row, const char *path, struct problem *problem)
{
    struct settings_store *store = out->store;
    struct setting_value *value = &store->values[row - settings_table];

    value_choose(value, row, &store->file, path);
    if (!value_acceptable(row, value, problem))
        return false;
    store->copies[row - settings_table] = arena_strdup(store->arena, value->text);
    value->text = store->copies[row - settings_table];
    if (!row->type->store(row, value, (char *)out + row->offset, problem))
        return false;
    secret_lock(store->copies[row - settings_table], strlen(value->text) + 1);
    if (row->secret)
        value->shown = *value->text ? "***" : "";
    else if (!value->shown)
        value->shown = value->text;
    if (value->name != row->name)
        value->source = arena_printf(store->arena, "%s (%s)", value->source, value->name);
    return true;
}

/* What no row can tell by itself. The default of MIN_CONNECTIONS follows a smaller MAX_CONNECTIONS; a written one does not. */
static bool settings_agree(struct settings *out, struct problem *problem)
{
    const struct setting *row = settings_table;
    while (row->name && strcmp(row->name, "MIN_CONNECTIONS") != 0)
        row++;
    struct setting_value *value = &out->store->values[row - settings_table];
    if (out->memory_limit && out->memory_limit < MEMORY_LIMIT_MIN)
        return problem_set(problem, "MEMORY_LIMIT: %d MiB is too little to serve a request; at least %d, or 0 for none",
                           out->memory_limit, MEMORY_LIMIT_MIN);
    if (out->min_connections <= out->max_connections)
        return true;
    if (strcmp(value->source, "default") != 0)
        return problem_set(problem, "MIN_CONNECTIONS: %d is more than MAX_CONNECTIONS (%d)", out->min_connections,
                           out->max_connections);
    out->min_connections = out->max_connections;
    value->shown = arena_printf(out->store->arena, "%d", out->min_connections);
    return true;
}

bool settings_load(struct settings *out, const char *env_file, char *problem, size_t size)
{
    struct arena *arena = arena_new(STORE_MAX);
    char text[400] = "";
    struct problem wrong = {arena, text, sizeof text};

    *out = (struct settings){.store = arena_alloc(arena, sizeof *out->store)};
    out->store->arena = arena;
    if (env_file) {
        env_file = arena_strdup(arena, env_file);
        if (!env_file_load(&out->store->file, arena, env_file, problem, size)) {
            settings_free(out);
            return false;
        }
    }
    for (const struct setting *row = settings_table; row->name; row++) {
        if (!row_load(out, row, env_file, &wrong)) {
            snprintf(problem, size, "%s: %s", settings_value(out, row)->name, text);
            settings_free(out);
            return false;
        }
    }
    if (!settings_agree(out, &wrong)) {
        snprintf(problem, size, "%s", text);
        settings_free(out);
        return false;
    }
    env_file_wipe(&out->store->file); /* everything that counts was copied */
    return true;
}

/* ---- what a reload cannot change ---- */

static bool is_pointer(const struct setting *row)
{
    return row->type == &setting_text || row->type == &setting_path;
}

static void row_keep(struct settings *next, const struct settings *running, const struct setting *row)
{
    struct arena *arena = next->store->arena;
    struct setting_value *value = &next->store->values[row - settings_table];
    const struct setting_value *kept = settings_value(running, row);
    const char *from = (const char *)running + row->offset;
    char *to = (char *)next + row->offset;
    if (strcmp(value->shown, kept->shown) == 0)
        return;
    *value = (struct setting_value){.name = row->name,
                                    .text = arena_strdup(arena, kept->text),
                                    .shown = arena_strdup(arena, kept->shown),
                                    .source = "before the reload",
                                    .waiting = value->shown};
    if (!is_pointer(row))
        memcpy(to, from, sizeof(int));
    else
        *(const char **)to = *value->text || *(const char *const *)from ? value->text : NULL;
}

void settings_keep(struct settings *next, const struct settings *running)
{
    for (const struct setting *row = settings_table; row->name; row++)
        if (row->restart)
            row_keep(next, running, row);
}

bool settings_at(const struct settings *settings, size_t index, struct setting_shown *out)
{
    const struct setting *row = &settings_table[index];
    if (!settings->store || index >= ARRAY_SIZE(settings_table) - 1)
        return false;
    const struct setting_value *value = settings_value(settings, row);
    *out = (struct setting_shown){.name = row->name,
                                  .value = value->shown,
                                  .source = value->source,
                                  .waiting = value->waiting,
                                  .number = row->type->number,
                                  .text = is_pointer(row),
                                  .restart = row->restart};
    return true;
}

/* ---- what /proc shows ---- */

void settings_hide_environment(const struct settings *settings)
{
    for (const struct setting *row = settings_table; row->name; row++) {
        const struct setting_value *value = settings_value(settings, row);
        char *old = strcmp(value->text, value->shown) != 0 ? getenv(value->name) : NULL;
        if (!old || setenv(value->name, old, 1) != 0) /* which copies it to elsewhere: a reload reads it again */
            continue;
        wipe(old, strlen(old));
    }
}

void settings_free(struct settings *settings)
{
    struct settings_store *store = settings->store;

    if (store) {
        for (size_t i = 0; i < ARRAY_SIZE(store->copies); i++)
            if (store->copies[i])
                secret_unlock(store->copies[i], strlen(store->copies[i]) + 1);
        env_file_wipe(&store->file);
        arena_free(store->arena);
    }
    *settings = (struct settings){0};
}
