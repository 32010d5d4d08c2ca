/* Settings: the one table of environment variables. Everything configurable is a row of it (src/config/settings.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* AUTO: Secure unless the site is plain-http loopback, decided per request. */
enum cookie_secure { COOKIE_SECURE_NEVER, COOKIE_SECURE_ALWAYS, COOKIE_SECURE_AUTO };

struct settings {
    const char *database_url;        /* libpq connection URI */
    const char *host;                /* with port: FastCGI over TCP */
    int port;                        /* 0 = no TCP listener */
    const char *socket_path;         /* NULL = none; SOCKET, or serve --socket */
    int socket_mode;                 /* SOCKET_MODE, octal */
    const char *jwt_secret;          /* >= 32 bytes */
    const char *jwt_secret_previous; /* "" = none; still verifies */
    int access_token_ttl;            /* seconds */
    int refresh_token_ttl;           /* seconds */
    const char *secrets_key;         /* key ring "id:base64[,id:base64]" */
    const char *cors_origins;        /* comma list, "" = none */
    int cookie_secure_mode;          /* enum cookie_secure */
    int min_connections;             /* fewest workers, one connection each; never more than max_connections */
    int max_connections;             /* most workers */
    int idle_timeout;                /* seconds until a worker nobody needed leaves */
    int max_lifetime;                /* seconds until a connection is renewed; 0 = never */
    int connection_timeout;          /* seconds */
    int statement_timeout;           /* milliseconds */
    int slow_statement;              /* milliseconds; slower ones are logged at warn */
    int max_requests;                /* a worker leaves after about this many; 0 = never */
    int request_timeout;             /* seconds a worker may be busy before it is killed */
    int shutdown_timeout;            /* seconds to let requests finish */
    int max_body_size;               /* bytes */
    int rate_limit;                  /* requests per 10 s and client; 0 = off */
    int rate_limit_burst;
    int in_progress_limits;       /* whether the three below hold */
    int user_share;               /* percent of the workers one user's requests in progress may take */
    int heavy_share;              /* percent of the workers heavy requests may take together */
    int stream_share;             /* percent of the workers that streams may take together */
    int usage_import_max;         /* MiB of one import, unpacked */
    int password_checks;          /* at once; 0 = half of the processors */
    int queue_timeout;            /* milliseconds a request may have waited before it is refused; 0 = off */
    int memory_limit;             /* MiB of private memory a worker may have; 0 = none */
    int cache_size;               /* MiB of shared memory for answers; 0 = none is kept */
    int cache_ttl;                /* seconds an answer stays in Redis */
    int housekeeping;             /* this host may do it */
    const char *events_socket;    /* where `serve` has live events listen; NULL = it has none */
    int session_retention;        /* days; 0 = for ever, here and below */
    int token_retention;          /* days */
    int audit_retention;          /* days */
    int revision_retention;       /* days */
    int revisions_kept;           /* newest ones of each profile */
    int command_retention;        /* days */
    int backup_retention;         /* days */
    int usage_retention;          /* days */
    int backups_kept;             /* newest ones of each workspace and platform */
    const char *redis_url;        /* "" = no Redis */
    const char *metrics_allow;    /* networks that may read /metrics */
    const char *metrics_token;    /* "" = none */
    const char *update_url;       /* "" = no update source */
    const char *prices_url;       /* a path or URL of a list of prices; "" = none is read */
    const char *outbound_allow;   /* private networks whose servers may be asked; "" = none */
    int checkin_enabled;          /* check-ins ask providers */
    int log_level;                /* enum log_level */
    int log_format;               /* enum log_format */
    const char *log_file;         /* NULL = standard error */
    struct settings_store *store; /* keeps the strings and where each value came from */
};

/* Reads the environment and, when env_file is not NULL, that file (KEY=VALUE lines; a variable in the environment wins),
 * into *out. On a wrong value writes ONE line naming the variable and what is allowed to problem (size bytes) and returns
 * false; *out is then unusable and holds nothing. The strings live until settings_free. Safe to call again for a reload:
 * load into a second struct, and free the first one once nothing points into it. */
bool settings_load(struct settings *out, const char *env_file, char *problem, size_t size);
void settings_free(struct settings *settings);
/* /proc/PID/environ shows what a process was started with: wipes there the values that are secret or hold a password. The environment
 * itself stays as it was. At the start, once. */
void settings_hide_environment(const struct settings *settings);

/* For a reload: what only a restart can change is taken from `running` into `next`, so that `next` says what is in force. */
void settings_keep(struct settings *next, const struct settings *running);

/* One setting of a running server: name, value in force (secrets hidden), where it came from, what waits for a restart or NULL.
 * False at the end of the table. */
struct setting_shown {
    const char *name, *value, *source, *waiting;
    bool number, text, restart; /* text: an address, a path, a secret … */
};
bool settings_at(const struct settings *settings, size_t index, struct setting_shown *out);

/* What `ccr-ui-backend settings` prints: name, effective value (secrets hidden), where it came from. */
void settings_print(const struct settings *settings, FILE *out, bool json);

/* The table of docs/configuration.md, and .env.example (`settings --format markdown|env`). */
void settings_print_markdown(FILE *out);
void settings_print_env_example(FILE *out);
