/* TOML reading: toml++ does the parsing, this file copies its tree into the arena and brings back the order of keys.
 *
 * arena_alloc may longjmp out of here when the arena is exhausted. toml++'s tree therefore lives in `held`, which every
 * call starts by clearing, and the functions that allocate from the arena have no object with a destructor: a longjmp
 * skips nothing and leaves at most one document behind until the next toml_parse. */
#define TOML_ENABLE_FORMATTERS 0
/* TOML 1.1, which toml++ 3.3 knows as what was to come: inline tables over several lines, \e, \xHH, times without
 * seconds. */
#define TOML_ENABLE_UNRELEASED_FEATURES 1
/* Only protects the stack; the limit callers see is MAX_NESTING, counted the same way for inline and header tables. */
#define TOML_MAX_NESTED_VALUES 64
/* toml++ 3.3 asserts what a client's text can make false ("[}" does): it must neither abort nor, as it does under NDEBUG,
 * let the compiler assume it. */
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(static_cast<bool>(expression) || (toml_assertion_failed(), false))
#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <type_traits>

namespace
{
struct assertion_failure {
};
struct hexadecimal_float {
};
[[noreturn]] void toml_assertion_failed()
{
    throw assertion_failure{};
}
} // namespace

/* Its tables of Unicode ranges reach "unreachable" for characters such as U+0484, which are simply in none. */
#include <toml++/impl/preprocessor.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
/* Bare keys with '+' or letters of any script were planned and dropped again: TOML 1.1 has those of 1.0. */
#undef TOML_LANG_UNRELEASED
#define TOML_LANG_UNRELEASED 0
#include <toml++/impl/forward_declarations.h>
#include <toml++/impl/unicode.h>
#undef TOML_LANG_UNRELEASED
#define TOML_LANG_UNRELEASED 1
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE toml_assertion_failed()
/* So were hexadecimal floats, and toml++ reads long ones wrongly. All of them end in its one call of pow(), which finds
 * this. */
TOML_IMPL_NAMESPACE_START
{
    [[noreturn]] inline double pow(double, double)
    {
        throw hexadecimal_float{};
    }
}
TOML_IMPL_NAMESPACE_END;
#include <toml++/toml.h>

/* C knows the tree as `struct toml`; here that name is toml++'s namespace. Tags do not take part in C linkage. */
#define toml toml_node
extern "C" {
#include "arena.h"
#include "buffer.h"
#include "toml.h"
}
#undef toml

namespace
{

constexpr unsigned MAX_NESTING = 32; /* the root is level 1 */

thread_local toml::table held;

static_assert(std::is_trivially_destructible_v<toml::table::const_iterator>);
static_assert(std::is_trivially_destructible_v<toml::array::const_iterator>);

/* ---- errors ---- */

/* toml++ quotes the source in its messages: control characters become '?', and a cut never splits a code point. */
void fail(struct toml_error *error, toml::source_position where, std::string_view message)
{
    size_t length = std::min(message.size(), sizeof error->message - 1);

    while (length < message.size() && length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = static_cast<unsigned char>(message[i]);
        error->message[i] = c < 0x20 || c == 0x7F ? '?' : message[i];
    }
    error->message[length] = '\0';
    error->line = where.line;
    error->column = where.column;
}

void fail_nesting(struct toml_error *error, toml::source_position where)
{
    fail(error, where, "nested deeper than 32 levels");
}

/* ---- before parsing: keys with too many dots ---- */

bool bare_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* toml++ 3.3 has no limit on a.b.c.d..., and destroys its tables recursively: a long enough key would overflow the
 * stack. This finds runs of dotted parts outside strings and comments; up to the first syntax error it sees strings
 * exactly as the parser does, and behind that the parser does not go. */
struct scanner {
    std::string_view text;
    size_t at;

    bool starts(std::string_view what) const
    {
        return text.compare(at, what.size(), what) == 0;
    }

    void skip_blanks()
    {
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t'))
            at++;
    }

    /* Behind '[' or '[['; false when no key starts there. */
    bool skip_header_start()
    {
        at++;
        skip_blanks();
        if (starts("["))
            at++;
        skip_blanks();
        return at < text.size() && (bare_key_character(text[at]) || text[at] == '"' || text[at] == '\'');
    }

    void skip_comment()
    {
        while (at < text.size() && text[at] != '\n')
            at++;
    }

    void skip_string()
    {
        const char quote = text[at];
        const char triple[] = {quote, quote, quote, '\0'};
        const bool multiline = starts(triple);

        at += multiline ? 3 : 1;
        while (at < text.size()) {
            if (quote == '"' && text[at] == '\\') {
                at += 2;
            } else if (!multiline && (text[at] == quote || text[at] == '\n')) {
                at++;
                return;
            } else if (multiline && starts(triple)) {
                at += 3;
                for (int extra = 0; extra < 2 && at < text.size() && text[at] == quote; extra++)
                    at++; /* """"" closes with up to two quotes that belong to the text */
                return;
            } else {
                at++;
            }
        }
        at = std::min(at, text.size());
    }
};

toml::source_position position_of(std::string_view text, size_t at)
{
    toml::source_position where = {1, 1};

    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            where.line++;
            where.column = 1;
        } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
            where.column++;
        }
    }
    return where;
}

bool dots_within_limit(std::string_view text, struct toml_error *error)
{
    scanner scan = {text, 0};
    unsigned dots = 0;

    while (scan.at < text.size()) {
        const char c = text[scan.at];
        if (c == '#') {
            scan.skip_comment();
        } else if (c == '"' || c == '\'') {
            scan.skip_string();
        } else {
            if (c == '.')
                dots++;
            else if (!bare_key_character(c) && c != ' ' && c != '\t')
                dots = 0;
            if (dots > MAX_NESTING) {
                fail_nesting(error, position_of(text, scan.at));
                return false;
            }
            scan.at++;
        }
    }
    return true;
}

/* Where the first [header] stands whose key does not start like one; toml++ only asserts that. */
toml::source_position bad_header_position(std::string_view text)
{
    scanner scan = {text, 0};
    int brackets = 0;
    bool at_line_start = true;

    while (scan.at < text.size()) {
        const char c = text[scan.at];
        if (c == '#') {
            scan.skip_comment();
        } else if (c == '"' || c == '\'') {
            scan.skip_string();
            at_line_start = false;
        } else if (c == '[' && at_line_start && brackets == 0) {
            if (!scan.skip_header_start())
                return position_of(text, scan.at);
            scan.skip_comment(); /* the rest of the line */
        } else {
            brackets += (c == '[' || c == '{') - (c == ']' || c == '}');
            at_line_start = c == '\n' || (at_line_start && (c == ' ' || c == '\t'));
            scan.at++;
        }
    }
    return {0, 0};
}

/* Where the first value like 0x1.8p3 stands. */
toml::source_position hexadecimal_float_position(std::string_view text)
{
    scanner scan = {text, 0};

    while (scan.at < text.size()) {
        const char c = text[scan.at];
        if (c == '#') {
            scan.skip_comment();
        } else if (c == '"' || c == '\'') {
            scan.skip_string();
        } else if (scan.starts("0x") || scan.starts("0X")) {
            const size_t digits = text.find_first_not_of("0123456789abcdefABCDEF._", scan.at + 2);
            if (digits != std::string_view::npos && (text[digits] == 'p' || text[digits] == 'P'))
                return position_of(text, scan.at);
            scan.at += 2;
        } else {
            scan.at++;
        }
    }
    return {0, 0};
}

/* ---- parsing ---- */

enum class outcome { good, bad, no_memory };

/* Fills `held`. No exception leaves. */
outcome parse(std::string_view text, struct toml_error *error) noexcept
{
    try {
        held = toml::parse(text);
        return outcome::good;
    } catch (const toml::parse_error &e) {
        fail(error, e.source().begin, e.description());
    } catch (const hexadecimal_float &) {
        fail(error, hexadecimal_float_position(text), "TOML has no hexadecimal floats");
    } catch (const assertion_failure &) {
        fail(error, bad_header_position(text),
             "expected a key; one with other characters than A-Z a-z 0-9 _ - needs quotes");
    } catch (const std::bad_alloc &) {
        return outcome::no_memory;
    } catch (const std::exception &e) {
        fail(error, {0, 0}, e.what());
    } catch (...) {
        fail(error, {0, 0}, "unexpected failure");
    }
    return outcome::bad;
}

/* ---- limits that are ours ---- */

bool acceptable(const toml::node &node, unsigned level, struct toml_error *error);

bool acceptable_text(std::string_view text, toml::source_position where, struct toml_error *error)
{
    if (text.find('\0') == std::string_view::npos)
        return true;
    fail(error, where, "the character U+0000 cannot be stored");
    return false;
}

bool acceptable_children(const toml::node &node, unsigned level, struct toml_error *error)
{
    if (level > MAX_NESTING) {
        fail_nesting(error, node.source().begin);
        return false;
    }
    if (const toml::array *array = node.as_array()) {
        for (auto &child : *array)
            if (!acceptable(child, level + 1, error))
                return false;
        return true;
    }
    for (auto &&[key, child] : *node.as_table())
        if (!acceptable_text(key.str(), key.source().begin, error) || !acceptable(child, level + 1, error))
            return false;
    return true;
}

/* `level` is the one `node` has if it is a table or an array. */
bool acceptable(const toml::node &node, unsigned level, struct toml_error *error)
{
    if (const auto *string = node.as_string())
        return acceptable_text(string->get(), node.source().begin, error);
    return node.is_value() || acceptable_children(node, level, error);
}

/* ---- copying into the arena; see the top about destructors ---- */

struct member {
    toml::source_position where;
    const toml::key *key;
    const toml::node *value;
};

toml_node *copy(struct arena *arena, const toml::node &node);

void append(toml_node *parent, toml_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* toml++ keeps tables sorted by name. Every key knows where it was first written, also one that only a [a.b] header or
 * a dotted key brought into being, and no two keys of a table stand in the same place. */
void copy_table(struct arena *arena, toml_node *out, const toml::table &table)
{
    const size_t count = table.size();
    member *members = static_cast<member *>(arena_array(arena, count ? count : 1, sizeof(member)));
    size_t n = 0;

    for (auto it = table.cbegin(); it != table.cend(); ++it)
        members[n++] = {it->first.source().begin, &it->first, &it->second};
    std::sort(members, members + n, [](const member &a, const member &b) { return a.where < b.where; });
    for (size_t i = 0; i < n; i++) {
        toml_node *child = copy(arena, *members[i].value);
        const std::string_view key = members[i].key->str();
        child->key = arena_strndup(arena, key.data(), key.size());
        append(out, child);
    }
}

void copy_array(struct arena *arena, toml_node *out, const toml::array &array)
{
    for (auto it = array.cbegin(); it != array.cend(); ++it)
        append(out, copy(arena, *it));
}

const char *date_text(struct arena *arena, const toml::date &date)
{
    return arena_printf(arena, "%04u-%02u-%02u", date.year, date.month, date.day);
}

const char *time_of_day_text(struct arena *arena, const toml::time &time)
{
    char *text = arena_printf(arena, "%02u:%02u:%02u.%09u", time.hour, time.minute, time.second, time.nanosecond);
    size_t length = strlen(text);

    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return text;
}

const char *date_time_text(struct arena *arena, const toml::date_time &when)
{
    const char *date = date_text(arena, when.date);
    const char *time = time_of_day_text(arena, when.time);
    const int minutes = when.offset ? when.offset->minutes : 0;
    const unsigned distance = static_cast<unsigned>(minutes < 0 ? -minutes : minutes);

    if (!when.offset)
        return arena_printf(arena, "%sT%s", date, time);
    if (minutes == 0)
        return arena_printf(arena, "%sT%sZ", date, time);
    return arena_printf(arena, "%sT%s%c%02u:%02u", date, time, minutes < 0 ? '-' : '+', distance / 60, distance % 60);
}

void copy_value(struct arena *arena, toml_node *out, const toml::node &node)
{
    if (const auto *string = node.as_string()) {
        out->type = TOML_STRING;
        out->text = arena_strndup(arena, string->get().data(), string->get().size());
    } else if (const auto *integer = node.as_integer()) {
        out->type = TOML_INTEGER;
        out->integer = integer->get();
    } else if (const auto *real = node.as_floating_point()) {
        out->type = TOML_FLOAT;
        out->real = real->get();
    } else if (const auto *boolean = node.as_boolean()) {
        out->type = TOML_BOOLEAN;
        out->boolean = boolean->get();
    } else {
        out->type = TOML_DATETIME;
        if (const auto *date = node.as_date())
            out->text = date_text(arena, date->get());
        else if (const auto *time = node.as_time())
            out->text = time_of_day_text(arena, time->get());
        else
            out->text = date_time_text(arena, node.as_date_time()->get());
    }
}

toml_node *copy(struct arena *arena, const toml::node &node)
{
    toml_node *out = static_cast<toml_node *>(arena_alloc(arena, sizeof *out));

    out->line = node.source().begin.line;
    out->column = node.source().begin.column;
    if (const toml::table *table = node.as_table()) {
        out->type = TOML_TABLE;
        copy_table(arena, out, *table);
    } else if (const toml::array *array = node.as_array()) {
        out->type = TOML_ARRAY;
        copy_array(arena, out, *array);
    } else {
        copy_value(arena, out, node);
    }
    return out;
}

} // namespace

extern "C" toml_node *toml_parse(struct arena *arena, const char *text, size_t length, struct toml_error *error)
{
    const std::string_view document = length ? std::string_view(text, length) : std::string_view("");
    toml_node *root = nullptr;

    memset(error, 0, sizeof *error);
    held.clear();
    const outcome parsed = dots_within_limit(document, error) ? parse(document, error) : outcome::bad;
    if (parsed == outcome::good && acceptable(held, 1, error))
        root = copy(arena, held);
    held.clear();
    if (parsed == outcome::no_memory)
        arena_exhausted(arena); /* the text may be perfect: to call it wrong would be a lie */
    return root;
}
