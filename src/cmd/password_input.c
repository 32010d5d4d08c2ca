/* Reading a password. */
#include "password_input.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "util.h"

static struct termios terminal_before;

/* tcsetattr and _exit may be called from a handler (signal-safety(7)). */
static void restore_terminal(int number)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    _exit(128 + number);
}

/* One line, without its end. */
static bool take_line(FILE *from, char out[PASSWORD_INPUT_MAX])
{
    size_t length = fread(out, 1, PASSWORD_INPUT_MAX - 1, from);
    out[length] = '\0';
    if (ferror(from) || length == PASSWORD_INPUT_MAX - 1 || strlen(out) != length)
        return false;
    if (length > 0 && out[length - 1] == '\n')
        out[--length] = '\0';
    if (length > 0 && out[length - 1] == '\r')
        out[--length] = '\0';
    return true;
}

static bool prompt(const char *question, char out[PASSWORD_INPUT_MAX])
{
    fprintf(stderr, "%s: ", question);
    bool read = fgets(out, PASSWORD_INPUT_MAX, stdin) != NULL;
    fputc('\n', stderr);
    if (!read)
        return false;
    size_t length = strcspn(out, "\r\n");
    bool whole = out[length] != '\0'; /* the end of the line fitted, too */
    out[length] = '\0';
    return whole;
}

static bool type_twice(char out[PASSWORD_INPUT_MAX])
{
    char again[PASSWORD_INPUT_MAX] = "";
    if (!prompt("Password", out) || !prompt("The same again", again)) {
        fprintf(stderr, "no password was typed\n");
        return false;
    }
    bool same = strcmp(out, again) == 0;
    wipe(again, sizeof again);
    if (!same)
        fprintf(stderr, "the two passwords differ\n");
    return same;
}

static bool from_terminal(char out[PASSWORD_INPUT_MAX])
{
    struct sigaction action = {.sa_handler = restore_terminal}, old_interrupt, old_terminate;
    tcgetattr(STDIN_FILENO, &terminal_before);
    sigaction(SIGINT, &action, &old_interrupt);
    sigaction(SIGTERM, &action, &old_terminate);
    struct termios quiet = terminal_before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);

    bool good = type_twice(out);

    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    sigaction(SIGINT, &old_interrupt, NULL);
    sigaction(SIGTERM, &old_terminate, NULL);
    return good;
}

static bool from_file(char out[PASSWORD_INPUT_MAX], const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)))
        fprintf(stderr, "warning: %s is open to others; chmod 600 %s\n", path, path);
    bool good = take_line(file, out);
    fclose(file);
    if (!good)
        fprintf(stderr, "%s does not hold a password\n", path);
    return good;
}

bool password_input(char out[PASSWORD_INPUT_MAX], const char *file)
{
    if (file)
        return from_file(out, file);
    if (isatty(STDIN_FILENO))
        return from_terminal(out);
    bool good = take_line(stdin, out);
    if (!good)
        fprintf(stderr, "standard input does not hold a password\n");
    return good;
}
