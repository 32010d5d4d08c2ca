/* Access tokens: what was not signed by us, as we sign, now, for us, is refused. */
#include "request_fixture.h"

#include <sodium.h>
#include <time.h>

#include "token.h"

#define FIELD_SECRET "the-current-secret-of-at-least-32-bytes"
#define PREVIOUS     "the-previous-secret-of-at-least-32-bytes"
#define USER         "0b0e7a1c-2a3b-4c5d-8e6f-708192a3b4c5"
#define SESSION      "1c1f8b2d-3b4c-4d5e-9f70-8192a3b4c5d6"

static long long now;

static int set_up(void **state)
{
    (void)state;
    settings = (struct settings){.jwt_secret = FIELD_SECRET, .jwt_secret_previous = PREVIOUS, .access_token_ttl = 900};
    now = time(NULL);
    return parse(VARIABLES("X=1")) == ERR_NONE ? 0 : -1;
}

static char *base64(const void *bytes, size_t length)
{
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return sodium_bin2base64(arena_alloc(arena, size), size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static char *text64(const char *text)
{
    return base64(text, strlen(text));
}

/* Any header, any payload, signed with any key. */
static char *forge(const char *header, const char *payload, const char *key)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state hmac;
    char *signed_part = arena_printf(arena, "%s.%s", text64(header), text64(payload));
    crypto_auth_hmacsha256_init(&hmac, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&hmac, (const unsigned char *)signed_part, strlen(signed_part));
    crypto_auth_hmacsha256_final(&hmac, mac);
    return arena_printf(arena, "%s.%s", signed_part, base64(mac, sizeof mac));
}

static char *header_for(const char *key)
{
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, key);
    return arena_printf(arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%.8s\"}", hash);
}

static char *payload_at(long long issued, long long not_before, long long expires)
{
    return arena_printf(arena,
                        "{\"iss\":\"ccr-ui-backend\",\"aud\":\"ccr-ui-api\",\"sub\":\"" USER "\",\"sid\":\"" SESSION
                        "\",\"jti\":\"x\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}",
                        issued, not_before, expires);
}

static char *good_payload(void)
{
    return payload_at(now, now, now + 900);
}

/* The good payload with one piece of text replaced. */
static char *payload_with(const char *old, const char *new)
{
    char *payload = good_payload(), *at = strstr(payload, old);
    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - payload), payload, new, at + strlen(old));
}

static bool accepted(const char *token)
{
    struct token_claims claims;
    return access_token_read(&settings, token, now, &claims);
}

static void our_own_token_is_read_back(void **state)
{
    struct token_claims claims;
    (void)state;
    char *token = access_token_make(&rq.actor, USER, SESSION);
    assert_non_null(token);
    assert_true(access_token_read(&settings, token, now, &claims));
    assert_string_equal(claims.user_id, USER);
    assert_string_equal(claims.session_id, SESSION);
    assert_in_range(claims.expires, now + 900, now + 901);
    assert_true(
        accepted(forge(header_for(FIELD_SECRET), good_payload(), FIELD_SECRET))); /* so the forger below forges well */
}

static void times_are_kept(void **state)
{
    struct token_claims claims;
    (void)state;
    char *token = access_token_make(&rq.actor, USER, SESSION);
    assert_true(access_token_read(&settings, token, now + 899, &claims));
    assert_false(access_token_read(&settings, token, now + 902, &claims));
    assert_false(access_token_read(&settings, token, now - 60, &claims)); /* not yet */
    assert_true(access_token_read(&settings, token, now - 3, &claims));   /* clocks differ a little */
    const char *header = header_for(FIELD_SECRET);
    assert_false(accepted(forge(header, payload_at(now, now, now), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(now, now, now - 1), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(now, now + 60, now + 900), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(now + 60, now, now + 900), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(now, 0, now + 900), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(0, now, now + 900), FIELD_SECRET)));
    assert_false(accepted(forge(header, payload_at(now, now, -1), FIELD_SECRET)));
}

static void the_previous_secret_still_verifies(void **state)
{
    (void)state;
    char *old = forge(header_for(PREVIOUS), good_payload(), PREVIOUS);
    assert_true(accepted(old));
    settings.jwt_secret_previous = "";
    assert_false(accepted(old));
    assert_false(accepted(forge(header_for(""), good_payload(), "")));
    settings.jwt_secret_previous = "short";
    assert_false(accepted(forge(header_for("short"), good_payload(), "short")));
    settings.jwt_secret_previous = NULL;
    assert_false(accepted(old));
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    static const char other[] = "another-secret-that-is-long-enough-too";
    assert_false(accepted(forge(header_for(other), good_payload(), other)));
    assert_false(accepted(forge(header_for(FIELD_SECRET), good_payload(), other))); /* our kid, their key */
    assert_false(accepted(forge(header_for(FIELD_SECRET), good_payload(), PREVIOUS)));
    assert_false(accepted(forge(header_for(PREVIOUS), good_payload(), FIELD_SECRET)));
    assert_false(accepted(forge(header_for(FIELD_SECRET), good_payload(), "")));
    assert_false(accepted(forge(header_for(FIELD_SECRET), good_payload(), FIELD_SECRET "x")));
}

/* RFC 7515 section 4.1.11: what must be understood and is not, is refused; so is every other thing that is not ours. */
static void headers_say_nothing_but_what_ours_say(void **state)
{
    static const char *const more[] = {"\"crit\":[\"exp\"]",
                                       "\"crit\":[]",
                                       "\"crit\":[\"b64\"],\"b64\":false",
                                       "\"zip\":\"DEF\"",
                                       "\"b64\":true",
                                       "\"jku\":\"https://x/\"",
                                       "\"jwk\":{}",
                                       "\"x5u\":\"https://x/\"",
                                       "\"x5c\":[]",
                                       "\"cty\":\"JWT\"",
                                       "\"enc\":\"A256GCM\"",
                                       "\"typ\":\"JWT\"",
                                       "\"alg\":\"HS256\"",
                                       "\"kid\":\"00000000\"",
                                       "\"x\":null"};
    (void)state;
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, FIELD_SECRET);
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        char *header = arena_printf(arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%.8s\",%s}", hash, more[i]);
        if (accepted(forge(header, good_payload(), FIELD_SECRET)))
            fail_msg("accepted: %s", more[i]);
    }
    static const char *const types[] = {"\"JWE\"", "\"at+jwt\"", "1", "null", "[\"JWT\"]", "\"JWT \""};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        char *header = arena_printf(arena, "{\"alg\":\"HS256\",\"typ\":%s,\"kid\":\"%.8s\"}", types[i], hash);
        if (accepted(forge(header, good_payload(), FIELD_SECRET)))
            fail_msg("accepted: typ %s", types[i]);
    }
    assert_true(accepted(
        forge(arena_printf(arena, "{\"kid\":\"%.8s\",\"alg\":\"HS256\"}", hash), good_payload(), FIELD_SECRET)));
}

static void no_claim_stands_twice(void **state)
{
    (void)state;
    assert_false(accepted(
        forge(header_for(FIELD_SECRET), payload_with("\"jti\":", "\"sub\":\"" SESSION "\",\"jti\":"), FIELD_SECRET)));
    assert_false(
        accepted(forge(header_for(FIELD_SECRET), payload_with("\"jti\":\"x\"", "\"exp\":9999999999"), FIELD_SECRET)));
    assert_false(accepted(
        forge(header_for(FIELD_SECRET), payload_with("\"jti\":\"x\"", "\"jti\":\"x\",\"jti\":\"y\""), FIELD_SECRET)));
}

static void algorithms_are_not_negotiable(void **state)
{
    static const char *const algorithms[] = {"none",  "None",  "NONE",  "nOnE",   "HS384", "HS512",
                                             "RS256", "ES256", "hs256", "HS256 ", "",      "PS256"};
    char hash[CRYPTO_HASH_TEXT];
    (void)state;
    token_hash(hash, FIELD_SECRET);
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        char *header = arena_printf(arena, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%.8s\"}", algorithms[i], hash);
        char *token = forge(header, good_payload(), FIELD_SECRET);
        if (accepted(token))
            fail_msg("alg %s was accepted", algorithms[i]);
        *(strrchr(token, '.') + 1) = '\0'; /* without a signature */
        assert_false(accepted(token));
        *strrchr(token, '.') = '\0';
        assert_false(accepted(token));
    }
    /* One alg for us to see, another for the library. */
    assert_false(accepted(forge(arena_printf(arena, "{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"%.8s\"}", hash),
                                good_payload(), FIELD_SECRET)));
    assert_false(accepted(
        forge(arena_printf(arena, "{\"alg\":[\"HS256\"],\"kid\":\"%.8s\"}", hash), good_payload(), FIELD_SECRET)));
    assert_false(accepted(forge(arena_printf(arena, "{\"kid\":\"%.8s\"}", hash), good_payload(), FIELD_SECRET)));
}

static void the_key_id_must_be_one_of_ours(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"kid\":7}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":\"00000000\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
        "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}",
        "{\"alg\":\"HS256\",\"kid\":[\"x\"]}",
        "{}",
        "[]",
        "",
        "\"HS256\"",
        "{\"alg\":\"HS256\",\"kid\":\"00000000\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        if (accepted(forge(headers[i], good_payload(), FIELD_SECRET)))
            fail_msg("%s was accepted", headers[i]);
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, FIELD_SECRET);
    assert_false(accepted(forge(arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", hash), good_payload(),
                                FIELD_SECRET))); /* too long */
}

static void every_claim_must_fit(void **state)
{
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"\"iss\":\"ccr-ui-backend\",", ""},
        {"\"iss\":\"ccr-ui-backend\"", "\"iss\":\"somebody\""},
        {"\"aud\":\"ccr-ui-api\",", ""},
        {"\"aud\":\"ccr-ui-api\"", "\"aud\":\"other-api\""},
        {"\"aud\":\"ccr-ui-api\"", "\"aud\":[\"ccr-ui-api\"]"},
        {"\"sub\":\"" USER "\",", ""},
        {USER, "admin"},
        {USER, USER "0"},
        {"\"sub\":\"" USER "\"", "\"sub\":7"},
        {"\"sid\":\"" SESSION "\",", ""},
        {SESSION, ""},
        {"\"exp\":", "\"exp\":\"later\",\"expires\":"},
        {"\"exp\":", "\"exp\":null,\"x\":"},
        {"\"nbf\":", "\"before\":"},
        {"\"iat\":", "\"issued\":"},
        {"{", "[{"},
        {"}", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (accepted(forge(header_for(FIELD_SECRET), payload_with(cases[i].old, cases[i].new), FIELD_SECRET)))
            fail_msg("%s -> %s was accepted", cases[i].old, cases[i].new);
}

static void damage_anywhere_is_noticed(void **state)
{
    (void)state;
    char *token = access_token_make(&rq.actor, USER, SESSION);
    size_t length = strlen(token);
    assert_true(accepted(token));
    for (size_t i = 0; i < length - 1; i++) { /* the last character holds unused bits */
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        if (accepted(token))
            fail_msg("changed at %zu of %zu", i, length);
        token[i] = kept;
    }
    for (size_t cut = 0; cut < length; cut++) {
        char *part = arena_strndup(arena, token, cut);
        assert_false(accepted(part));
    }
    assert_false(accepted(arena_printf(arena, "%s.", token)));
    assert_false(accepted(arena_printf(arena, "%s.x", token)));
    assert_false(accepted(arena_printf(arena, ".%s", token)));
    assert_false(accepted(arena_printf(arena, " %s", token)));
    assert_false(accepted(arena_printf(arena, "%sA", token)));
}

static void too_long_a_token_is_not_looked_at(void **state)
{
    (void)state;
    /* A valid one of exactly the limit, and one byte more. */
    for (size_t padding = 2000; padding < 3200; padding++) {
        char *filler = arena_alloc(arena, padding + 1);
        memset(filler, 'x', padding);
        char *token = forge(header_for(FIELD_SECRET),
                            payload_with("\"jti\":\"x\"", arena_printf(arena, "\"jti\":\"%s\"", filler)), FIELD_SECRET);
        if (strlen(token) == ACCESS_TOKEN_MAX - 1 || strlen(token) == ACCESS_TOKEN_MAX)
            assert_true(accepted(token));
        if (strlen(token) > ACCESS_TOKEN_MAX) {
            assert_true(strlen(token) <= ACCESS_TOKEN_MAX + 2);
            assert_false(accepted(token));
            return;
        }
    }
    fail_msg("no token of that length was made");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(our_own_token_is_read_back, set_up),
        cmocka_unit_test_setup(times_are_kept, set_up),
        cmocka_unit_test_setup(the_previous_secret_still_verifies, set_up),
        cmocka_unit_test_setup(other_keys_are_refused, set_up),
        cmocka_unit_test_setup(headers_say_nothing_but_what_ours_say, set_up),
        cmocka_unit_test_setup(no_claim_stands_twice, set_up),
        cmocka_unit_test_setup(algorithms_are_not_negotiable, set_up),
        cmocka_unit_test_setup(the_key_id_must_be_one_of_ours, set_up),
        cmocka_unit_test_setup(every_claim_must_fit, set_up),
        cmocka_unit_test_setup(damage_anywhere_is_noticed, set_up),
        cmocka_unit_test_setup(too_long_a_token_is_not_looked_at, set_up),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
