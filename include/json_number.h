/* Numbers of JSON: their grammar, a character at a time, and those that have to be whole, from their text, without the rounding of a double and
 * whatever the locale. Portable. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What was read last; a number begins as if a sign had been, whether it has one or not. */
enum json_number {
    JSON_NUMBER_SIGN,
    JSON_NUMBER_ZERO,
    JSON_NUMBER_WHOLE,
    JSON_NUMBER_POINT,
    JSON_NUMBER_FRACTION,
    JSON_NUMBER_E,
    JSON_NUMBER_E_SIGN,
    JSON_NUMBER_EXPONENT,
    JSON_NUMBER_OVER,  /* the character is not the number's, which is complete */
    JSON_NUMBER_WRONG, /* nor can it stand here */
};
/* The state after one more character; not for the last two. */
enum json_number json_number_after(enum json_number state, char c);

/* A number as JSON writes it ("12", "-3", "1.5e1") as a whole number. False for any other text, a fraction, and what does not fit. */
bool json_whole_number(const char *text, int64_t *out);
