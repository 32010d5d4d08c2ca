/* Names of models, taken apart by hand: the ledger asks for one with each call that it takes. */
#include "price_name.h"

#include <string.h>

#include "util.h"

enum { DATE_DIGITS = 8 };

/* A name on its way: the part of `text` that is left. */
struct naming {
    const char *text;
    size_t length;
    bool fast, bare, whole;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool begins_with(const struct naming *n, const char *head)
{
    size_t length = strlen(head);
    return n->length >= length && memcmp(n->text, head, length) == 0;
}

/* The digits that stand directly before `end`. */
static size_t digits_before(const struct naming *n, size_t end)
{
    size_t count = 0;
    while (count < end && is_digit(n->text[end - count - 1]))
        count++;
    return count;
}

/* Cuts the end off, unless what stays would be no name, or, where a version goes, no model of a family. */
static bool cut_to(struct naming *n, size_t length, bool numbered)
{
    bool letter = false, digit = false;
    for (size_t i = 0; i < length; i++) {
        letter = letter || is_letter(n->text[i]);
        digit = digit || is_digit(n->text[i]);
    }
    if (!letter || (numbered && !digit))
        return false;
    n->length = length;
    n->whole = false;
    return true;
}

/* ---- what stands behind it -------------------------------------------------------------------------------------- */

/* "[1m]": a wider window; Droid's "-[Proxy]" and "-[Proxy]-0": who relays it, and its place in the list. */
static bool cut_brackets(struct naming *n)
{
    size_t end = n->length, digits = digits_before(n, end);
    if (digits && end > digits && n->text[end - digits - 1] == '-')
        end -= digits + 1;
    if (!end || n->text[end - 1] != ']')
        return false;
    const char *open = find_last(n->text, end, '[');
    size_t at = open ? (size_t)(open - n->text) : 0;
    if (at && n->text[at - 1] == '-')
        return cut_to(n, at - 1, false);
    bool window = at && end == n->length && end - at == strlen("[1m]") && memcmp(open, "[1m]", strlen("[1m]")) == 0;
    return window && cut_to(n, at, false);
}

static bool cut_fast(struct naming *n)
{
    static const char tail[] = "-fast";
    size_t length = strlen(tail);
    if (!begins_with(n, "claude") || n->length <= length || memcmp(n->text + n->length - length, tail, length) != 0 ||
        !cut_to(n, n->length - length, true))
        return false;
    n->fast = true;
    return true;
}

/* Bedrock's "-v1:0", and its "-v1" behind Claude's newer names. */
static bool cut_version(struct naming *n)
{
    size_t end = n->length, minor = digits_before(n, end);
    bool whole = minor && end > minor && n->text[end - minor - 1] == ':';
    if (whole)
        end -= minor + 1;
    else if (!begins_with(n, "claude"))
        return false;
    size_t major = digits_before(n, end), tail = major + strlen("-v");
    return major && end > tail && memcmp(n->text + end - tail, "-v", 2) == 0 && cut_to(n, end - tail, true);
}

/* One that becomes a dash. */
static bool is_version_dot(const struct naming *n, size_t at)
{
    return n->text[at] == '.' && at && at + 1 < n->length && is_digit(n->text[at - 1]) && is_digit(n->text[at + 1]);
}

/* A day of this century, as it stands in names. */
static bool is_date(const char *digits)
{
    int month = (digits[4] - '0') * 10 + digits[5] - '0', day = (digits[6] - '0') * 10 + digits[7] - '0';
    return memcmp(digits, "20", 2) == 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "-20250929" and Vertex's "@20250929", "@default". */
static bool cut_date(struct naming *n)
{
    static const char newest[] = "@default";
    size_t end = n->length, length = strlen(newest);
    if (end > length && memcmp(n->text + end - length, newest, length) == 0)
        return cut_to(n, end - length, false);
    if (end <= DATE_DIGITS || digits_before(n, end) != DATE_DIGITS || !is_date(n->text + end - DATE_DIGITS))
        return false;
    size_t at = end - DATE_DIGITS - 1;
    bool dash = n->text[at] == '-' || n->text[at] == '@' || is_version_dot(n, at);
    return dash && cut_to(n, at, false);
}

static bool (*const tails[])(struct naming *) = {cut_brackets, cut_fast, cut_version, cut_date};

static void cut_tails(struct naming *n)
{
    for (size_t i = 0; i < ARRAY_SIZE(tails);)
        i = tails[i](n) ? 0 : i + 1;
}

/* ---- what stands in front of it --------------------------------------------------------------------------------- */

static void cut_head(struct naming *n, size_t length)
{
    n->text += length;
    n->length -= length;
    n->whole = false;
}

/* Bedrock's regions, and makers of models as it writes them. */
static const char *const dotted[] = {"us",   "us-gov", "eu",        "apac",   "global",   "jp",         "au",
                                     "ca",   "sa",     "anthropic", "amazon", "meta",     "mistral",    "deepseek",
                                     "qwen", "openai", "cohere",    "ai21",   "moonshot", "moonshotai", "minimax",
                                     "zai",  "google", "nvidia",    "writer"};

static bool cut_dotted(struct naming *n)
{
    for (size_t i = 0; i < ARRAY_SIZE(dotted); i++) {
        size_t length = strlen(dotted[i]);
        if (begins_with(n, dotted[i]) && n->length > length + 1 && n->text[length] == '.' &&
            !is_digit(n->text[length + 1])) {
            cut_head(n, length + 1);
            return true;
        }
    }
    return false;
}

static void cut_provider(struct naming *n)
{
    const char *slash = find_last(n->text, n->length, '/');
    if (slash) {
        cut_head(n, (size_t)(slash + 1 - n->text));
        n->bare = false;
    }
    while (cut_dotted(n))
        n->bare = false;
}

static void cut_custom(struct naming *n)
{
    static const char custom[] = "custom:";
    if (begins_with(n, custom))
        cut_head(n, strlen(custom));
}

/* Until nothing is left to take away, as one thing may have stood behind another. */
static void cut_all(struct naming *n)
{
    for (size_t before = 0; before != n->length;) {
        before = n->length;
        cut_custom(n);
        while (cut_brackets(n)) /* which may hold a slash */
            continue;
        cut_provider(n);
        cut_tails(n);
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static bool has_letter(const struct naming *n)
{
    for (size_t i = 0; i < n->length; i++)
        if (is_letter(n->text[i]))
            return true;
    return false;
}

bool price_name_read(struct price_name *out, const char *model)
{
    char small[PRICE_NAME_MAX + 1] = "";
    size_t length = model ? trim_white_space(&model) : 0;
    *out = (struct price_name){0};
    if (!length || length > PRICE_NAME_MAX || !utf8_valid(model, length))
        return false;
    for (size_t i = 0; i < length; i++)
        small[i] = (char)(model[i] >= 'A' && model[i] <= 'Z' ? model[i] | 0x20 : model[i]);

    if (has_white_space(small) || has_control(small)) /* where one stands, nothing could be cut off around it */
        return false;
    struct naming n = {.text = small, .length = length, .bare = true, .whole = true};
    cut_all(&n);
    if (!has_letter(&n))
        return false;

    memcpy(out->shown, n.text, n.length);
    memcpy(out->key, n.text, n.length);
    for (size_t i = 0; i < n.length; i++)
        if (is_version_dot(&n, i))
            out->key[i] = '-';
    out->fast = n.fast;
    out->bare = n.bare;
    out->whole = n.whole;
    return true;
}
