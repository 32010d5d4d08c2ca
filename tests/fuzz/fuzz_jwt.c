/* Fuzzer for access tokens. The first byte says what the rest is:
 *   r  a token as it came                          accepted only when its signature is one of ours
 *   s  header, line break, payload: signed by us   accepted only when every claim fits
 *   o  the same, signed with another key           never accepted
 *   d  offset and byte, damage done to a good one  never accepted, but for bits that base64 does not use */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "crypto.h"
#include "token.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FIELD_SECRET "the-current-secret-of-at-least-32-bytes"
#define PREVIOUS     "the-previous-secret-of-at-least-32-bytes"
#define OTHER        "another-secret-that-is-long-enough-too"

enum { NOW = 1800000000, BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING, SIGNATURE_TEXT = 43 };

static const struct settings settings = {.jwt_secret = FIELD_SECRET, .jwt_secret_previous = PREVIOUS};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (!crypto_init())
        abort();
    return 0;
}

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static char *base64(struct arena *arena, const void *bytes, size_t length)
{
    size_t size = sodium_base64_encoded_len(length, BASE64);
    return sodium_bin2base64(arena_alloc(arena, size), size, bytes, length, BASE64);
}

static char *signature(struct arena *arena, const char *text, size_t length, const char *key)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, length);
    crypto_auth_hmacsha256_final(&state, mac);
    return base64(arena, mac, sizeof mac);
}

static bool is_signed_by(struct arena *arena, const char *token, const char *key)
{
    const char *dot = strrchr(token, '.');
    /* The last of the 43 characters holds two bits that mean nothing. */
    return dot && strlen(dot + 1) == SIGNATURE_TEXT &&
           strncmp(dot + 1, signature(arena, token, (size_t)(dot - token), key), SIGNATURE_TEXT - 1) == 0;
}

static bool accepted(struct arena *arena, const char *token)
{
    struct token_claims claims;
    if (!access_token_read(&settings, token, NOW, &claims))
        return false;
    expect(strlen(token) <= ACCESS_TOKEN_MAX);
    expect(uuid_valid(claims.user_id) && uuid_valid(claims.session_id) && claims.expires > NOW);
    expect(is_signed_by(arena, token, FIELD_SECRET) || is_signed_by(arena, token, PREVIOUS));
    return true;
}

static char *make(struct arena *arena, const char *header, size_t header_length, const char *payload,
                  size_t payload_length, const char *key)
{
    char *text =
        arena_printf(arena, "%s.%s", base64(arena, header, header_length), base64(arena, payload, payload_length));
    return arena_printf(arena, "%s.%s", text, signature(arena, text, strlen(text), key));
}

static char *signed_token(struct arena *arena, const char *text, size_t size, const char *key)
{
    const char *line = size ? memchr(text, '\n', size) : NULL;
    if (!line)
        return arena_strdup(arena, "");
    return make(arena, text, (size_t)(line - text), line + 1, size - (size_t)(line - text) - 1, key);
}

static char *good_token(struct arena *arena)
{
    static const char payload[] = "{\"iss\":\"ccr-ui-backend\",\"aud\":\"ccr-ui-api\",\"sub\":"
                                  "\"0b0e7a1c-2a3b-4c5d-8e6f-708192a3b4c5\",\"sid\":"
                                  "\"1c1f8b2d-3b4c-4d5e-9f70-8192a3b4c5d6\",\"iat\":1799999990,\"nbf\":1799999990,"
                                  "\"exp\":1800000900}";
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, FIELD_SECRET);
    char *header = arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%.8s\"}", hash);
    return make(arena, header, strlen(header), payload, sizeof payload - 1, FIELD_SECRET);
}

static void damage(struct arena *arena, const uint8_t *data, size_t size)
{
    char *token = good_token(arena), *original = arena_strdup(arena, token);
    size_t length = strlen(token);
    expect(accepted(arena, token));
    for (size_t i = 0; i + 3 <= size; i += 3)
        token[((size_t)data[i] << 8 | data[i + 1]) % length] = (char)data[i + 2];
    if (strncmp(token, original, length - 1) != 0)
        expect(!accepted(arena, token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(64 * MIB);
    const char *rest = (const char *)data + 1;
    size--;
    switch (data[0]) {
    case 's':
        (void)accepted(arena, signed_token(arena, rest, size, FIELD_SECRET));
        break;
    case 'o':
        expect(!accepted(arena, signed_token(arena, rest, size, OTHER)));
        break;
    case 'd':
        damage(arena, data + 1, size);
        break;
    default:
        (void)accepted(arena, arena_strndup(arena, rest, size));
    }
    arena_free(arena);
    return 0;
}
