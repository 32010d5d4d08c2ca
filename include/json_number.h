/* Numbers of JSON that have to be whole, from their text: without the rounding of a double, whatever the locale. Portable. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A number as JSON writes it ("12", "-3", "1.5e1") as a whole number. False for any other text, a fraction, and what does not fit. */
bool json_whole_number(const char *text, int64_t *out);
