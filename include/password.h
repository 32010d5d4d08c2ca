/* Passwords of accounts. crypto_init() must have run. */
#pragma once

#include <stdbool.h>

enum { PASSWORD_TEXT = 128 }; /* an Argon2id PHC string + NUL */

/* Argon2id, 19 MiB, 2 passes (OWASP Password Storage Cheat Sheet). false = out of memory. */
bool password_hash(char out[PASSWORD_TEXT], const char *password);
/* Ends the process when there is no memory for it. */
bool password_verify(const char *phc, const char *password);
/* Spends what password_verify spends, for a user who does not exist. Always false. */
bool password_verify_nobody(const char *password);
