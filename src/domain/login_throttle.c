/* Failed logins in the table login_failures: 2^(n-5) s after a counter's nth failure from the fifth on, up to 300 s;
 * 2^(n-20) s after an address's from the twentieth on, up to 900 s. 15 minutes without one start the count anew. */
#include "login_throttle.h"

#include <string.h>
#include <time.h>

#include "address.h"
#include "util.h"

enum { NONCE_BYTES = 16, DAY_S = 24 * 60 * 60, RECENT_LOGINS = 50 };

/* clock_timestamp() and not now(): the row may have been waited for. The doubling stops at 2^20, far above both limits. */
static const struct statement
    throttle_wait = {"throttle_wait", "SELECT ceil(extract(epoch FROM max(blocked_until) - clock_timestamp()))::int"
                                      " FROM login_failures"
                                      " WHERE subject IN ($1, $2) AND blocked_until > clock_timestamp()"},
    /* subject, first failure that blocks, longest wait, account; no row comes back while the subject is blocked */
    throttle_count = {"throttle_count",
                      "INSERT INTO login_failures AS f (subject, failures, last_failed_at, blocked_until, user_id)"
                      " VALUES ($1, 1, clock_timestamp(), clock_timestamp(), $4)"
                      " ON CONFLICT (subject) DO UPDATE SET last_failed_at = clock_timestamp(),"
                      " (failures, blocked_until) = (SELECT n, clock_timestamp() + interval '1 second'"
                      " * CASE WHEN n < $2::int THEN 0 ELSE least($3::int, 2 ^ least(n - $2::int, 20)) END"
                      " FROM (SELECT CASE WHEN f.last_failed_at < clock_timestamp() - interval '15 minutes'"
                      " THEN 1 ELSE f.failures + 1 END AS n) AS counted)"
                      " WHERE f.blocked_until <= clock_timestamp() RETURNING f.failures"},
    throttle_delete = {"throttle_delete", "DELETE FROM login_failures WHERE subject = $1"},
    throttle_delete_all = {"throttle_delete_all", "DELETE FROM login_failures WHERE user_id = $1"},
    /* A session that outlived a change of the password belongs to whoever knew both. */
    throttle_known = {"throttle_known", "SELECT DISTINCT address FROM (SELECT address FROM sessions WHERE user_id = $1"
                                        " AND created_at > now() - make_interval(days => $3::int)"
                                        " AND (created_at >= to_timestamp($2::bigint) OR revoked_at IS NULL)"
                                        " ORDER BY created_at DESC LIMIT $4::int) AS recent"};

static const char account_first[] = "5", account_longest[] = "300", address_first[] = "20", address_longest[] = "900";

/* ---- who is counted --------------------------------------------------------------------------------------------- */

static const char *hashed(struct actor *actor, const char *kind, const char *what)
{
    return keyed_token(actor->arena, actor->settings->jwt_secret, "login failures",
                       arena_printf(actor->arena, "%s:%s", kind, what));
}

static const char *network(struct actor *actor)
{
    char *out = arena_alloc(actor->arena, ADDRESS_TEXT);
    address_client(out, actor->address);
    return out;
}

static const char *address_subject(struct actor *actor)
{
    return hashed(actor, "address", network(actor));
}

static const char *browser_mac(struct actor *actor, const char *issued, const char *nonce, const char *user_id)
{
    return keyed_token(actor->arena, actor->settings->jwt_secret, "known browser",
                       arena_printf(actor->arena, "%s.%s.%s", issued, nonce, user_id));
}

/* The nonce of what a login of this account gave to a browser, not too long ago and not before its password; else NULL. */
static const char *known_nonce(struct actor *actor, const char *presented, const char *user_id, long long changed_at)
{
    long long now = time(NULL), issued_at;
    if (!presented || strlen(presented) > 200)
        return NULL;
    char *issued = arena_strdup(actor->arena, presented), *nonce = strchr(issued, '.');
    char *mac = nonce ? strchr(nonce + 1, '.') : NULL;
    if (!mac)
        return NULL;
    *nonce++ = *mac++ = '\0';
    bool good = secret_equal(mac, browser_mac(actor, issued, nonce, user_id)) &&
                parse_int(issued, 0, now, &issued_at) && issued_at >= changed_at &&
                issued_at > now - (long long)KNOWN_DAYS * DAY_S;
    return good ? nonce : NULL;
}

const char *throttle_known_browser(struct actor *actor, const char *user_id)
{
    const char *issued = number_text(actor, time(NULL));
    const char *nonce = random_token(actor->arena, NONCE_BYTES);
    return arena_printf(actor->arena, "%s.%s.%s", issued, nonce, browser_mac(actor, issued, nonce, user_id));
}

/* Did this account log in from here? Compared as networks, which SQL does not know. */
static enum error known_address(struct actor *actor, const char *user_id, long long changed_at, bool *known)
{
    struct rows logins;
    const char *here = network(actor);
    *known = false;
    enum error error = db_all(actor->db, &throttle_known, &logins,
                              DB_ARGS(user_id, number_text(actor, changed_at), number_text(actor, KNOWN_DAYS),
                                      number_text(actor, RECENT_LOGINS)));
    for (int i = 0; !error && !*known && i < logins.count; i++) {
        struct row login = rows_at(&logins, i);
        char other[ADDRESS_TEXT];
        address_client(other, row_text(&login, 0));
        *known = strcmp(other, here) == 0;
    }
    return error;
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

static enum error throttle_refuse(struct actor *actor, long long wait_s)
{
    actor->failure.retry_after = wait_s > 1 ? (int)wait_s : 1;
    return fail(actor, MSG_LOGIN_THROTTLED, number_text(actor, actor->failure.retry_after), NULL);
}

/* address NULL: what others do from there does not count for this attempt. */
static enum error check_wait(struct actor *actor, const char *subject, const char *address, long long at_least)
{
    struct row row;
    enum error error = db_one(actor->db, &throttle_wait, &row, DB_ARGS(subject, address));
    if (error)
        return error;
    long long wait_s = row_int(&row, 0);
    if (wait_s < at_least)
        wait_s = at_least;
    return wait_s > 0 ? throttle_refuse(actor, wait_s) : ERR_NONE;
}

static enum error throttle_enter(struct actor *actor, const struct throttle *attempt, const char *address)
{
    enum error error = check_wait(actor, attempt->subject, address, 0);
    if (error)
        return error;
    struct row row;
    error = db_one(actor->db, &throttle_count, &row,
                   DB_ARGS(attempt->subject, account_first, account_longest, attempt->user_id));
    if (error == ERR_NOT_FOUND) /* another attempt of this moment was the one that blocked it */
        return check_wait(actor, attempt->subject, address, 1);
    return error;
}

enum error throttle_login(struct actor *actor, const char *name, const char *user_id, long long changed_at,
                          const char *browser, struct throttle *attempt)
{
    bool known = false;
    const char *nonce = user_id ? known_nonce(actor, browser, user_id, changed_at) : NULL;
    *attempt = (struct throttle){.user_id = user_id};
    if (nonce) {
        attempt->subject = hashed(actor, "browser", nonce);
        return throttle_enter(actor, attempt, NULL);
    }
    /* Also for nobody's name: the two must not differ in what they cost. */
    enum error error = known_address(actor, user_id, changed_at, &known);
    if (error)
        return error;
    if (known)
        attempt->subject = hashed(actor, "known", arena_printf(actor->arena, "%s %s", user_id, network(actor)));
    else
        attempt->subject = user_id ? hashed(actor, "user", user_id) : hashed(actor, "name", name);
    return throttle_enter(actor, attempt, address_subject(actor));
}

enum error throttle_confirm(struct actor *actor, struct throttle *attempt)
{
    *attempt =
        (struct throttle){.subject = hashed(actor, "session", actor->who.session_id), .user_id = actor->who.user_id};
    return throttle_enter(actor, attempt, NULL);
}

/* The attempt itself was counted when it began. */
enum error throttle_failed(struct actor *actor)
{
    actor->keep_changes = true;
    return db_run(actor->db, &throttle_count, DB_ARGS(address_subject(actor), address_first, address_longest, NULL));
}

enum error throttle_passed(struct actor *actor, const struct throttle *attempt)
{
    return db_run(actor->db, &throttle_delete, DB_ARGS(attempt->subject));
}

enum error throttle_forget(struct actor *actor, const char *user_id)
{
    return db_run(actor->db, &throttle_delete_all, DB_ARGS(user_id));
}
