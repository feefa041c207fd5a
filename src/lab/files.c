#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"

/* Where the texts are written; it is the host's again before the program runs. */
#define DRAFTS "/tmp"
#define DRAFT DRAFTS "/file"

static int write_draft(const char *text)
{
    const size_t len = strlen(text);
    CLEANUP_CLOSE int fd = open(DRAFT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0 || fchmod(fd, 0444) < 0)
        return -errno;
    n = write(fd, text, len);
    return n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
}

/* The mount holds the file: its draft's name is needed no longer. */
static int put(const char *path, const char *text)
{
    int r = write_draft(text);

    if (r == 0 && mount(DRAFT, path, NULL, MS_BIND, NULL) < 0)
        r = -errno;
    unlink(DRAFT);
    return r;
}

static int open_namespace(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("lab", DRAFTS, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") < 0)
        return -errno;
    return 0;
}

int files_put(const cJSON *files, char error[static FILES_ERROR_MAX])
{
    const cJSON *file;
    int r = open_namespace();

    if (r < 0)
        snprintf(error, FILES_ERROR_MAX, "cannot have files of its own: %s", strerror(-r));
    cJSON_ArrayForEach (file, files) {
        if (r == 0 && (r = put(file->string, file->valuestring)) < 0)
            snprintf(error, FILES_ERROR_MAX, "cannot stand in for the host's %.120s: %s", file->string, strerror(-r));
    }
    if (r == 0 && umount2(DRAFTS, MNT_DETACH) < 0) {
        r = -errno;
        snprintf(error, FILES_ERROR_MAX, "cannot leave %s: %s", DRAFTS, strerror(-r));
    }
    return r;
}
