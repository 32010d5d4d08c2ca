/* Crypto: the program's few uses of libsodium, each under the name of what it is for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum {
    CRYPTO_KEY_BYTES = 32,
    CRYPTO_HASH_TEXT = 65, /* 32 bytes in hex + NUL */
    UUID_TEXT = 37,
};

/* Must run once before anything else here; false when libsodium cannot start. */
bool crypto_init(void);

/* Padded base64 (RFC 4648, section 4), in the arena, and */
char *base64_text(struct arena *arena, const void *bytes, size_t size);
/* What padded base64 (RFC 4648, section 4) stands for, in the arena; NULL when it is none. */
unsigned char *base64_bytes(struct arena *arena, const char *text, size_t *size);
/* The same of so many bytes of unpadded base64url (section 5), of which a JWT is made. */
unsigned char *base64url_bytes(struct arena *arena, const char *text, size_t length, size_t *size);
/* `bytes` random bytes as unpadded base64url, in the arena. */
char *random_token(struct arena *arena, size_t bytes);
void random_uuid(char out[UUID_TEXT]); /* version 4, RFC 9562 */
void random_bytes(void *out, size_t size);

/* SipHash-2-4: for tables, and for names that need not be secret. key NULL: a random one of this process and those that it forks,
 * made by crypto_init, so that nobody outside can aim at a place of a table. */
enum { SHORT_HASH_KEY = 16 };
uint64_t short_hash(const void *bytes, size_t length, const unsigned char key[SHORT_HASH_KEY]);

/* BLAKE2b-256 in hex: how refresh and personal access tokens are stored (they have 256 bits of entropy themselves). */
void token_hash(char out[CRYPTO_HASH_TEXT], const char *token);

/* BLAKE2b-128 of texts, in this order, each apart from the next; NULL is not "". What comes of it names what they have in common, and two
 * that differ never have the same one in practice. */
enum { PARTS_HASH = 16 };
void parts_hash(unsigned char out[PARTS_HASH], const char *const *parts, size_t count);

/* 256 bits as unpadded base64url, in the arena, that only who has the secret can make of the text: BLAKE2b, keyed by the secret
 * for this purpose alone. The same for the same three. */
char *keyed_token(struct arena *arena, const char *secret, const char *purpose, const char *text);

/* HMAC-SHA-256 (RFC 2104), as others check it. */
enum { HMAC_BYTES = 32 };
void hmac_sha256(unsigned char out[HMAC_BYTES], const char *key, const char *text);

/* The key ring of SECRETS_KEY. */
struct keyring;
/* Parses "id:base64[,id:base64]" (id: 1-16 of a-z 0-9 _ -, key: 32 bytes). NULL and a line in problem when malformed. */
struct keyring *keyring_new(const char *text, char *problem, size_t size);
void keyring_free(struct keyring *ring);
const char *keyring_first_id(const struct keyring *ring);
/* 16 hex digits that differ for other keys, and tell nothing about these. */
const char *keyring_fingerprint(const struct keyring *ring);

/* XChaCha20-Poly1305 under the ring's first key; `context` (workspace and row id) is authenticated with it, so a sealed
 * value moved to another row does not open. Result "id:base64" in the arena. */
char *secret_seal(const struct keyring *ring, struct arena *arena, const char *context, const char *secret);
/* The secret, or NULL: unknown key id, wrong context, damaged. */
char *secret_open(const struct keyring *ring, struct arena *arena, const char *context, const char *sealed);

/* Wipes `size` bytes of the stack below its caller, where functions that have returned left copies. */
void stack_wipe(size_t size);
/* Keeps a secret that lies in memory for long out of swap and of core dumps, as far as RLIMIT_MEMLOCK goes. Unlocking wipes it. */
void secret_lock(void *bytes, size_t size);
void secret_unlock(void *bytes, size_t size);

/* What a reply may show: 10 characters or fewer become that many '*', longer: first 4 + "..." + last 4 (UTF-8 aware). */
char *secret_mask(struct arena *arena, const char *secret);
/* A text in which no URL shows a user name or password: "***" stands in their place. The text itself when none does; NULL for
 * NULL. */
const char *secret_masked_urls(struct arena *arena, const char *text);
/* The text has the shape of such a mask, white space at its ends aside: nothing but '*', or 4 characters, "...", 4 characters. */
bool secret_mask_shaped(const char *text);

/* Constant-time comparison of two strings' bytes (lengths may leak). */
bool secret_equal(const char *a, const char *b);
