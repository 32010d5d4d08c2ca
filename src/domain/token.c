/* Access tokens: JWT (RFC 7519), HS256 only, made and verified with libjwt. What libjwt leaves to its caller - the
 * algorithm, the key's length, every time and name claim - is checked here. */
#include "token.h"

#include <ctype.h>
#include <errno.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "util.h"

#define ISSUER   "ccr-ui-backend"
#define AUDIENCE "ccr-ui-api"

enum { KEY_MIN = 32, KID_LENGTH = 8, CLOCK_SKEW_S = 5 };

/* Names a key without telling it: the start of its hash. */
static void key_id(char out[KID_LENGTH + 1], const char *key)
{
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, key);
    memcpy(out, hash, KID_LENGTH);
    out[KID_LENGTH] = '\0';
}

/* One part of a token as JSON; NULL when it is none, an object with a member twice included. */
static json_t *read_part(const char *part, size_t length)
{
    unsigned char text[ACCESS_TOKEN_MAX];
    size_t n;
    struct json_failure failure;
    if (sodium_base642bin(text, sizeof text, part, length, NULL, &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) !=
        0)
        return NULL;
    return json_parse((const char *)text, n, &failure);
}

/* Nothing but what our own tokens have: so no `crit` that would have to be understood (RFC 7515 section 4.1.11), no other
 * place for a key (`jku`, `jwk`, `x5u`, `x5c`), no other way to read the payload (`zip`, `b64`, `cty`). */
static bool header_is_ours(json_t *header)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));
    json_t *typ = json_object_get(header, "typ");
    size_t known = 2 + (typ != NULL);
    if (!alg || strcmp(alg, "HS256") != 0 || !kid || strlen(kid) != KID_LENGTH || json_object_size(header) != known)
        return false;
    return !typ || (json_is_string(typ) && strcmp(json_string_value(typ), "JWT") == 0);
}

/* Header and payload are read before anything is verified, and only to choose a key and to see that nothing stands in them
 * twice, where libjwt would take the last. */
static bool read_key_id(const char *token, char out[KID_LENGTH + 1])
{
    const char *dot = strchr(token, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    if (!end)
        return false;
    json_t *header = read_part(token, (size_t)(dot - token));
    json_t *payload = read_part(dot + 1, (size_t)(end - dot - 1));
    bool good = json_is_object(payload) && json_is_object(header) && header_is_ours(header);
    if (good)
        memcpy(out, json_string_value(json_object_get(header, "kid")), KID_LENGTH + 1);
    json_decref(header);
    json_decref(payload);
    return good;
}

/* The secret that `kid` names, if it is one of ours and long enough to be one. */
static const char *choose_key(const struct settings *settings, const char *kid)
{
    const char *const keys[] = {settings->jwt_secret, settings->jwt_secret_previous};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        char own[KID_LENGTH + 1];
        if (!keys[i] || strlen(keys[i]) < KEY_MIN)
            continue;
        key_id(own, keys[i]);
        if (strcmp(own, kid) == 0)
            return keys[i];
    }
    return NULL;
}

static bool is_claim(jwt_t *jwt, const char *name, const char *expected)
{
    const char *value = jwt_get_grant(jwt, name);
    return value && strcmp(value, expected) == 0;
}

static bool take_uuid(jwt_t *jwt, const char *name, char out[UUID_TEXT])
{
    const char *value = jwt_get_grant(jwt, name);
    if (!value || !uuid_valid(value))
        return false;
    memcpy(out, value, UUID_TEXT);
    return true;
}

static bool read_claims(jwt_t *jwt, long long now, struct token_claims *claims)
{
    /* jwt_get_grant_int gives 0 for what is no integer, which no check below lets through. */
    long long not_before = jwt_get_grant_int(jwt, "nbf"), issued = jwt_get_grant_int(jwt, "iat");
    claims->expires = jwt_get_grant_int(jwt, "exp");
    return jwt_get_alg(jwt) == JWT_ALG_HS256 && is_claim(jwt, "iss", ISSUER) && is_claim(jwt, "aud", AUDIENCE) &&
           claims->expires > now && not_before > 0 && not_before <= now + CLOCK_SKEW_S && issued > 0 &&
           issued <= now + CLOCK_SKEW_S && take_uuid(jwt, "sub", claims->user_id) &&
           take_uuid(jwt, "sid", claims->session_id);
}

bool access_token_read(const struct settings *settings, const char *token, long long now, struct token_claims *claims)
{
    char kid[KID_LENGTH + 1];
    memset(claims, 0, sizeof *claims);
    if (strlen(token) > ACCESS_TOKEN_MAX || !read_key_id(token, kid))
        return false;
    const char *key = choose_key(settings, kid);
    jwt_t *jwt = NULL;
    if (!key)
        return false;
    /* libjwt frees what Jansson allocates with free(). */
    struct arena *arena = json_use_arena(NULL);
    errno = 0;
    bool good = jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key)) == 0 && jwt &&
                read_claims(jwt, now, claims);
    if (!good && errno == ENOMEM) { /* nobody is to be logged out because we have no memory */
        log_error("out of memory for reading a token");
        abort();
    }
    jwt_free(jwt);
    json_use_arena(arena);
    return good;
}

static char *encode(struct actor *actor, jwt_t *jwt, const char *user_id, const char *session_id)
{
    const struct settings *settings = actor->settings;
    long long now = time(NULL);
    char kid[KID_LENGTH + 1], jti[UUID_TEXT];
    key_id(kid, settings->jwt_secret);
    random_uuid(jti);
    if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)settings->jwt_secret,
                    (int)strlen(settings->jwt_secret)) ||
        jwt_add_header(jwt, "kid", kid) || jwt_add_grant(jwt, "iss", ISSUER) || jwt_add_grant(jwt, "aud", AUDIENCE) ||
        jwt_add_grant(jwt, "sub", user_id) || jwt_add_grant(jwt, "sid", session_id) || jwt_add_grant(jwt, "jti", jti) ||
        jwt_add_grant_int(jwt, "iat", now) || jwt_add_grant_int(jwt, "nbf", now) ||
        jwt_add_grant_int(jwt, "exp", now + settings->access_token_ttl))
        return NULL;
    return jwt_encode_str(jwt);
}

char *access_token_make(struct actor *actor, const char *user_id, const char *session_id)
{
    jwt_t *jwt = NULL;
    char *token = NULL;
    struct arena *arena = json_use_arena(NULL);
    char *encoded = jwt_new(&jwt) == 0 ? encode(actor, jwt, user_id, session_id) : NULL;
    jwt_free(jwt);
    json_use_arena(arena);
    if (encoded)
        token = arena_strdup(actor->arena, encoded);
    free(encoded);
    return token;
}
