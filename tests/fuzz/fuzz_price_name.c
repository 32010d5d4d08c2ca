/* Fuzzer for names of models: a key means itself, is no longer than what it was made of, and holds no large letter of ASCII. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "price_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 2 * PRICE_NAME_MAX };

static void expect(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX + 1];
    struct price_name name, again;
    size_t length = size < TEXT_MAX ? size : TEXT_MAX;
    memcpy(text, data, length);
    text[length] = '\0';
    if (!price_name_read(&name, text)) {
        expect(!*name.key && !*name.shown);
        return 0;
    }
    expect(strlen(name.key) <= strlen(text) && strlen(name.key) == strlen(name.shown));
    for (const char *c = name.key; *c; c++)
        expect(*c < 'A' || *c > 'Z');
    expect(price_name_read(&again, name.key) && strcmp(again.key, name.key) == 0);
    expect(price_name_read(&again, name.shown) && strcmp(again.key, name.key) == 0);
    return 0;
}
