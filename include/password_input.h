/* Password input: for subcommands, from a file, a pipe or the terminal; never from the command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PASSWORD_INPUT_MAX = 2048 };

/* Reads a password into out: from `file` when given, else typed twice without echo on a terminal, else standard input.
 * The line's end is cut off. Prints what is wrong and returns false. The caller wipes out. */
bool password_input(char out[PASSWORD_INPUT_MAX], const char *file);
