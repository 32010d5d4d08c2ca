/* Crypto: tokens, sealed secrets and random values on top of libsodium. */
#include "crypto.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "log.h"
#include "util.h"

enum {
    KEY_ID_MAX = 16,
    KEYS_MAX = 16,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    MASK_EDGE = 4,
    MASK_WHOLE = 10,
};

_Static_assert(CRYPTO_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the ring's keys are XChaCha20 keys");

static unsigned char own_key[SHORT_HASH_KEY];

bool crypto_init(void)
{
    int state = sodium_init(); /* 1 = was done before */
    if (state == 0)
        randombytes_buf(own_key, sizeof own_key);
    return state >= 0;
}

/* ---- random values ---- */

void random_bytes(void *out, size_t size)
{
    randombytes_buf(out, size);
}

char *base64_text(struct arena *arena, const void *bytes, size_t size)
{
    size_t length = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);
    return sodium_bin2base64(arena_alloc(arena, length), length, bytes, size, sodium_base64_VARIANT_ORIGINAL);
}

unsigned char *base64_bytes(struct arena *arena, const char *text, size_t *size)
{
    size_t length = strlen(text);
    unsigned char *bytes = arena_alloc(arena, length / 4 * 3 + 1);
    return sodium_base642bin(bytes, length / 4 * 3 + 1, text, length, NULL, size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0
               ? bytes
               : NULL;
}

unsigned char *base64url_bytes(struct arena *arena, const char *text, size_t length, size_t *size)
{
    unsigned char *bytes = arena_alloc(arena, length + 1);
    return sodium_base642bin(bytes, length, text, length, NULL, size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
                   0
               ? bytes
               : NULL;
}

static char *base64url_text(struct arena *arena, const unsigned char *bytes, size_t size)
{
    size_t length = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return sodium_bin2base64(arena_alloc(arena, length), length, bytes, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *random_token(struct arena *arena, size_t bytes)
{
    unsigned char *raw = arena_alloc(arena, bytes);

    randombytes_buf(raw, bytes);
    char *text = base64url_text(arena, raw, bytes);
    sodium_memzero(raw, bytes);
    return text;
}

void random_uuid(char out[UUID_TEXT])
{
    unsigned char b[16];

    randombytes_buf(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80); /* variant of RFC 9562 */
    snprintf(out, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
             b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

uint64_t short_hash(const void *bytes, size_t length, const unsigned char key[SHORT_HASH_KEY])
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, bytes, length, key ? key : own_key);
    return hash;
}

void token_hash(char out[CRYPTO_HASH_TEXT], const char *token)
{
    unsigned char hash[32];

    crypto_generichash(hash, sizeof hash, (const unsigned char *)token, strlen(token), NULL, 0);
    sodium_bin2hex(out, CRYPTO_HASH_TEXT, hash, sizeof hash);
}

void parts_hash(unsigned char out[PARTS_HASH], const char *const *parts, size_t count)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, PARTS_HASH);
    for (size_t i = 0; i < count; i++) {
        uint64_t length = parts[i] ? strlen(parts[i]) : UINT64_MAX;
        crypto_generichash_update(&state, (const unsigned char *)&length, sizeof length);
        if (parts[i])
            crypto_generichash_update(&state, (const unsigned char *)parts[i], length);
    }
    crypto_generichash_final(&state, out, PARTS_HASH);
}

char *keyed_token(struct arena *arena, const char *secret, const char *purpose, const char *text)
{
    unsigned char key[crypto_generichash_BYTES], raw[crypto_generichash_BYTES];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof key);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&state, (const unsigned char *)secret, strlen(secret));
    crypto_generichash_final(&state, key, sizeof key);
    crypto_generichash(raw, sizeof raw, (const unsigned char *)text, strlen(text), key, sizeof key);
    char *out = base64url_text(arena, raw, sizeof raw);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(key, sizeof key);
    sodium_memzero(raw, sizeof raw);
    return out;
}

_Static_assert(HMAC_BYTES == crypto_auth_hmacsha256_BYTES, "what SHA-256 gives");

void hmac_sha256(unsigned char out[HMAC_BYTES], const char *key, const char *text)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

/* ---- the key ring ---- */

struct key {
    char id[KEY_ID_MAX + 1];
    unsigned char bytes[CRYPTO_KEY_BYTES];
};

/* In sodium_malloc memory: between guard pages, out of core dumps, wiped when freed. */
struct keyring {
    char fingerprint[CRYPTO_HASH_TEXT];
    size_t count;
    struct key keys[KEYS_MAX];
};

static const struct key *key_find(const struct keyring *ring, const char *id, size_t length)
{
    for (size_t i = 0; i < ring->count; i++)
        if (strlen(ring->keys[i].id) == length && memcmp(ring->keys[i].id, id, length) == 0)
            return &ring->keys[i];
    return NULL;
}

static bool key_id_valid(const char *id, size_t length)
{
    return length >= 1 && length <= KEY_ID_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= length;
}

/* Any of base64's spellings: openssl, Python and people's habits differ in alphabet and padding. */
static bool key_decode(unsigned char out[CRYPTO_KEY_BYTES], const char *text, size_t length)
{
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
                                   sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};

    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        size_t size;
        const char *end;
        if (sodium_base642bin(out, CRYPTO_KEY_BYTES, text, length, NULL, &size, &end, variants[i]) == 0 &&
            size == CRYPTO_KEY_BYTES && end == text + length)
            return true;
    }
    return false;
}

/* What is wrong with one entry, or NULL. Its text is never repeated: a missing id would make it the key itself. */
static const char *entry_add(struct keyring *ring, const char *entry, size_t length)
{
    const char *colon = memchr(entry, ':', length);

    if (!colon)
        return "has no key id (id:base64)";
    size_t id_length = (size_t)(colon - entry);
    if (!key_id_valid(entry, id_length))
        return "needs a key id of 1 to 16 of a-z 0-9 _ - before the colon";
    if (key_find(ring, entry, id_length))
        return "has a key id that was used before";
    if (ring->count == KEYS_MAX)
        return "is one too many; at most 16 keys";
    struct key *key = &ring->keys[ring->count];
    if (!key_decode(key->bytes, colon + 1, length - id_length - 1))
        return "is not 32 bytes in base64 behind the colon";
    memcpy(key->id, entry, id_length);
    ring->count++;
    return NULL;
}

struct keyring *keyring_new(const char *text, char *problem, size_t size)
{
    struct keyring *ring = sodium_malloc(sizeof *ring);
    const char *wrong = NULL;

    if (!ring) {
        snprintf(problem, size, "cannot be kept: no locked memory");
        return NULL;
    }
    sodium_memzero(ring, sizeof *ring);
    token_hash(ring->fingerprint, text);
    ring->fingerprint[16] = '\0';
    for (unsigned number = 1; !wrong; number++) {
        size_t length = strcspn(text, ",");
        wrong = entry_add(ring, text, length);
        if (wrong)
            snprintf(problem, size, "entry %u %s", number, wrong);
        text += length;
        if (!*text++)
            break;
    }
    if (wrong) {
        sodium_free(ring);
        return NULL;
    }
    sodium_mprotect_readonly(ring);
    return ring;
}

void keyring_free(struct keyring *ring)
{
    sodium_free(ring);
}

const char *keyring_first_id(const struct keyring *ring)
{
    return ring->keys[0].id;
}

const char *keyring_fingerprint(const struct keyring *ring)
{
    return ring->fingerprint;
}

/* ---- sealed secrets: "id:" base64(nonce, ciphertext, tag) ---- */

char *secret_seal(const struct keyring *ring, struct arena *arena, const char *context, const char *secret)
{
    const struct key *key = &ring->keys[0];
    size_t length = strlen(secret);
    size_t size = NONCE_BYTES + length + TAG_BYTES;
    size_t prefix = strlen(key->id) + 1;
    size_t text_size = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, prefix + text_size);
    struct buffer sealed; /* beside the arena, which may be nearly full of what a file of the largest size became */

    buffer_init(&sealed, size);
    unsigned char *raw = (unsigned char *)buffer_extend(&sealed, size);
    if (!raw)
        arena_exhausted(arena);
    randombytes_buf(raw, NONCE_BYTES); /* 192 bits: random ones do not collide */
    crypto_aead_xchacha20poly1305_ietf_encrypt(raw + NONCE_BYTES, NULL, (const unsigned char *)secret, length,
                                               (const unsigned char *)context, strlen(context), NULL, raw, key->bytes);
    memcpy(text, key->id, prefix - 1);
    text[prefix - 1] = ':';
    sodium_bin2base64(text + prefix, text_size, raw, size, sodium_base64_VARIANT_ORIGINAL);
    buffer_free(&sealed);
    return text;
}

/* Base64 (RFC 4648 section 4) of what is sealed. Ciphertext is no secret, so this need not take the same time for every text
 * as libsodium's does, which takes most of the time that opening a secret costs. Returns the size; 0 when malformed. */
static size_t base64_decode(unsigned char *out, const char *text, size_t length)
{
    static unsigned char values[256]; /* value + 1; 0 = not of the alphabet */
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!values['A'])
        for (unsigned char i = 0; i < 64; i++)
            values[(unsigned char)alphabet[i]] = i + 1;
    size_t padding = length && text[length - 1] == '=' ? 1 + (length > 1 && text[length - 2] == '=') : 0, size = 0;
    uint32_t bits = 0;
    if (length == 0 || length % 4 != 0)
        return 0;
    for (size_t i = 0; i < length - padding; i++) {
        unsigned char value = values[(unsigned char)text[i]];
        if (!value)
            return 0;
        bits = bits << 6 | (uint32_t)(value - 1);
        if (i % 4 == 0)
            continue;
        out[size++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return size;
}

char *secret_open(const struct keyring *ring, struct arena *arena, const char *context, const char *sealed)
{
    size_t id_length = strcspn(sealed, ":");
    const struct key *key = key_find(ring, sealed, id_length);

    if (!key || !sealed[id_length])
        return NULL;
    const char *text = sealed + id_length + 1;
    size_t length = strlen(text);
    unsigned char *raw = arena_alloc(arena, length + 1);
    size_t size = base64_decode(raw, text, length);
    if (size < NONCE_BYTES + TAG_BYTES)
        return NULL;

    size_t plain = size - NONCE_BYTES - TAG_BYTES;
    char *secret = arena_alloc(arena, plain + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)secret, NULL, NULL, raw + NONCE_BYTES,
                                                   size - NONCE_BYTES, (const unsigned char *)context, strlen(context),
                                                   raw, key->bytes) != 0)
        return NULL;
    arena_give_back(arena, raw);
    secret[plain] = '\0';
    return secret;
}

/* ---- keeping ---- */

void stack_wipe(size_t size)
{
    sodium_stackzero(size);
}

void secret_lock(void *bytes, size_t size)
{
    (void)sodium_mlock(bytes, size);
}

void secret_unlock(void *bytes, size_t size)
{
    (void)sodium_munlock(bytes, size);
}

/* ---- showing and comparing ---- */

/* The byte where code point number `index` starts. */
static size_t offset_of(const char *text, size_t index)
{
    const char *at = text;

    while (index-- > 0)
        (void)utf8_next(&at);
    return (size_t)(at - text);
}

char *secret_mask(struct arena *arena, const char *secret)
{
    size_t bytes = strlen(secret), ascii = 0;
    while ((signed char)secret[ascii] > 0)
        ascii++;
    bool one_byte_each = ascii == bytes;
    size_t length = one_byte_each ? bytes : utf8_length(secret);

    if (length <= MASK_WHOLE) {
        char *stars = arena_alloc(arena, length + 1);
        memset(stars, '*', length);
        return stars;
    }
    size_t first = one_byte_each ? MASK_EDGE : offset_of(secret, MASK_EDGE);
    size_t last = one_byte_each ? bytes - MASK_EDGE : offset_of(secret, length - MASK_EDGE);
    char *mask = arena_alloc(arena, first + 3 + (bytes - last) + 1);
    memcpy(mask, secret, first);
    memset(mask + first, '.', 3);
    memcpy(mask + first + 3, secret + last, bytes - last + 1);
    return mask;
}

const char *secret_masked_urls(struct arena *arena, const char *text)
{
    size_t length;
    const char *userinfo = text && strchr(text, '@') ? url_userinfo(text, &length) : NULL;
    if (!userinfo)
        return text;
    return arena_printf(arena, "%.*s***%s", (int)(userinfo - text), text,
                        secret_masked_urls(arena, userinfo + length)); /* which begins with the '@' */
}

bool secret_mask_shaped(const char *text)
{
    static const char blank[] = " \t\r\n", dots[] = "...";
    text += strspn(text, blank);
    size_t stars = strspn(text, "*");
    if (stars && !text[stars + strspn(text + stars, blank)])
        return true;
    const char *at = text;
    for (int i = 0; i < MASK_EDGE; i++)
        if (!utf8_next(&at))
            return false;
    if (strncmp(at, dots, strlen(dots)) != 0)
        return false;
    at += strlen(dots);
    for (int i = 0; i < MASK_EDGE; i++)
        if (!utf8_next(&at))
            return false;
    return !at[strspn(at, blank)];
}

bool secret_equal(const char *a, const char *b)
{
    size_t length = strlen(a);

    return length == strlen(b) && sodium_memcmp(a, b, length) == 0;
}
