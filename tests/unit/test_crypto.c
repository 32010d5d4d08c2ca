/* Tests of crypto: tokens, key rings, sealed secrets and masks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "util.h"

/* 32 bytes of 'A', of 'B', of 'C' */
#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
#define KEY_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M="

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(16 * MIB);
    return crypto_init() ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct keyring *ring_of(const char *text)
{
    char problem[200] = "";
    struct keyring *ring = keyring_new(text, problem, sizeof problem);

    if (!ring)
        fail_msg("%s", problem);
    return ring;
}

static void tokens_are_random_and_url_safe(void **state)
{
    char *token = random_token(arena, 32);

    (void)state;
    assert_int_equal(strlen(token), 43);
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_string_not_equal(token, random_token(arena, 32));
    assert_int_equal(strlen(random_token(arena, 1)), 2);
}

static void uuids_are_version_4(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT];

    (void)state;
    for (int i = 0; i < 200; i++) {
        random_uuid(a);
        random_uuid(b);
        assert_true(uuid_valid(a));
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
    }
}

static void token_hash_is_blake2b(void **state)
{
    char hash[CRYPTO_HASH_TEXT];

    (void)state;
    token_hash(hash,
               "abc"); /* python3 -c "import hashlib; print(hashlib.blake2b(b'abc', digest_size=32).hexdigest())" */
    assert_string_equal(hash, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void expect_bad_ring(const char *text, const char *part)
{
    char problem[200] = "";

    assert_null(keyring_new(text, problem, sizeof problem));
    if (!strstr(problem, part))
        fail_msg("\"%s\" lacks \"%s\"", problem, part);
    assert_null(strstr(problem, "QUFB")); /* never a key */
    assert_null(strchr(problem, '\n'));
}

static void key_rings_are_checked(void **state)
{
    (void)state;
    expect_bad_ring("", "entry 1");
    expect_bad_ring(KEY_A, "entry 1 has no key id");
    expect_bad_ring(":" KEY_A, "entry 1 needs a key id");
    expect_bad_ring("Upper:" KEY_A, "entry 1 needs a key id");
    expect_bad_ring("a234567890123456x:" KEY_A, "entry 1 needs a key id");
    expect_bad_ring("a:" KEY_A ",", "entry 2");
    expect_bad_ring("a:" KEY_A ",a:" KEY_B, "entry 2 has a key id that was used before");
    expect_bad_ring("a:QUFBQUE=", "32 bytes");
    expect_bad_ring("a:" KEY_A "QUFB", "32 bytes");
    expect_bad_ring("a:" KEY_A "!", "32 bytes");
    expect_bad_ring("a:!" KEY_A, "32 bytes");

    struct keyring *ring = ring_of("a234567890-_456x:" KEY_A ",b:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI");
    assert_string_equal(keyring_first_id(ring), "a234567890-_456x");
    keyring_free(ring);
    keyring_free(NULL);
}

static void a_ring_has_at_most_16_keys(void **state)
{
    char *text = arena_strdup(arena, "k0:" KEY_A);

    (void)state;
    for (int i = 1; i < 16; i++)
        text = arena_printf(arena, "%s,k%d:" KEY_A, text, i);
    keyring_free(ring_of(text));
    expect_bad_ring(arena_printf(arena, "%s,k16:" KEY_A, text), "entry 17");
}

static void a_sealed_secret_opens_in_its_place_only(void **state)
{
    struct keyring *ring = ring_of("k1:" KEY_A);
    static const char *const secrets[] = {"", "s", "sk-ant-api03-xyz", "密钥 with spaces and \"quotes\""};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        char *sealed = secret_seal(ring, arena, "workspace-1/row-1", secrets[i]);
        assert_memory_equal(sealed, "k1:", 3);
        assert_string_equal(secret_open(ring, arena, "workspace-1/row-1", sealed), secrets[i]);
        assert_null(secret_open(ring, arena, "workspace-1/row-2", sealed));
        assert_null(secret_open(ring, arena, "", sealed));
        assert_string_not_equal(sealed, secret_seal(ring, arena, "workspace-1/row-1", secrets[i]));
    }
    keyring_free(ring);
}

static void a_damaged_secret_does_not_open(void **state)
{
    struct keyring *ring = ring_of("k1:" KEY_A);
    char *sealed = secret_seal(ring, arena, "c", "secret");
    static const char *const bad[] = {"", "k1", "k1:", "k1:AAAA", ":", "no base64 at all", "k1:%%%%", "k2:AAAA"};

    (void)state;
    for (size_t i = 3; sealed[i] && sealed[i] != '='; i++) {
        char *damaged = arena_strdup(arena, sealed);
        damaged[i] = damaged[i] == 'Q' ? 'g' : 'Q'; /* differ in the bits that even a last digit keeps */
        assert_null(secret_open(ring, arena, "c", damaged));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_null(secret_open(ring, arena, "c", bad[i]));
    assert_null(secret_open(ring, arena, "c", arena_strndup(arena, sealed, strlen(sealed) - 4)));
    assert_null(secret_open(ring, arena, "c", arena_printf(arena, "%sAAAA", sealed)));
    keyring_free(ring);
}

static void keys_rotate(void **state)
{
    struct keyring *before = ring_of("old:" KEY_A);
    struct keyring *during = ring_of("new:" KEY_B ",old:" KEY_A);
    struct keyring *after = ring_of("new:" KEY_B);
    struct keyring *other = ring_of("old:" KEY_C);
    char *sealed = secret_seal(before, arena, "c", "secret");

    (void)state;
    assert_string_equal(secret_open(during, arena, "c", sealed), "secret");
    assert_null(secret_open(after, arena, "c", sealed)); /* its key is gone */
    assert_null(secret_open(other, arena, "c", sealed)); /* same id, another key */

    char *again = secret_seal(during, arena, "c", secret_open(during, arena, "c", sealed));
    assert_string_equal(secret_open(after, arena, "c", again), "secret");
    keyring_free(before);
    keyring_free(during);
    keyring_free(after);
    keyring_free(other);
}

static void masks(void **state)
{
    (void)state;
    assert_string_equal(secret_mask(arena, ""), "");
    assert_string_equal(secret_mask(arena, "a"), "*");
    assert_string_equal(secret_mask(arena, "0123456789"), "**********");
    assert_string_equal(secret_mask(arena, "0123456789a"), "0123...789a");
    assert_string_equal(secret_mask(arena, "sk-ant-api03-your-key"), "sk-a...-key");
    assert_string_equal(secret_mask(arena, "一二三四五六七八九十"), "**********");
    assert_string_equal(secret_mask(arena, "一二三四五六七八九十😀"), "一二三四...八九十😀");
}

static void shapes_of_masks(void **state)
{
    static const char *const masks[] = {"*",       "**********",     "sk-a...-key",
                                        " ****\n", "\tsk-a...-key ", "一二三四...八九十😀"},
                             *const others[] = {"",    " ",    "sk-a...-keys", "sk-...-key",       "sk-a..-key", "a*",
                                                "* *", "....", "sk-a...-ke",   "一二三...八九十😀", "0123456789a"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
        assert_true(secret_mask_shaped(masks[i]));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(secret_mask_shaped(others[i]));
}

static void equality(void **state)
{
    (void)state;
    assert_true(secret_equal("", ""));
    assert_true(secret_equal("token", "token"));
    assert_false(secret_equal("token", "tokeN"));
    assert_false(secret_equal("token", "token "));
    assert_false(secret_equal("", "token"));
}

static void keyed_tokens_depend_on_all_three(void **state)
{
    (void)state;
    struct arena *own = arena_new(1024 * 1024);
    const char *token = keyed_token(own, "secret", "purpose", "text");
    assert_int_equal(strlen(token), 43);
    assert_string_equal(token, keyed_token(own, "secret", "purpose", "text"));
    assert_string_not_equal(token, keyed_token(own, "secret2", "purpose", "text"));
    assert_string_not_equal(token, keyed_token(own, "secret", "purpose2", "text"));
    assert_string_not_equal(token, keyed_token(own, "secret", "purpose", "text2"));
    /* where one ends and the next begins counts */
    assert_string_not_equal(keyed_token(own, "bc", "a", "d"), keyed_token(own, "c", "ab", "d"));
    arena_free(own);
}

/* RFC 4231, section 4.3, and 4.7: a key longer than a block. */
static void hmacs_are_those_of_the_rfc(void **state)
{
    static const unsigned char expected[2][4] = {{0x5b, 0xdc, 0xc1, 0x46}, {0x60, 0xe4, 0x31, 0x59}};
    unsigned char mac[HMAC_BYTES];
    char key[132] = "";
    (void)state;
    hmac_sha256(mac, "Jefe", "what do ya want for nothing?");
    assert_memory_equal(mac, expected[0], sizeof expected[0]);
    memset(key, 0xaa, sizeof key - 1);
    hmac_sha256(mac, key, "Test Using Larger Than Block-Size Key - Hash Key First");
    assert_memory_equal(mac, expected[1], sizeof expected[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keyed_tokens_depend_on_all_three),
        TEST(hmacs_are_those_of_the_rfc),
        TEST(tokens_are_random_and_url_safe),
        TEST(uuids_are_version_4),
        TEST(token_hash_is_blake2b),
        TEST(key_rings_are_checked),
        TEST(a_ring_has_at_most_16_keys),
        TEST(a_sealed_secret_opens_in_its_place_only),
        TEST(a_damaged_secret_does_not_open),
        TEST(keys_rotate),
        TEST(masks),
        TEST(shapes_of_masks),
        TEST(equality),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
