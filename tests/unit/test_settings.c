/* Tests of settings: defaults, every wrong value named, precedence, the env file, and that no secret is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "buffer.h"
#include "log.h"
#include "settings.h"
#include "util.h"

#define DATABASE "postgresql://ccr:hunter2@localhost:5432/ccr"
#define JWT      "0123456789abcdef0123456789ABCDEF"
#define KEY      "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="

static const char *const names[] = {
    "DATABASE_URL",
    "HOST",
    "PORT",
    "SOCKET",
    "SOCKET_MODE",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "ACCESS_TOKEN_TTL",
    "REFRESH_TOKEN_TTL",
    "SECRETS_KEY",
    "CORS_ORIGINS",
    "COOKIE_SECURE",
    "MIN_CONNECTIONS",
    "MAX_CONNECTIONS",
    "IDLE_TIMEOUT",
    "MAX_LIFETIME",
    "CONNECTION_TIMEOUT",
    "STATEMENT_TIMEOUT",
    "SLOW_STATEMENT",
    "MAX_REQUESTS",
    "REQUEST_TIMEOUT",
    "SHUTDOWN_TIMEOUT",
    "MAX_BODY_SIZE",
    "RATE_LIMIT",
    "RATE_LIMIT_BURST",
    "IN_PROGRESS_LIMITS",
    "USER_SHARE",
    "HEAVY_SHARE",
    "STREAM_SHARE",
    "USAGE_IMPORT_MAX",
    "PASSWORD_CHECKS",
    "QUEUE_TIMEOUT",
    "MEMORY_LIMIT",
    "CACHE_SIZE",
    "CACHE_TTL",
    "REDIS_URL",
    "HOUSEKEEPING",
    "EVENTS_SOCKET",
    "SESSION_RETENTION",
    "TOKEN_RETENTION",
    "AUDIT_RETENTION",
    "REVISION_RETENTION",
    "REVISIONS_KEPT",
    "COMMAND_RETENTION",
    "USAGE_RETENTION",
    "BACKUP_RETENTION",
    "BACKUPS_KEPT",
    "METRICS_ALLOW",
    "METRICS_TOKEN",
    "UPDATE_URL",
    "PRICES_URL",
    "OUTBOUND_ALLOW",
    "CHECKIN_ENABLED",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "LOG_FILE",
};

static char problem[500];
static char env_path[] = "/tmp/ccr-test-settings-XXXXXX";

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    unsetenv("RUST_LOG");
    setenv("DATABASE_URL", DATABASE, 1);
    setenv("JWT_SECRET", JWT, 1);
    setenv("SECRETS_KEY", "k1:" KEY, 1);
    return 0;
}

static void load(struct settings *out, const char *env_file)
{
    if (!settings_load(out, env_file, problem, sizeof problem))
        fail_msg("%s", problem);
}

/* Fails to load, with one line that says `expected`. */
static void expect_error(const char *env_file, const char *expected)
{
    struct settings settings;

    problem[0] = '\0';
    if (settings_load(&settings, env_file, problem, sizeof problem))
        fail_msg("loaded, instead of: %s", expected);
    assert_null(strchr(problem, '\n'));
    assert_string_equal(problem, expected);
    settings_free(&settings); /* harmless */
}

static void expect_wrong(const char *name, const char *value, const char *expected)
{
    setenv(name, value, 1);
    expect_error(NULL, expected);
    setup(NULL);
}

/* What a printing function prints. */
struct capture {
    char *text;
    size_t size;
    FILE *stream;
};

static FILE *capture_open(struct capture *capture)
{
    *capture = (struct capture){0};
    capture->stream = open_memstream(&capture->text, &capture->size);
    return capture->stream;
}

static const char *capture_text(struct capture *capture)
{
    fclose(capture->stream);
    return capture->text;
}

static void env_write(const char *text)
{
    FILE *file = fopen(env_path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- values ---- */

static void defaults(void **state)
{
    struct settings s;

    (void)state;
    load(&s, NULL);
    assert_string_equal(s.database_url, DATABASE);
    assert_string_equal(s.host, "127.0.0.1");
    assert_int_equal(s.port, 0);
    assert_null(s.socket_path);
    assert_int_equal(s.socket_mode, 0660);
    assert_string_equal(s.jwt_secret, JWT);
    assert_string_equal(s.jwt_secret_previous, "");
    assert_int_equal(s.access_token_ttl, 900);
    assert_int_equal(s.refresh_token_ttl, 2592000);
    assert_string_equal(s.secrets_key, "k1:" KEY);
    assert_string_equal(s.cors_origins, "");
    assert_int_equal(s.cookie_secure_mode, COOKIE_SECURE_AUTO);
    assert_int_equal(s.min_connections, 2);
    assert_int_equal(s.max_connections, 8);
    assert_int_equal(s.idle_timeout, 300);
    assert_int_equal(s.max_lifetime, 1800);
    assert_int_equal(s.connection_timeout, 30);
    assert_int_equal(s.statement_timeout, 10000);
    assert_int_equal(s.slow_statement, 200);
    assert_int_equal(s.max_requests, 100000);
    assert_int_equal(s.request_timeout, 60);
    assert_int_equal(s.shutdown_timeout, 30);
    assert_int_equal(s.max_body_size, 12582912);
    assert_int_equal(s.rate_limit, 100);
    assert_int_equal(s.rate_limit_burst, 20);
    assert_true(s.in_progress_limits);
    assert_int_equal(s.user_share, 50);
    assert_int_equal(s.heavy_share, 75);
    assert_int_equal(s.password_checks, 0);
    assert_int_equal(s.queue_timeout, 3000);
    assert_int_equal(s.memory_limit, 256);
    assert_int_equal(s.cache_size, 16);
    assert_int_equal(s.cache_ttl, 300);
    assert_true(s.housekeeping);
    assert_null(s.events_socket);
    assert_int_equal(s.session_retention, 30);
    assert_int_equal(s.token_retention, 30);
    assert_int_equal(s.audit_retention, 730);
    assert_int_equal(s.revision_retention, 365);
    assert_int_equal(s.revisions_kept, 50);
    assert_int_equal(s.command_retention, 90);
    assert_int_equal(s.backup_retention, 365);
    assert_int_equal(s.backups_kept, 20);
    assert_string_equal(s.redis_url, "");
    assert_string_equal(s.metrics_allow, "127.0.0.1,::1");
    assert_string_equal(s.metrics_token, "");
    assert_string_equal(s.update_url, "");
    assert_string_equal(s.prices_url, "");
    assert_string_equal(s.outbound_allow, "");
    assert_false(s.checkin_enabled);
    assert_int_equal(s.log_level, LOG_LEVEL_INFO);
    assert_int_equal(s.log_format, LOG_FORMAT_JSON);
    assert_null(s.log_file);
    settings_free(&s);
}

static void every_member_is_set(void **state)
{
    struct settings s;

    (void)state;
    setenv("HOST", "::1", 1);
    setenv("PORT", "65535", 1);
    setenv("SOCKET", "/run/ccr.sock", 1);
    setenv("SOCKET_MODE", "0600", 1);
    setenv("JWT_SECRET_PREVIOUS", "x" JWT, 1);
    setenv("ACCESS_TOKEN_TTL", "60", 1);
    setenv("REFRESH_TOKEN_TTL", "3600", 1);
    setenv("CORS_ORIGINS", " https://A.example , http://[::1]:8081,tauri://localhost,https://b.example:443", 1);
    setenv("COOKIE_SECURE", "never", 1);
    setenv("MIN_CONNECTIONS", "1023", 1);
    setenv("MAX_CONNECTIONS", "1024", 1);
    setenv("IDLE_TIMEOUT", "6", 1);
    setenv("MAX_LIFETIME", "0", 1);
    setenv("CONNECTION_TIMEOUT", "1", 1);
    setenv("STATEMENT_TIMEOUT", "2", 1);
    setenv("SLOW_STATEMENT", "0", 1);
    setenv("MAX_REQUESTS", "0", 1);
    setenv("REQUEST_TIMEOUT", "3", 1);
    setenv("SHUTDOWN_TIMEOUT", "4", 1);
    setenv("MAX_BODY_SIZE", "16777216", 1);
    setenv("RATE_LIMIT", "0", 1);
    setenv("RATE_LIMIT_BURST", "5", 1);
    setenv("IN_PROGRESS_LIMITS", "off", 1);
    setenv("USER_SHARE", "100", 1);
    setenv("HEAVY_SHARE", "1", 1);
    setenv("PASSWORD_CHECKS", "1024", 1);
    setenv("QUEUE_TIMEOUT", "0", 1);
    setenv("MEMORY_LIMIT", "96", 1);
    setenv("CACHE_SIZE", "0", 1);
    setenv("CACHE_TTL", "7", 1);
    setenv("REDIS_URL", "redis://10.0.0.1:6380/2", 1);
    setenv("METRICS_ALLOW", "10.0.0.0/8,fd00::/8", 1);
    setenv("METRICS_TOKEN", "0123456789abcdef", 1);
    setenv("UPDATE_URL", "https://updates.example:8443/v1?x=1", 1);
    setenv("PRICES_URL", "/var/lib/prices.json", 1);
    setenv("OUTBOUND_ALLOW", "10.2.0.0/16", 1);
    setenv("CHECKIN_ENABLED", "true", 1);
    setenv("LOG_LEVEL", "DEBUG", 1);
    setenv("LOG_FORMAT", "text", 1);
    setenv("LOG_FILE", "/var/log/ccr.log", 1);
    load(&s, NULL);
    assert_string_equal(s.host, "::1");
    assert_int_equal(s.port, 65535);
    assert_string_equal(s.socket_path, "/run/ccr.sock");
    assert_int_equal(s.socket_mode, 0600);
    assert_string_equal(s.jwt_secret_previous, "x" JWT);
    assert_int_equal(s.access_token_ttl, 60);
    assert_int_equal(s.refresh_token_ttl, 3600);
    assert_string_equal(s.cors_origins, "https://a.example,http://[::1]:8081,tauri://localhost,https://b.example");
    assert_int_equal(s.cookie_secure_mode, COOKIE_SECURE_NEVER);
    assert_int_equal(s.min_connections, 1023);
    assert_int_equal(s.max_connections, 1024);
    assert_int_equal(s.idle_timeout, 6);
    assert_int_equal(s.max_lifetime, 0);
    assert_int_equal(s.connection_timeout, 1);
    assert_int_equal(s.statement_timeout, 2);
    assert_int_equal(s.slow_statement, 0);
    assert_int_equal(s.max_requests, 0);
    assert_int_equal(s.request_timeout, 3);
    assert_int_equal(s.shutdown_timeout, 4);
    assert_int_equal(s.max_body_size, 16777216);
    assert_int_equal(s.rate_limit, 0);
    assert_int_equal(s.rate_limit_burst, 5);
    assert_false(s.in_progress_limits);
    assert_int_equal(s.user_share, 100);
    assert_int_equal(s.heavy_share, 1);
    assert_int_equal(s.password_checks, 1024);
    assert_int_equal(s.queue_timeout, 0);
    assert_int_equal(s.memory_limit, 96);
    assert_int_equal(s.cache_size, 0);
    assert_int_equal(s.cache_ttl, 7);
    assert_string_equal(s.redis_url, "redis://10.0.0.1:6380/2");
    assert_string_equal(s.metrics_allow, "10.0.0.0/8,fd00::/8");
    assert_string_equal(s.metrics_token, "0123456789abcdef");
    assert_string_equal(s.update_url, "https://updates.example:8443/v1?x=1");
    assert_string_equal(s.prices_url, "/var/lib/prices.json");
    assert_string_equal(s.outbound_allow, "10.2.0.0/16");
    assert_true(s.checkin_enabled);
    assert_int_equal(s.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(s.log_format, LOG_FORMAT_TEXT);
    assert_string_equal(s.log_file, "/var/log/ccr.log");
    settings_free(&s);
}

/* The default follows a smaller maximum: who only ever wrote MAX_CONNECTIONS must not be refused. */
static void the_fewest_workers_follow_the_most(void **state)
{
    struct settings s;
    struct capture capture;

    (void)state;
    setenv("MAX_CONNECTIONS", "1", 1);
    load(&s, NULL);
    assert_int_equal(s.min_connections, 1);
    settings_print(&s, capture_open(&capture), false);
    assert_non_null(strstr(capture_text(&capture), "\nMIN_CONNECTIONS      1  "));
    free(capture.text);
    settings_free(&s);
    setenv("MIN_CONNECTIONS", "2", 1);
    expect_error(NULL, "MIN_CONNECTIONS: 2 is more than MAX_CONNECTIONS (1)");
    setenv("MAX_CONNECTIONS", "2", 1);
    load(&s, NULL);
    assert_int_equal(s.min_connections, 2);
    settings_free(&s);
}

struct wrong {
    const char *name, *value, *message;
};

#define ENCODE                                                                                                         \
    "percent-encode special characters (@ is %40, : is %3A, / is %2F, ? is %3F) in the user, password and database "   \
    "name"
#define REDIS "REDIS_URL: must be like redis://[user:password@]host[:port][/database] or unix:/path"
#define URI   "DATABASE_URL: must be a URI such as postgresql://user:password@host:5432/database"

static const struct wrong wrongs[] = {
    {"DATABASE_URL", "", "DATABASE_URL: is required"},
    {"DATABASE_URL", "mysql://u:hunter2@h/d", URI},
    {"DATABASE_URL", "host=localhost password=hunter2", URI ", not a list of key=value pairs"},
    {"DATABASE_URL", "postgresql://", "DATABASE_URL: names neither a host nor a database"},
    {"DATABASE_URL", "postgresql://u:hunter2@/?user=x", "DATABASE_URL: names neither a host nor a database"},
    {"DATABASE_URL", "postgresql://u:hunter2@h/d\n",
     "DATABASE_URL: must not hold control characters such as line breaks"},
    {"DATABASE_URL", "postgresql://u:hun@ter2@h/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u:1/hunter2@h/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u:hun?ter2@h/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u:hun%zzter2@h/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u:hun%00ter2@h/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u?x=hunter2@h@i/d", "DATABASE_URL: is not a valid URI; " ENCODE},
    {"DATABASE_URL", "postgresql://u@h:hunter2/d", "DATABASE_URL: has a host or port that cannot be one; " ENCODE},
    {"DATABASE_URL", "postgresql://u@h:5432,h2:70000/d",
     "DATABASE_URL: has a host or port that cannot be one; " ENCODE},
    {"DATABASE_URL", "postgresql://u@[::1/d", "DATABASE_URL: has a host or port that cannot be one; " ENCODE},
    {"DATABASE_URL", "postgresql://h/d?p%61ssword=hunter2",
     "DATABASE_URL: has something other than key=value pairs behind the ?"},
    {"DATABASE_URL", "postgresql://h/d?password",
     "DATABASE_URL: has something other than key=value pairs behind the ?"},
    {"HOST", "not a host", "HOST: \"not a host\" is not an IP address or host name"},
    {"PORT", "65536", "PORT: \"65536\" is not a whole number between 0 and 65535"},
    {"SOCKET", "relative.sock", "SOCKET: \"relative.sock\" is not an absolute path of at most 107 bytes"},
    {"SOCKET_MODE", "888", "SOCKET_MODE: \"888\" is not a mode in octal between 000 and 0777"},
    {"SOCKET_MODE", "1777", "SOCKET_MODE: \"1777\" is not a mode in octal between 000 and 0777"},
    {"SOCKET_MODE", "0o660", "SOCKET_MODE: \"0o660\" is not a mode in octal between 000 and 0777"},
    {"JWT_SECRET", "", "JWT_SECRET: is required; make one with: ccr-ui-backend secrets generate"},
    {"JWT_SECRET", "hunter2", "JWT_SECRET: has 7 bytes; at least 32 are needed"},
    {"JWT_SECRET", "your-super-secure-jwt-secret-key-here",
     "JWT_SECRET: is the example from the deployment guide, which everybody knows; make your own with: "
     "ccr-ui-backend "
     "secrets generate"},
    {"JWT_SECRET_PREVIOUS", "hunter2", "JWT_SECRET_PREVIOUS: has 7 bytes; at least 32 are needed"},
    {"ACCESS_TOKEN_TTL", "59", "ACCESS_TOKEN_TTL: \"59\" is not a whole number between 60 and 86400"},
    {"REFRESH_TOKEN_TTL", "1", "REFRESH_TOKEN_TTL: \"1\" is not a whole number between 3600 and 31536000"},
    {"SECRETS_KEY", "", "SECRETS_KEY: is required; make one with: ccr-ui-backend secrets generate"},
    {"SECRETS_KEY", "hunter2", "SECRETS_KEY: entry 1 has no key id (id:base64)"},
    {"SECRETS_KEY", "k1:" KEY ",k2:hunter2", "SECRETS_KEY: entry 2 is not 32 bytes in base64 behind the colon"},
    {"CORS_ORIGINS", "https://a.example,*",
     "CORS_ORIGINS: \"*\" would let every site act for its visitors; list the origins"},
    {"CORS_ORIGINS", "https://a.example/",
     "CORS_ORIGINS: \"https://a.example/\" is not an origin (scheme://host or scheme://host:port)"},
    {"CORS_ORIGINS", "a.example", "CORS_ORIGINS: \"a.example\" is not an origin (scheme://host or scheme://host:port)"},
    {"CORS_ORIGINS", "https://a.example,", "CORS_ORIGINS: \"\" is not an origin (scheme://host or scheme://host:port)"},
    {"CORS_ORIGINS", "null", "CORS_ORIGINS: \"null\" is not an origin (scheme://host or scheme://host:port)"},
    {"CORS_ORIGINS", "https://*.a.example",
     "CORS_ORIGINS: \"https://*.a.example\" is not an origin (scheme://host or scheme://host:port)"},
    {"CORS_ORIGINS", "http://a:70000",
     "CORS_ORIGINS: \"http://a:70000\" is not an origin (scheme://host or scheme://host:port)"},
    {"COOKIE_SECURE", "yes", "COOKIE_SECURE: \"yes\" is not one of auto, always, never"},
    {"MIN_CONNECTIONS", "0", "MIN_CONNECTIONS: \"0\" is not a whole number between 1 and 1024"},
    {"MIN_CONNECTIONS", "9", "MIN_CONNECTIONS: 9 is more than MAX_CONNECTIONS (8)"},
    {"MAX_CONNECTIONS", "0", "MAX_CONNECTIONS: \"0\" is not a whole number between 1 and 1024"},
    {"IDLE_TIMEOUT", "0", "IDLE_TIMEOUT: \"0\" is not a whole number between 1 and 86400"},
    {"MAX_LIFETIME", "30m", "MAX_LIFETIME: \"30m\" is not a whole number between 0 and 604800"},
    {"CONNECTION_TIMEOUT", "30s", "CONNECTION_TIMEOUT: \"30s\" is not a whole number between 1 and 300"},
    {"STATEMENT_TIMEOUT", "0", "STATEMENT_TIMEOUT: \"0\" is not a whole number between 1 and 600000"},
    {"SLOW_STATEMENT", "-1", "SLOW_STATEMENT: \"-1\" is not a whole number between 0 and 600000"},
    {"MAX_REQUESTS", "1e5", "MAX_REQUESTS: \"1e5\" is not a whole number between 0 and 1000000000"},
    {"REQUEST_TIMEOUT", "0", "REQUEST_TIMEOUT: \"0\" is not a whole number between 1 and 3600"},
    {"SHUTDOWN_TIMEOUT", "99999999999999999999",
     "SHUTDOWN_TIMEOUT: \"99999999999999999999\" is not a whole number between 1 and 3600"},
    {"MAX_BODY_SIZE", "16777217", "MAX_BODY_SIZE: \"16777217\" is not a whole number between 1024 and 16777216"},
    {"RATE_LIMIT", "abc", "RATE_LIMIT: \"abc\" is not a whole number between 0 and 1000000"},
    {"RATE_LIMIT_BURST", " 1", "RATE_LIMIT_BURST: \" 1\" is not a whole number between 0 and 1000000"},
    {"IN_PROGRESS_LIMITS", "0", "IN_PROGRESS_LIMITS: \"0\" is not one of on, off"},
    {"USER_SHARE", "0", "USER_SHARE: \"0\" is not a whole number between 1 and 100"},
    {"HEAVY_SHARE", "101", "HEAVY_SHARE: \"101\" is not a whole number between 1 and 100"},
    {"STREAM_SHARE", "0", "STREAM_SHARE: \"0\" is not a whole number between 1 and 100"},
    {"USAGE_IMPORT_MAX", "0", "USAGE_IMPORT_MAX: \"0\" is not a whole number between 1 and 1048576"},
    {"PASSWORD_CHECKS", "-1", "PASSWORD_CHECKS: \"-1\" is not a whole number between 0 and 1024"},
    {"EVENTS_SOCKET", "events.sock", "EVENTS_SOCKET: \"events.sock\" is not an absolute path of at most 107 bytes"},
    {"HOUSEKEEPING", "sometimes", "HOUSEKEEPING: \"sometimes\" is not one of on, off"},
    {"SESSION_RETENTION", "-1", "SESSION_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"TOKEN_RETENTION", "-1", "TOKEN_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"AUDIT_RETENTION", "-1", "AUDIT_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"REVISION_RETENTION", "-1", "REVISION_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"COMMAND_RETENTION", "-1", "COMMAND_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"USAGE_RETENTION", "-1", "USAGE_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"BACKUP_RETENTION", "-1", "BACKUP_RETENTION: \"-1\" is not a whole number between 0 and 36500"},
    {"REVISIONS_KEPT", "0", "REVISIONS_KEPT: \"0\" is not a whole number between 1 and 1000000"},
    {"BACKUPS_KEPT", "0", "BACKUPS_KEPT: \"0\" is not a whole number between 1 and 1000000"},
    {"QUEUE_TIMEOUT", "600001", "QUEUE_TIMEOUT: \"600001\" is not a whole number between 0 and 600000"},
    {"MEMORY_LIMIT", "256M", "MEMORY_LIMIT: \"256M\" is not a whole number between 0 and 65536"},
    {"MEMORY_LIMIT", "50", "MEMORY_LIMIT: 50 MiB is too little to serve a request; at least 96, or 0 for none"},
    {"CACHE_SIZE", "4097", "CACHE_SIZE: \"4097\" is not a whole number between 0 and 4096"},
    {"CACHE_TTL", "0", "CACHE_TTL: \"0\" is not a whole number between 1 and 86400"},
    {"REDIS_URL", "localhost:6379", REDIS},
    {"REDIS_URL", "http://u:hunter2@h", REDIS},
    {"REDIS_URL", "redis://", REDIS},
    {"REDIS_URL", "redis://:hunter2@", REDIS},
    {"REDIS_URL", "redis://:hunter2@h:0", REDIS},
    {"REDIS_URL", "redis://:hunter2@h/first", REDIS},
    {"REDIS_URL", "redis://:hunter2%zz@h", REDIS},
    {"REDIS_URL", "redis://:hunter2/x@h", REDIS},
    {"REDIS_URL", "unix:run/redis.sock", REDIS},
    {"METRICS_ALLOW", "everybody", "METRICS_ALLOW: \"everybody\" is not an address or a network such as 10.0.0.0/8"},
    {"METRICS_ALLOW", "127.0.0.1,10.0.0.0/33",
     "METRICS_ALLOW: \"10.0.0.0/33\" is not an address or a network such as 10.0.0.0/8"},
    {"METRICS_TOKEN", "hunter2", "METRICS_TOKEN: has 7 bytes; at least 16 are needed"},
    {"CHECKIN_ENABLED", "yes", "CHECKIN_ENABLED: \"yes\" is not one of false, true"},
    {"OUTBOUND_ALLOW", "relay.internal",
     "OUTBOUND_ALLOW: \"relay.internal\" is not an address or a network such as 10.0.0.0/8"},
    {"PRICES_URL", "prices.json", "PRICES_URL: \"prices.json\" is not an http:// or https:// URL"},
    {"PRICES_URL", "/var/lib/", "PRICES_URL: \"/var/lib/\" is not an absolute path of a file"},
    {"PRICES_URL", "https://u:hunter2@a.example/", "PRICES_URL: must not hold a user or password"},
    {"UPDATE_URL", "ftp://a.example", "UPDATE_URL: \"ftp://a.example\" is not an http:// or https:// URL"},
    {"UPDATE_URL", "https:///path", "UPDATE_URL: \"https:///path\" is not an http:// or https:// URL"},
    {"UPDATE_URL", "https://u:hunter2@a.example/", "UPDATE_URL: must not hold a user or password"},
    {"UPDATE_URL", "ftp://u:hunter2@a.example/", "UPDATE_URL: must not hold a user or password"},
    {"UPDATE_URL", "https://u :hunter2@a.example/", "UPDATE_URL: must not hold a user or password"},
    {"LOG_LEVEL", "loud", "LOG_LEVEL: \"loud\" is not one of error, warn, info, debug"},
    {"LOG_LEVEL", "info,sqlx=warn", "LOG_LEVEL: \"info,sqlx=warn\" is not one of error, warn, info, debug"},
    {"RUST_LOG", "loud", "RUST_LOG: \"loud\" is not one of error, warn, info, debug"},
    {"LOG_FORMAT", "xml", "LOG_FORMAT: \"xml\" is not one of json, text"},
    {"LOG_FILE", "ccr.log", "LOG_FILE: \"ccr.log\" is not an absolute path of a file"},
    {"LOG_FILE", "/var/log/", "LOG_FILE: \"/var/log/\" is not an absolute path of a file"},
    {"HOST", "\xff\xfe", "HOST: is not UTF-8 text"},
};

static void wrong_values_name_the_variable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        expect_wrong(wrongs[i].name, wrongs[i].value, wrongs[i].message);
        assert_null(strstr(wrongs[i].message, "hunter2"));
    }
}

static void every_row_is_tested(void **state)
{
    struct settings s;
    struct capture capture;
    json_error_t why;

    (void)state;
    load(&s, NULL);
    settings_print(&s, capture_open(&capture), true);
    json_t *rows = json_loads(capture_text(&capture), 0, &why);
    assert_int_equal(json_array_size(rows), ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_string_equal(json_string_value(json_object_get(json_array_get(rows, i), "name")), names[i]);
        size_t tests = 0;
        for (size_t j = 0; j < ARRAY_SIZE(wrongs); j++)
            tests += strcmp(wrongs[j].name, names[i]) == 0;
        if (tests == 0)
            fail_msg("no wrong value of %s is tested", names[i]);
    }
    json_decref(rows);
    free(capture.text);
    settings_free(&s);
}

static void too_long_a_value(void **state)
{
    char *text = malloc(10000);

    (void)state;
    memset(text, 'a', 9999);
    text[9999] = '\0';
    expect_wrong("JWT_SECRET", text, "JWT_SECRET: is longer than 8192 bytes");
    free(text);
}

static void good_database_urls(void **state)
{
    static const char *const urls[][2] = {
        {"postgres://localhost", NULL},
        {"postgresql:///ccr", NULL},
        {"postgresql://ccr@/ccr?host=/run/postgresql", NULL},
        {"postgresql://?host=%2Frun%2Fpostgresql&dbname=x", NULL},
        {"postgresql://%2Frun%2Fpostgresql/ccr", NULL},
        {"postgresql://[::1]:5433,b.example:5434/ccr?target_session_attrs=read-write", NULL},
        {"postgresql://ccr:hunter2@db/ccr", "postgresql://ccr:***@db/ccr"},
        {"postgresql://ccr:hun%40ter2:x@db:5432/ccr?sslmode=require",
         "postgresql://ccr:***@db:5432/ccr?sslmode=require"},
        {"postgresql://ccr@db/ccr?password=hunter2", "postgresql://ccr@db/ccr?password=***"},
        {"postgresql://ccr:hunter2@db/ccr?a=b&password=hunter2&sslpassword=hunter2&c=d",
         "postgresql://ccr:***@db/ccr?a=b&password=***&sslpassword=***&c=d"},
        {"postgresql://ccr@db?password=hunter2", "postgresql://ccr@db?password=***"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct settings s;
        struct capture capture;
        setenv("DATABASE_URL", urls[i][0], 1);
        load(&s, NULL);
        assert_string_equal(s.database_url, urls[i][0]);
        settings_print(&s, capture_open(&capture), true);
        if (!strstr(capture_text(&capture), urls[i][1] ? urls[i][1] : urls[i][0]))
            fail_msg("%s: %s", urls[i][0], capture.text);
        assert_null(strstr(capture.text, "hunter2"));
        free(capture.text);
        settings_free(&s);
    }
}

static void good_redis_urls(void **state)
{
    static const char *const urls[][2] = {
        /* what is printed, when it differs */
        {"redis://localhost", NULL},
        {"redis://localhost:6379/15", NULL},
        {"redis://[::1]:6379", NULL},
        {"unix:/run/redis/redis.sock", NULL},
        {"redis://:hunter2@localhost/0", "redis://***@localhost/0"},
        {"redis://ccr:hunter2@localhost:6379", "redis://***@localhost:6379"},
        {"redis://ccr:hunter2%40x@localhost", "redis://***@localhost"},
        {"redis://:x@hunter2@localhost", "redis://***@localhost"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct settings s;
        struct capture capture;
        setenv("REDIS_URL", urls[i][0], 1);
        load(&s, NULL);
        assert_string_equal(s.redis_url, urls[i][0]);
        for (int json = 0; json <= 1; json++) {
            settings_print(&s, capture_open(&capture), json);
            if (!strstr(capture_text(&capture), urls[i][1] ? urls[i][1] : urls[i][0]))
                fail_msg("%s: %s", urls[i][0], capture.text);
            assert_null(strstr(capture.text, "hunter2@localhost"));
            assert_null(strstr(capture.text, ":hunter2"));
            free(capture.text);
        }
        settings_free(&s);
    }
}

static void rust_log_is_an_alias(void **state)
{
    static const struct {
        const char *log_level, *rust_log;
        int level;
    } cases[] = {
        {NULL, "warn", LOG_LEVEL_WARN},
        {NULL, "info,sqlx=warn", LOG_LEVEL_INFO},
        {NULL, "sqlx=warn,trace", LOG_LEVEL_DEBUG},
        {NULL, "ccr_ui=debug,error", LOG_LEVEL_ERROR},
        {NULL, "sqlx=debug", LOG_LEVEL_INFO},
        {"error", "debug", LOG_LEVEL_ERROR},
        {"", "debug", LOG_LEVEL_DEBUG},
        {"trace", NULL, LOG_LEVEL_DEBUG},
        {NULL, "off", LOG_LEVEL_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct settings s;
        setup(NULL);
        if (cases[i].log_level)
            setenv("LOG_LEVEL", cases[i].log_level, 1);
        if (cases[i].rust_log)
            setenv("RUST_LOG", cases[i].rust_log, 1);
        load(&s, NULL);
        assert_int_equal(s.log_level, cases[i].level);
        settings_free(&s);
    }
}

/* ---- the env file ---- */

static void the_environment_wins_over_the_file(void **state)
{
    struct settings s;
    struct capture capture;

    (void)state;
    env_write("PORT=1\nRATE_LIMIT=2\nLOG_LEVEL=error\nHOST=\n");
    setenv("PORT", "3", 1);
    setenv("RATE_LIMIT", "", 1); /* empty: as if it were not there */
    setenv("RUST_LOG", "debug", 1);
    load(&s, env_path);
    assert_int_equal(s.port, 3);
    assert_int_equal(s.rate_limit, 2);
    assert_int_equal(s.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(s.host, "127.0.0.1");
    settings_print(&s, capture_open(&capture), false);
    assert_non_null(strstr(capture_text(&capture), "environment (RUST_LOG)\n"));
    free(capture.text);
    settings_free(&s);
}

static void env_file_syntax(void **state)
{
    struct settings s;

    (void)state;
    unsetenv("JWT_SECRET");
    unsetenv("DATABASE_URL");
    env_write("\xEF\xBB\xBF# comment\r\n"
              "\r\n"
              "  export PORT = 8080 \r\n"
              "export\tRATE_LIMIT=1\n"
              "JWT_SECRET=\"\\\"\\\\ $HOME # 0123456789abcdef0123456789\" # comment\r\n"
              "DATABASE_URL='postgresql://u:a\\b@h/d'   \n"
              "HOST=localhost\t# comment\n"
              "SOCKET=/run/a#b\n"
              "UNKNOWN=anything\n"
              "RATE_LIMIT_BURST=4\n"
              "RATE_LIMIT_BURST=5");
    load(&s, env_path);
    assert_int_equal(s.port, 8080);
    assert_int_equal(s.rate_limit, 1);
    assert_string_equal(s.jwt_secret, "\"\\ $HOME # 0123456789abcdef0123456789");
    assert_string_equal(s.database_url, "postgresql://u:a\\b@h/d");
    assert_string_equal(s.host, "localhost");
    assert_string_equal(s.socket_path, "/run/a#b");
    assert_int_equal(s.rate_limit_burst, 5); /* the last line counts */
    settings_free(&s);
}

static void env_file_errors_name_file_and_line(void **state)
{
    static const char *const bad[][2] = {
        {"A=1\nhunter2\n", ":2: expected NAME=VALUE"},
        {"=hunter2\n", ":1: expected NAME=VALUE"},
        {"1A=hunter2\n", ":1: expected NAME=VALUE"},
        {"A B=hunter2\n", ":1: expected NAME=VALUE"},
        {"\n\nA='hunter2\n", ":3: the quote is not closed on this line"},
        {"A=\"hunter2\nB=\"\n", ":1: the quote is not closed on this line"},
        {"A=\"x\" hunter2\n", ":1: there is text behind the closing quote"},
        {"A='x'hunter2\n", ":1: there is text behind the closing quote"},
        {"A=\"hunter2\\q\"\n",
         ":1: a backslash in double quotes may only stand before \" \\ $ ` n r t; use single quotes"},
        {"A=\xff\n", ": is not UTF-8 text"},
    };
    char expected[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        env_write(bad[i][0]);
        snprintf(expected, sizeof expected, "%s%s", env_path, bad[i][1]);
        expect_error(env_path, expected);
    }
    expect_error("/nonexistent/env", "/nonexistent/env: No such file or directory");
    expect_error("/tmp", "/tmp: Is a directory");
    env_write("RATE_LIMIT=abc\n");
    expect_error(env_path, "RATE_LIMIT: \"abc\" is not a whole number between 0 and 1000000");
}

static void too_large_an_env_file(void **state)
{
    FILE *file = fopen(env_path, "w");
    char expected[300];

    (void)state;
    for (int i = 0; i < 64 * KIB + 1; i++)
        fputc('#', file);
    fclose(file);
    snprintf(expected, sizeof expected, "%s: is larger than 64 KiB", env_path);
    expect_error(env_path, expected);
}

/* ---- reload and printing ---- */

static void a_reload_leaves_the_old_settings_alone(void **state)
{
    struct settings old, new;

    (void)state;
    setenv("HOST", "one.example", 1);
    load(&old, NULL);
    setenv("HOST", "two.example", 1);
    load(&new, NULL);
    assert_string_equal(old.host, "one.example");
    settings_free(&old);
    assert_string_equal(new.host, "two.example");
    settings_free(&new);
    assert_null(new.store);
    settings_free(&new); /* twice is harmless */
}

/* What a reload cannot change stays what it was; what it may change is taken over, and what was taken back waits no more. */
static void assert_waiting(const struct settings *settings, const char *expected)
{
    struct setting_shown setting;
    char text[200] = "";
    for (size_t i = 0; settings_at(settings, i, &setting); i++)
        if (setting.waiting)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s: %s, not %s\n", setting.name, setting.waiting,
                     setting.value);
    assert_string_equal(text, expected);
}

static void a_reload_keeps_what_needs_a_restart(void **state)
{
    struct settings running, next, after;
    (void)state;
    load(&running, NULL);
    setenv("CACHE_SIZE", "64", 1);
    setenv("SOCKET", "/run/other.sock", 1);
    setenv("RATE_LIMIT", "7", 1);
    load(&next, NULL);
    settings_keep(&next, &running);
    settings_free(&running);
    assert_int_equal(next.cache_size, 16);
    assert_null(next.socket_path);
    assert_int_equal(next.rate_limit, 7);
    assert_waiting(&next, "SOCKET: /run/other.sock, not \nCACHE_SIZE: 64, not 16\n");

    unsetenv("SOCKET");
    load(&after, NULL);
    settings_keep(&after, &next);
    settings_free(&next);
    assert_waiting(&after, "CACHE_SIZE: 64, not 16\n");
    settings_free(&after);
    setup(NULL);
}

static void printed_settings_hide_secrets(void **state)
{
    struct settings s;
    struct capture table, json;
    json_error_t why;

    (void)state;
    setenv("JWT_SECRET_PREVIOUS", "previous-" JWT, 1);
    setenv("METRICS_TOKEN", "metrics-0123456789", 1);
    setenv("REDIS_URL", "redis://ccr:redis-password@localhost", 1);
    load(&s, NULL);
    settings_print(&s, capture_open(&table), false);
    settings_print(&s, capture_open(&json), true);
    capture_text(&table);
    capture_text(&json);
    static const char *const secrets[] = {"hunter2", JWT, KEY, "metrics-0123456789", "redis-password"};
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        assert_null(strstr(table.text, secrets[i]));
        assert_null(strstr(json.text, secrets[i]));
    }
    assert_non_null(strstr(table.text, "\nJWT_SECRET           ***"));
    assert_non_null(strstr(table.text, "postgresql://ccr:***@localhost:5432/ccr  reload   environment\n"));
    assert_non_null(strstr(table.text, "\nSOCKET_MODE          0660"));

    json_t *rows = json_loads(json.text, 0, &why);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 23), "value")), 100);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 23), "source")), "default");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 3), "value")));
    json_decref(rows);
    free(table.text);
    free(json.text);
    settings_free(&s);
}

static void documentation_has_every_variable(void **state)
{
    struct capture markdown, env;
    char line[100];

    (void)state;
    settings_print_markdown(capture_open(&markdown));
    settings_print_env_example(capture_open(&env));
    capture_text(&markdown);
    capture_text(&env);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(line, sizeof line, "\n| `%s` | ", names[i]);
        assert_non_null(strstr(markdown.text, line));
        snprintf(line, sizeof line, "%s=", names[i]);
        assert_non_null(strstr(env.text, line));
    }
    free(markdown.text);
    free(env.text);
}

/* A copied .env.example must be read as far as the secrets that only its owner can fill in. */
static void the_env_example_loads(void **state)
{
    struct capture env;
    struct settings s;

    (void)state;
    settings_print_env_example(capture_open(&env));
    capture_text(&env);
    for (char *hash = env.text; (hash = strchr(hash, '#')); hash++)
        if ((hash == env.text || hash[-1] == '\n') && hash[1] >= 'A' && hash[1] <= 'Z')
            *hash = ' '; /* every optional line becomes a real one */
    env_write(env.text);
    unsetenv("DATABASE_URL");
    load(&s, env_path);
    assert_string_equal(s.socket_path, "/run/ccr-ui-backend/fastcgi.sock");
    settings_free(&s);
    unsetenv("JWT_SECRET");
    expect_error(env_path, "JWT_SECRET: is required; make one with: ccr-ui-backend secrets generate");
    free(env.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, setup),
        cmocka_unit_test_setup(every_member_is_set, setup),
        cmocka_unit_test_setup(the_fewest_workers_follow_the_most, setup),
        cmocka_unit_test_setup(wrong_values_name_the_variable, setup),
        cmocka_unit_test_setup(every_row_is_tested, setup),
        cmocka_unit_test_setup(too_long_a_value, setup),
        cmocka_unit_test_setup(good_database_urls, setup),
        cmocka_unit_test_setup(good_redis_urls, setup),
        cmocka_unit_test_setup(rust_log_is_an_alias, setup),
        cmocka_unit_test_setup(the_environment_wins_over_the_file, setup),
        cmocka_unit_test_setup(env_file_syntax, setup),
        cmocka_unit_test_setup(env_file_errors_name_file_and_line, setup),
        cmocka_unit_test_setup(too_large_an_env_file, setup),
        cmocka_unit_test_setup(a_reload_leaves_the_old_settings_alone, setup),
        cmocka_unit_test_setup(a_reload_keeps_what_needs_a_restart, setup),
        cmocka_unit_test_setup(printed_settings_hide_secrets, setup),
        cmocka_unit_test_setup(documentation_has_every_variable, setup),
        cmocka_unit_test_setup(the_env_example_loads, setup),
    };
    int fd = mkstemp(env_path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests_name("settings", tests, NULL, NULL);
    unlink(env_path);
    return failed;
}
