/* Passwords of accounts: Argon2id as libsodium has it. */
#include "password.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"
#include "util.h"

enum { PASSES = 2, MEMORY = 19 * MIB };

_Static_assert(PASSWORD_TEXT >= crypto_pwhash_STRBYTES, "a PHC string must fit");

bool password_hash(char out[PASSWORD_TEXT], const char *password)
{
    return crypto_pwhash_str_alg(out, password, strlen(password), PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* Whether there is as much memory as checking a password takes: libsodium says of one it has no memory for what it says of a
 * wrong one. */
static bool has_memory(void)
{
    size_t size = MEMORY + MIB;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    munmap(memory, size);
    return true;
}

bool password_verify(const char *phc, const char *password)
{
    if (crypto_pwhash_str_verify(phc, password, strlen(password)) == 0)
        return true;
    if (!has_memory()) { /* the right password must not be called wrong, nor count as a failed login */
        log_error("out of memory for checking a password");
        abort();
    }
    return false;
}

bool password_verify_nobody(const char *password)
{
    /* Of 32 random bytes that were thrown away, with the parameters above. */
    static const char phc[PASSWORD_TEXT] =
        "$argon2id$v=19$m=19456,t=2,p=1$1kW+iy7qpH4NwyXzS5IEqw$TN50XlSpYz6ev4835rqjM0neB+dsprLyHCUubMIEEUc";

    (void)password_verify(phc, password);
    return false;
}
