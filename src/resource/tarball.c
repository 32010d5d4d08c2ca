/* Tarballs, by libarchive. Its own memory is not the arena's: nothing that may end in a jump out of the arena is done meanwhile. */
#include "tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "file_path.h"
#include "util.h"

/* What is made while libarchive is at work has its place before. */
struct room {
    char *at;
    size_t left;
};

static char *take(struct room *room, size_t size)
{
    char *at = room->at;
    room->at += size;
    room->left -= size;
    return at;
}

static enum message path_of(struct archive_entry *entry, struct room *room, const char **path)
{
    const char *name = archive_entry_pathname_utf8(entry);
    if (!name) /* without a word about its encoding: as it is */
        name = archive_entry_pathname(entry);
    if (name && strncmp(name, "./", 2) == 0)
        name += 2;
    size_t length = name ? strlen(name) : 0;
    if (length > FILE_PATH_BYTES)
        return MSG_FILE_PATH;
    char *copy = take(room, length + 1);
    memcpy(copy, name ? name : "", length + 1);
    while (length && copy[length - 1] == '/')
        copy[--length] = '\0';
    *path = copy;
    bool folder = archive_entry_filetype(entry) == AE_IFDIR;
    return file_path_valid(copy) || (folder && (!*copy || strcmp(copy, ".") == 0)) ? MSG_NONE : MSG_FILE_PATH;
}

static enum message read_bytes(struct archive *archive, struct archive_entry *entry, struct room *room,
                               struct tarball_file *file)
{
    la_int64_t size = archive_entry_size(entry), got;
    size_t length = 0;
    if (size < 0 || size > TARBALL_FILE_BYTES || (size_t)size >= room->left)
        return MSG_ARCHIVE_LARGE;
    char *bytes = take(room, (size_t)size + 1);
    while (length < (size_t)size && (got = archive_read_data(archive, bytes + length, (size_t)size - length)) > 0)
        length += (size_t)got;
    if (length < (size_t)size)
        return MSG_ARCHIVE;
    bytes[length] = '\0';
    file->bytes = bytes;
    file->length = length;
    return MSG_NONE;
}

static enum message read_entry(struct archive *archive, struct archive_entry *entry, struct room *paths,
                               struct room *bytes, struct tarball_file *files, size_t *count, const char **path)
{
    unsigned type = archive_entry_filetype(entry);
    *path = NULL;
    if (archive_filter_bytes(archive, 0) > TARBALL_UNPACKED_BYTES)
        return MSG_ARCHIVE_LARGE;
    enum message problem = path_of(entry, paths, path);
    if (problem)
        return problem;
    if ((type != AE_IFREG && type != AE_IFDIR) || archive_entry_hardlink(entry) || archive_entry_symlink(entry))
        return MSG_ARCHIVE_ENTRY;
    if (type == AE_IFDIR)
        return archive_entry_size(entry) == 0 ? MSG_NONE : MSG_ARCHIVE;
    if (*count == TARBALL_FILES_MAX)
        return MSG_ARCHIVE_LARGE;
    files[*count].path = *path;
    problem = read_bytes(archive, entry, bytes, &files[*count]);
    *count += !problem;
    return problem;
}

/* Exactly one layer of gzip around tar: left to find out by itself, libarchive would take off one after the other. */
static bool open_one(struct archive *archive, const void *bytes, size_t length)
{
    return archive && archive_read_support_format_tar(archive) == ARCHIVE_OK &&
           archive_read_append_filter(archive, ARCHIVE_FILTER_GZIP) == ARCHIVE_OK &&
           archive_read_open_memory(archive, bytes, length) == ARCHIVE_OK;
}

enum message tarball_read(struct arena *arena, const void *bytes, size_t length, struct tarball_file **files,
                          size_t *count, const char **path)
{
    struct room paths = {.left = (size_t)TARBALL_ENTRIES_MAX * (FILE_PATH_BYTES + 1)};
    struct room contents = {.left = TARBALL_BYTES + TARBALL_FILES_MAX};
    struct archive_entry *entry;
    enum message problem = MSG_NONE;
    int result = ARCHIVE_OK, entries = 0;
    paths.at = arena_alloc(arena, paths.left);
    contents.at = arena_alloc(arena, contents.left);
    *files = arena_array(arena, TARBALL_FILES_MAX, sizeof **files);
    *count = 0;
    *path = NULL;
    struct archive *archive = archive_read_new();
    if (!open_one(archive, bytes, length))
        problem = MSG_ARCHIVE;
    while (!problem && (result = archive_read_next_header(archive, &entry)) <= ARCHIVE_OK && result >= ARCHIVE_WARN) {
        problem = ++entries > TARBALL_ENTRIES_MAX ? MSG_ARCHIVE_LARGE
                                                  : read_entry(archive, entry, &paths, &contents, *files, count, path);
    }
    archive_read_free(archive);
    return !problem && result != ARCHIVE_EOF ? MSG_ARCHIVE : problem;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool write_file(struct archive *archive, struct archive_entry *entry, const struct tarball_file *file,
                       long long modified)
{
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, file->path); /* as bytes: the locale of a server is none */
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, (time_t)modified, 0);
    archive_entry_set_size(entry, (la_int64_t)file->length);
    return archive_write_header(archive, entry) >= ARCHIVE_WARN &&
           archive_write_data(archive, file->bytes, file->length) == (la_ssize_t)file->length;
}

void *tarball_write(struct arena *arena, const struct tarball_file *files, size_t count, long long modified,
                    size_t *length)
{
    enum { HEADERS = 4 * 512 /* of a file, with a long name */, END = 64 * KIB };
    size_t most = END;
    for (size_t i = 0; i < count; i++)
        most += HEADERS + files[i].length + files[i].length / KIB;
    char *bytes = arena_alloc(arena, most);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    *length = 0;
    bool good = archive && entry && archive_write_set_format_gnutar(archive) == ARCHIVE_OK &&
                archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
                archive_write_open_memory(archive, bytes, most, length) == ARCHIVE_OK;
    for (size_t i = 0; good && i < count; i++)
        good = write_file(archive, entry, &files[i], modified);
    good = archive && archive_write_close(archive) == ARCHIVE_OK && good;
    archive_entry_free(entry);
    archive_write_free(archive);
    return good ? bytes : NULL;
}
