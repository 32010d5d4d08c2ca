/* Paths of files that any system can have. */
#include "file_path.h"

#include <string.h>
#include <strings.h>

#include "util.h"

/* Windows takes them for devices, whatever stands behind a dot. */
static const char *const devices[] = {"CON",  "PRN",  "AUX",  "NUL",  "CONIN$", "CONOUT$", "COM1", "COM2",
                                      "COM3", "COM4", "COM5", "COM6", "COM7",   "COM8",    "COM9", "LPT1",
                                      "LPT2", "LPT3", "LPT4", "LPT5", "LPT6",   "LPT7",    "LPT8", "LPT9"};

static bool is_device(const char *name, size_t length)
{
    size_t stem = 0;
    while (stem < length && name[stem] != '.')
        stem++;
    while (stem && name[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
        if (strlen(devices[i]) == stem && strncasecmp(devices[i], name, stem) == 0)
            return true;
    return false;
}

static bool is_valid(const char *name, size_t length)
{
    if (length == 0 || length > FILE_NAME_BYTES || !utf8_valid(name, length) || is_device(name, length))
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || strchr("<>:\"/\\|?*", c))
            return false;
    }
    return name[length - 1] != ' ' && name[length - 1] != '.';
}

bool file_name_valid(const char *name)
{
    return is_valid(name, strlen(name));
}

bool file_path_valid(const char *path)
{
    if (strlen(path) > FILE_PATH_BYTES)
        return false;
    for (int depth = 0; depth < FILE_PATH_DEPTH; depth++) {
        size_t length = strcspn(path, "/");
        if (!is_valid(path, length))
            return false;
        if (!path[length])
            return true;
        path += length + 1;
    }
    return false;
}
