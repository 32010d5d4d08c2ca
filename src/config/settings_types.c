/* Settings' types: turning the text of a variable into a member of struct settings. */
#include "settings_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"

static bool text_store(const struct setting *row, struct setting_value *value, void *field, struct problem *problem)
{
    if (*value->text && !row->check(value, problem))
        return false;
    *(const char **)field = value->text;
    return true;
}

static bool path_store(const struct setting *row, struct setting_value *value, void *field, struct problem *problem)
{
    if (!text_store(row, value, field, problem))
        return false;
    if (!*value->text)
        *(const char **)field = NULL;
    return true;
}

static bool integer_store(const struct setting *row, struct setting_value *value, void *field, struct problem *problem)
{
    long long number;

    if (!parse_int(value->text, row->min, row->max, &number))
        return problem_set(problem, "\"%.60s\" is not a whole number between %lld and %lld", value->text, row->min,
                           row->max);
    *(int *)field = (int)number;
    value->shown = arena_printf(problem->arena, "%lld", number);
    return true;
}

static bool octal_store(const struct setting *row, struct setting_value *value, void *field, struct problem *problem)
{
    size_t length = strlen(value->text);
    long number = strtol(value->text, NULL, 8);

    if (length < 3 || length > 4 || strspn(value->text, "01234567") != length || number < row->min || number > row->max)
        return problem_set(problem, "\"%.60s\" is not a mode in octal between 000 and 0777", value->text);
    *(int *)field = (int)number;
    value->shown = arena_printf(problem->arena, "%04lo", (unsigned long)number);
    return true;
}

static const struct setting_word *word_find(const struct setting_word *words, const char *text, size_t length)
{
    for (; words->word; words++)
        if (strlen(words->word) == length && strncasecmp(words->word, text, length) == 0)
            return words;
    return NULL;
}

/* RUST_LOG is a list such as "info,sqlx=warn": the first level that stands alone counts, those of modules have no
 * meaning here. When there are only those, the default stays. */
static const struct setting_word *rust_log_find(const struct setting *row, const char *text)
{
    bool only_modules = true;

    for (;;) {
        size_t length = strcspn(text, ",");
        const struct setting_word *word = word_find(row->words, text, length);
        if (word)
            return word;
        if (length > 0 && !memchr(text, '=', length))
            only_modules = false;
        text += length;
        if (!*text++)
            break;
    }
    return only_modules ? word_find(row->words, row->fallback, strlen(row->fallback)) : NULL;
}

static bool choice_store(const struct setting *row, struct setting_value *value, void *field, struct problem *problem)
{
    const struct setting_word *word = value->name == row->name ? word_find(row->words, value->text, strlen(value->text))
                                                               : rust_log_find(row, value->text);
    char words[200];

    if (!word)
        return problem_set(problem, "\"%.60s\" is not one of %s", value->text, setting_words(row, words, sizeof words));
    *(int *)field = word->value;
    for (const struct setting_word *listed = row->words; !value->shown; listed++)
        if (listed->value == word->value)
            value->shown = listed->word;
    return true;
}

const char *setting_words(const struct setting *row, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (const struct setting_word *word = row->words; word->word && length < size; word++)
        if (!word->hidden)
            length += (size_t)snprintf(out + length, size - length, "%s%s", length ? ", " : "", word->word);
    return out;
}

const struct setting_type setting_text = {text_store, false};
const struct setting_type setting_path = {path_store, false};
const struct setting_type setting_integer = {integer_store, true};
const struct setting_type setting_octal = {octal_store, false};
const struct setting_type setting_choice = {choice_store, false};
