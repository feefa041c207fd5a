#include "tcplens/base/same_file.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* The folder that it is in, or would be. */
static bool stat_folder(const char *path, struct stat *ret_st)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    const size_t len = slash ? (size_t)(slash - path) + 1 : 0;

    if (len >= sizeof(folder))
        return false;
    if (len) {
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    return stat(folder, ret_st) == 0;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_one(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    bool there, there_too;

    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
        return false;
    there = stat(a, &x) == 0;
    there_too = stat(b, &y) == 0;
    if (there && there_too)
        return is_one(&x, &y) && !S_ISCHR(x.st_mode) && !S_ISBLK(x.st_mode);
    return !there && !there_too && strcmp(name_of(a), name_of(b)) == 0 && stat_folder(a, &x) && stat_folder(b, &y) &&
           is_one(&x, &y);
}
