/* Masks: what a reader sees of a value that is a secret, or that a part of is; and the way back from it. */
#include "mask.h"

#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "crypto.h"
#include "util.h"

enum { STARS_MIN = 3 /* fewer are no mask: "*" often is a value */, MASKED_MAX = MIB };

/* What a parameter or an option is called that holds a secret: a part of its name, in lower case. */
static const char *const secret_words[] = {"accesskey", "apikey",   "auth", "cookie",     "credential", "key",
                                           "passwd",    "password", "pat",  "privatekey", "pwd",        "secret",
                                           "secretkey", "session",  "sig",  "signature",  "token"};

/* What begins like one of those and holds none. */
static const char *const harmless_words[] = {"author", "authors", "keyword", "keywords",
                                             "path",   "paths",   "pattern", "patterns"};

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* The mask of a whole secret, three characters at the least. */
static const char *mask_text(struct arena *arena, const char *text)
{
    const char *mask = secret_mask(arena, text);
    return *mask && strlen(mask) < STARS_MIN ? "***" : mask;
}

static bool is_masked(const char *text)
{
    return strlen(text) >= STARS_MIN && secret_mask_shaped(text);
}

/* "$NAME", "${NAME}" or "${NAME:-}", perhaps behind "Bearer ": the secret is elsewhere. */
static bool is_reference(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    if (strncasecmp(text, "Bearer ", 7) == 0)
        text += 7;
    if (*text++ != '$')
        return false;
    bool braces = *text == '{';
    text += braces;
    size_t name = strspn(text, letters);
    text += name;
    if (braces && strncmp(text, ":-}", 3) == 0)
        text += 2;
    return name && (braces ? strcmp(text, "}") == 0 : *text == '\0');
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* A name's first word, "author" of "authorUrl", is harmless. */
static bool is_harmless(const char *word, size_t length)
{
    size_t end = 1;
    while (end < length && !strchr("-_.", word[end]) && (!is_capital(word[end]) || is_capital(word[end - 1])))
        end++;
    for (size_t i = 0; i < ARRAY_SIZE(harmless_words); i++)
        if (strlen(harmless_words[i]) == end && strncasecmp(word, harmless_words[i], end) == 0)
            return true;
    return false;
}

/* Whether one of the words stands in a name, at the beginning of one of its own words: "api_key", "x-Token", "apiKey". */
static bool names_secret(const char *name, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        bool starts = at == 0 || strchr("-_.", name[at - 1]) || is_capital(name[at]);
        starts = starts && !is_harmless(name + at, length - at);
        for (size_t i = 0; starts && i < ARRAY_SIZE(secret_words); i++) {
            size_t word = strlen(secret_words[i]);
            if (word <= length - at && strncasecmp(name + at, secret_words[i], word) == 0)
                return true;
        }
    }
    /* "apikey", "accesstoken" */
    for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++) {
        size_t word = strlen(secret_words[i]);
        if (word > 3 && word <= length && strncasecmp(name + length - word, secret_words[i], word) == 0)
            return true;
    }
    return false;
}

/* Twenty characters or more of letters and digits mixed, as no word and no path is: a key that stands without a name. */
static bool looks_random(const char *text, size_t length)
{
    size_t digits = 0, letters = 0, changes = 0;
    bool before = false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!digit && !letter && !strchr("-_+=~", c))
            return false;
        digits += digit;
        letters += letter;
        changes += i > 0 && digit != before;
        before = digit;
    }
    return length >= 20 && digits >= 3 && letters >= 3 && changes >= 4;
}

static const char *joined(struct arena *arena, const char *text, size_t head, const char *masked, const char *rest)
{
    return arena_printf(arena, "%.*s%s%s", (int)head, text, masked, rest);
}

/* Of a URL: the password, each parameter's value, and parts of the path that look like keys. */
static const char *mask_url(struct arena *arena, const char *text, bool *was_masked)
{
    size_t userinfo;
    const char *user = url_userinfo(text, &userinfo);
    *was_masked |= user && strncmp(user, "***", userinfo) == 0;
    text = secret_masked_urls(arena, text);
    const char *scheme = strstr(text, "://");
    const char *at = scheme ? scheme + 3 + strcspn(scheme + 3, "/?#") : text + strlen(text);
    while (*at) {
        size_t length = strcspn(at + 1, *at == '/' ? "/?#" : "&#"), name = *at == '/' ? 0 : strcspn(at + 1, "=&#");
        const char *value = at + 1 + name + (*at != '/' && at[1 + name] == '=');
        size_t size = length - (size_t)(value - at - 1);
        bool mask = is_masked(arena_strndup(arena, value, size));
        bool secret = *at == '/' ? looks_random(value, size) || mask : size > 0 && *at != '#';
        *was_masked |= secret && mask;
        if (secret && !is_reference(arena_strndup(arena, value, size))) {
            size_t head = (size_t)(value - text);
            const char *masked = mask_text(arena, arena_strndup(arena, value, size)), *rest = value + size;
            size_t place = head + strlen(masked);
            text = joined(arena, text, head, masked, rest);
            at = text + place;
        } else {
            at = at + 1 + length;
        }
    }
    return text;
}

/* Of "--token=abc", "TOKEN=abc", "X-Api-Key:abc": what stands behind the name. */
static const char *mask_named(struct arena *arena, const char *word, bool *was_masked)
{
    size_t dashes = strspn(word, "-"), name = strcspn(word + dashes, "=:"), head = dashes + name + 1;
    if (name == 0 || !word[dashes + name] || !word[head] || !names_secret(word + dashes, name))
        return word;
    *was_masked |= is_masked(word + head);
    return is_reference(word + head) ? word : joined(arena, word, head, mask_text(arena, word + head), "");
}

/* Of the header Authorization. */
static bool is_scheme(const char *word)
{
    return strcasecmp(word, "Bearer") == 0 || strcasecmp(word, "Basic") == 0;
}

/* The next word is what it is about: "--api-key", "X-Api-Key:", "Bearer". */
static bool announces_secret(const char *word)
{
    size_t dashes = strspn(word, "-"), length = strlen(word);
    bool header = length > 1 && word[length - 1] == ':';
    if (is_scheme(word))
        return true;
    return (dashes > 0 || header) && !strchr(word, '=') && names_secret(word + dashes, length - dashes - header);
}

static const char *mask_word(struct arena *arena, const char *word, bool announced, bool *was_masked)
{
    if (is_reference(word))
        return word;
    *was_masked |= is_masked(word);
    if (announced)
        return is_scheme(word) ? word : mask_text(arena, word);
    if (strstr(word, "://"))
        return mask_url(arena, word, was_masked);
    const char *masked = mask_named(arena, word, was_masked);
    return masked == word && looks_random(word, strlen(word)) ? mask_text(arena, word) : masked;
}

/* A text is taken for a command line: words between blanks, perhaps quoted. *was_masked: a part that would be masked is a mask
 * already. */
static const char *mask_words(struct arena *arena, const char *text, bool announced, bool *was_masked)
{
    static const char blanks[] = " \t\r\n", quotes[] = "\"'`;,()";
    struct buffer out;
    bool changed = false;
    buffer_init_in(&out, arena, MASKED_MAX);
    for (const char *at = text; *at;) {
        size_t lead = strspn(at, " \t\r\n\"'`;,()"), length = strcspn(at + lead, blanks), tail = 0;
        while (tail < length && strchr(quotes, at[lead + length - 1 - tail]))
            tail++;
        const char *word = arena_strndup(arena, at + lead, length - tail);
        const char *masked = *word ? mask_word(arena, word, announced, was_masked) : word;
        changed |= masked != word;
        announced = *word && announces_secret(word);
        buffer_append(&out, at, lead);
        buffer_text(&out, masked);
        buffer_append(&out, at + lead + length - tail, tail);
        at += lead + length;
    }
    return changed ? buffer_string(&out) : text;
}

const char *mask_parts(struct arena *arena, const char *text)
{
    bool any = false;
    return mask_words(arena, text, false, &any);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static json_t *masked_text(struct arena *arena, json_t *value, bool whole, bool announced)
{
    bool any = false;
    const char *text = json_string_value(value);
    const char *now = whole && !is_reference(text) ? mask_text(arena, text)
                      : whole                      ? text
                                                   : mask_words(arena, text, announced, &any);
    return now == text ? value : json_string(now);
}

static json_t *masked_value(struct arena *arena, json_t *value, bool whole, bool announced)
{
    size_t i;
    const char *key;
    json_t *part, *out = value;
    if (json_is_string(value))
        return *json_string_value(value) ? masked_text(arena, value, whole, announced) : value;
    if (json_is_object(value)) {
        out = json_object();
        json_object_foreach(value, key, part)
            json_object_set(out, key, masked_value(arena, part, whole || names_secret(key, strlen(key)), false));
    } else if (json_is_array(value)) {
        out = json_array();
        announced = false;
        json_array_foreach(value, i, part)
        {
            json_array_append(out, masked_value(arena, part, whole, announced));
            announced = json_is_string(part) && announces_secret(json_string_value(part));
        }
    }
    return out;
}

json_t *mask_value(struct arena *arena, json_t *value, bool whole)
{
    return masked_value(arena, value, whole, false);
}

/* ---- and back --------------------------------------------------------------------------------------------------- */

/* What an array held when it showed `text`. */
static json_t *element_shown_as(json_t *shown, json_t *stored, const char *text)
{
    size_t i;
    json_t *part;
    json_array_foreach(shown, i, part) if (text_equal(json_string_value(part), text)) return json_array_get(stored, i);
    return NULL;
}

json_t *mask_undo(struct unmask *u, json_t *value, json_t *shown, json_t *stored, const char *path)
{
    size_t i;
    const char *key, *text = json_string_value(value);
    json_t *part;
    if (text) {
        if (json_is_string(shown) && strcmp(text, json_string_value(shown)) == 0)
            return stored;
        bool was_masked = is_masked(text);
        if (!u->whole)
            mask_words(u->arena, text, false, &was_masked);
        if (was_masked && !u->found)
            u->found = path;
        return value;
    }
    json_object_foreach(value, key, part)
        json_object_set(value, key,
                        mask_undo(u, part, json_object_get(shown, key), json_object_get(stored, key),
                                  arena_printf(u->arena, "%s.%s", path, key)));
    json_array_foreach(value, i, part)
    {
        json_t *old = json_is_string(part) ? element_shown_as(shown, stored, json_string_value(part)) : NULL;
        json_array_set(value, i,
                       old ? old
                           : mask_undo(u, part, json_array_get(shown, i), json_array_get(stored, i),
                                       arena_printf(u->arena, "%s[%zu]", path, i)));
    }
    return value;
}
