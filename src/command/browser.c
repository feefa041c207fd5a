/* Theory of operation. The address holds a token, and command lines can be read by every user of the machine. So the browser is
 * given a file that only its user can read, which leads to the address. A helper in a session of its own, which Ctrl-C does not
 * reach, removes that file when this process is gone: it has the other end of a pipe that nobody writes to. */
#include "browser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/rights.h"

#define PATH_BYTES 4096
#define PAGE                                                                                                               \
    "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"refresh\" " \
    "content=\"0;url=%s\"><title>tcplens</title>\n"

/* A page that leads to url. Its path, 0 or -errno. */
static int write_page(const char *url, char path[static PATH_BYTES])
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    int fd, r;

    snprintf(path, PATH_BYTES, "%s/tcplens-view-XXXXXX.html", folder && *folder == '/' ? folder : "/tmp");
    fd = mkostemps(path, strlen(".html"), O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return -errno;
    r = dprintf(fd, PAGE, url) < 0 ? -errno : 0;
    close(fd);
    if (r < 0)
        unlink(path);
    return r;
}

static void show(const char *path)
{
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd <= 2; fd++)
        dup2(nowhere, fd);
    execlp("xdg-open", "xdg-open", path, (char *)NULL);
    _exit(127);
}

/* Ends when nobody holds the other end of the pipe any more. */
static void help(const char *url, int gone)
{
    char path[PATH_BYTES], nothing;
    pid_t child;

    setsid();
    dup2(gone, 3);
    close_range(4, ~0U, 0); /* the port and the files are the caller's alone */
    if (rights_drop_capabilities() < 0 || write_page(url, path) < 0)
        _exit(1);
    child = fork();
    if (child == 0)
        show(path);
    if (child > 0)
        waitpid(child, NULL, 0);
    while (child > 0 && read(3, &nothing, 1) < 0 && errno == EINTR)
        ;
    unlink(path);
    _exit(0);
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

bool browser_open(const char *url)
{
    int ends[2];
    pid_t child;

    if (geteuid() == 0 || getuid() == 0 || !(is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")) ||
        pipe2(ends, O_CLOEXEC) < 0)
        return false;
    child = fork();
    if (child == 0) {
        close(ends[1]);
        help(url, ends[0]);
    }
    close(ends[0]);
    if (child < 0)
        close(ends[1]);
    return child > 0;
}
