/* Numbers as JSON writes them, RFC 8259 section 6. */
#include "json_number.h"

#include <stddef.h>

#include "util.h"

enum { DIGITS_MAX = 40 };

enum json_number json_number_after(enum json_number state, char c)
{
    enum { DIGIT_0, DIGIT, DOT, EXP, PLUS, MINUS, ELSE, CLASSES };
    enum {
        ZERO = JSON_NUMBER_ZERO,
        WHOLE = JSON_NUMBER_WHOLE,
        POINT = JSON_NUMBER_POINT,
        FRACTION = JSON_NUMBER_FRACTION,
        E = JSON_NUMBER_E,
        E_SIGN = JSON_NUMBER_E_SIGN,
        EXPONENT = JSON_NUMBER_EXPONENT,
        OVER = JSON_NUMBER_OVER,
        WRONG = JSON_NUMBER_WRONG
    };
    static const unsigned char next[][CLASSES] = {
        [JSON_NUMBER_SIGN] = {ZERO, WHOLE, WRONG, WRONG, WRONG, WRONG, WRONG},
        [ZERO] = {WRONG, WRONG, POINT, E, WRONG, WRONG, OVER},
        [WHOLE] = {WHOLE, WHOLE, POINT, E, WRONG, WRONG, OVER},
        [POINT] = {FRACTION, FRACTION, WRONG, WRONG, WRONG, WRONG, WRONG},
        [FRACTION] = {FRACTION, FRACTION, WRONG, E, WRONG, WRONG, OVER},
        [E] = {EXPONENT, EXPONENT, WRONG, WRONG, E_SIGN, E_SIGN, WRONG},
        [E_SIGN] = {EXPONENT, EXPONENT, WRONG, WRONG, WRONG, WRONG, WRONG},
        [EXPONENT] = {EXPONENT, EXPONENT, WRONG, WRONG, WRONG, WRONG, OVER},
    };
    if (c >= '1' && c <= '9')
        return (enum json_number)next[state][DIGIT];
    static const char marks[] = {'0', '.', 'e', 'E', '+', '-'};
    static const unsigned char classes[] = {DIGIT_0, DOT, EXP, EXP, PLUS, MINUS};
    for (size_t i = 0; i < sizeof marks; i++)
        if (c == marks[i])
            return (enum json_number)next[state][classes[i]];
    return (enum json_number)next[state][ELSE];
}

/* The digits without the point, and what power of ten they are to be multiplied with. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    size_t count;
    long long exponent;
};

static bool take_decimal(const char *text, struct decimal *number)
{
    enum { EXPONENT_MAX = 400 };
    bool fraction = false;
    *number = (struct decimal){0};
    if (*text < '0' || *text > '9')
        return false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !fraction); text++) {
        number->exponent -= fraction;
        fraction |= *text == '.';
        if (*text == '.' || (*text == '0' && number->count == 0))
            continue;
        if (number->count == sizeof number->digits - 1)
            return false;
        number->digits[number->count++] = *text;
    }
    if (!*text)
        return true;
    if (*text != 'e' && *text != 'E')
        return false;
    long long more;
    if (!parse_int(text + (text[1] == '+' ? 2 : 1), -EXPONENT_MAX, EXPONENT_MAX, &more))
        return false;
    number->exponent += more;
    return true;
}

static bool add_digit(int64_t *value, int digit)
{
    if (*value > (INT64_MAX - digit) / 10)
        return false;
    *value = *value * 10 + digit;
    return true;
}

bool json_whole_number(const char *text, int64_t *out)
{
    struct decimal number;
    bool negative = *text == '-';
    int64_t value = 0;
    if (!take_decimal(text + negative, &number))
        return false;
    while (number.count > 0 && number.exponent < 0 && number.digits[number.count - 1] == '0') {
        number.count--;
        number.exponent++;
    }
    if (number.count > 0 && number.exponent < 0)
        return false;
    for (size_t i = 0; i < number.count; i++)
        if (!add_digit(&value, number.digits[i] - '0'))
            return false;
    for (; value > 0 && number.exponent > 0; number.exponent--)
        if (!add_digit(&value, 0))
            return false;
    *out = negative ? -value : value;
    return true;
}
