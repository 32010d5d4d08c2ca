/* Failed logins in the table login_failures: 2^(n-5) s after an account's nth failure from the fifth on, up to 300 s;
 * 2^(n-20) s after an address's from the twentieth on, up to 900 s. 15 minutes without one start the count anew. */
#include "login_throttle.h"

#include "address.h"

/* clock_timestamp() and not now(): the row may have been waited for. The doubling stops at 2^20, far above both limits. */
static const struct statement
    throttle_wait = {"throttle_wait", "SELECT ceil(extract(epoch FROM max(blocked_until) - clock_timestamp()))::int"
                                      " FROM login_failures"
                                      " WHERE subject IN (lower($1), lower($2)) AND blocked_until > clock_timestamp()"},
    /* subject, first failure that blocks, longest wait; no row comes back while the subject is blocked */
    throttle_count = {"throttle_count",
                      "INSERT INTO login_failures AS f (subject, failures, last_failed_at, blocked_until)"
                      " VALUES (lower($1), 1, clock_timestamp(), clock_timestamp())"
                      " ON CONFLICT (subject) DO UPDATE SET last_failed_at = clock_timestamp(),"
                      " (failures, blocked_until) = (SELECT n, clock_timestamp() + interval '1 second'"
                      " * CASE WHEN n < $2::int THEN 0 ELSE least($3::int, 2 ^ least(n - $2::int, 20)) END"
                      " FROM (SELECT CASE WHEN f.last_failed_at < clock_timestamp() - interval '15 minutes'"
                      " THEN 1 ELSE f.failures + 1 END AS n) AS counted)"
                      " WHERE f.blocked_until <= clock_timestamp() RETURNING f.failures"},
    throttle_delete = {"throttle_delete", "DELETE FROM login_failures WHERE subject = lower($1)"};

static const char account_first[] = "5", account_longest[] = "300", address_first[] = "20", address_longest[] = "900";

static char *account_subject(struct request *rq, const char *username)
{
    return arena_printf(rq->arena, "user:%s", username);
}

static char *address_subject(struct request *rq)
{
    char client[ADDRESS_TEXT];
    address_client(client, rq->remote_addr);
    return arena_printf(rq->arena, "address:%s", client);
}

static enum error refuse(struct request *rq, long long wait_s)
{
    rq->retry_after = wait_s > 1 ? (int)wait_s : 1;
    return fail(rq, MSG_LOGIN_THROTTLED, arena_printf(rq->arena, "%d", rq->retry_after), NULL);
}

static enum error check_wait(struct request *rq, const char *account, long long at_least)
{
    struct row row;
    enum error err = db_one(rq->db, &throttle_wait, &row, DB_ARGS(account, address_subject(rq)));
    if (err)
        return err;
    long long wait_s = row_int(&row, 0);
    if (wait_s < at_least)
        wait_s = at_least;
    return wait_s > 0 ? refuse(rq, wait_s) : OK;
}

enum error throttle_enter(struct request *rq, const char *username)
{
    const char *account = account_subject(rq, username);
    enum error err = check_wait(rq, account, 0);
    if (err)
        return err;
    struct row row;
    err = db_one(rq->db, &throttle_count, &row, DB_ARGS(account, account_first, account_longest));
    if (err == ERR_NOT_FOUND) /* another attempt of this moment was the one that blocked the account */
        return check_wait(rq, account, 1);
    return err;
}

enum error throttle_failed(struct request *rq)
{
    rq->keep_changes = true;
    return db_run(rq->db, &throttle_count, DB_ARGS(address_subject(rq), address_first, address_longest));
}

enum error throttle_forget(struct request *rq, const char *username)
{
    return db_run(rq->db, &throttle_delete, DB_ARGS(account_subject(rq, username)));
}
