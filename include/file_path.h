/* Paths of files that travel to other machines: in a skill's folder, in an archive. */
#pragma once

#include <stdbool.h>

enum { FILE_NAME_BYTES = 255, FILE_PATH_BYTES = 400, FILE_PATH_DEPTH = 16 };

/* One name that Linux, macOS and Windows can give a file: no control characters, none of <>:"/\|?*, no blank or dot at its end, no
 * device of Windows (CON, NUL.txt), neither "." nor "..", well-formed UTF-8, at most FILE_NAME_BYTES. (Microsoft, Naming Files,
 * Paths, and Namespaces.) */
bool file_name_valid(const char *name);

/* Such names with '/' between them, at most FILE_PATH_DEPTH of them and FILE_PATH_BYTES in all: relative, and it leads nowhere above. */
bool file_path_valid(const char *path);
