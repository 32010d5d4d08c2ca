/* Passwords: only the right one verifies, and a user who does not exist costs as much. */
#include "../test.h"

#include <string.h>
#include <time.h>

#include "crypto.h"
#include "password.h"

static void a_password_verifies_and_nothing_else_does(void **state)
{
    char phc[PASSWORD_TEXT], again[PASSWORD_TEXT];

    (void)state;
    assert_true(password_hash(phc, "correct horse 电池"));
    assert_memory_equal(phc, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    assert_true(password_verify(phc, "correct horse 电池"));
    assert_false(password_verify(phc, "correct horse 电油"));
    assert_false(password_verify(phc, ""));
    assert_false(password_verify("", "correct horse 电池"));
    assert_false(password_verify("$argon2id$v=19$m=19456,t=2,p=1$short", "x"));
    assert_true(password_hash(again, "correct horse 电池"));
    assert_string_not_equal(phc, again);
}

/* Of the processor, not of the clock: other programs do not count. */
static int64_t spent_us(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000000LL + spent.tv_nsec / 1000;
}

static int64_t cheapest(const char *phc)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 5; i++) {
        int64_t start = spent_us();
        assert_false(phc ? password_verify(phc, "wrong") : password_verify_nobody("wrong"));
        int64_t took = spent_us() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void nobody_costs_what_somebody_costs(void **state)
{
    char phc[PASSWORD_TEXT];

    (void)state;
    assert_true(password_hash(phc, "x"));
    int64_t somebody = cheapest(phc);
    int64_t nobody = cheapest(NULL);
    if (nobody < somebody / 2 || nobody > somebody * 2)
        fail_msg("somebody %lld us, nobody %lld us", (long long)somebody, (long long)nobody);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_verifies_and_nothing_else_does),
        cmocka_unit_test(nobody_costs_what_somebody_costs),
    };
    return cmocka_run_group_tests_name("password", tests, set_up, NULL);
}
