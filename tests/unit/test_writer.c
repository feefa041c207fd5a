/* The writer. write() is replaced, so that each of its ways to do less than asked happens on purpose. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tcplens/base/stop.h"
#include "tcplens/base/writer.h"

/* What the next calls of write() do: n > 0 writes at most n bytes, 0 returns 0, n < 0 fails with errno -n. */
static long script[16];
static unsigned script_len, script_at;
static unsigned write_calls;
static int raised; /* this signal comes with the next call of write() */

ssize_t write(int fd, const void *data, size_t len)
{
    write_calls++;
    if (raised)
        raise(raised);
    if (script_at < script_len) {
        long step = script[script_at++];

        if (step < 0) {
            errno = (int)-step;
            return -1;
        }
        if ((size_t)step < len)
            len = (size_t)step;
        if (len == 0)
            return 0;
    }
    return syscall(SYS_write, fd, data, len);
}

static void set_script(unsigned len, const long *steps)
{
    for (unsigned i = 0; i < len; i++)
        script[i] = steps[i];
    script_len = len;
    script_at = write_calls = 0;
}

#define SCRIPT(...) set_script(sizeof((long[]){ __VA_ARGS__ }) / sizeof(long), (long[]){ __VA_ARGS__ })

static char directory[] = "/tmp/tcplens-test-XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/out", directory);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static int reset(void **state)
{
    (void)state;
    script_len = script_at = write_calls = 0;
    unlink(path);
    return 0;
}

/* *ret_size bytes of the file; free() it. */
static char *content(size_t *ret_size)
{
    FILE *f = fopen(path, "r");
    char *data = malloc(1 << 22);

    assert_non_null(f);
    assert_non_null(data);
    *ret_size = fread(data, 1, 1 << 22, f);
    assert_int_equal(fclose(f), 0);
    return data;
}

static void assert_content(const char *expected, size_t expected_size)
{
    size_t size;
    char *data = content(&size);

    assert_int_equal(size, expected_size);
    assert_memory_equal(data, expected, size);
    free(data);
}

static void test_writes(void **state)
{
    struct writer *w = NULL;
    struct stat st;
    mode_t mask = umask(0);

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    umask(mask);
    writer_write(w, "one\n", 4);
    writer_write(w, "two\n", 4);
    assert_int_equal(write_calls, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(write_calls, 1);
    assert_content("one\ntwo\n", 8);
    /* Nothing to write is nothing to ask the kernel for. */
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(write_calls, 1);
    writer_write(w, "three\n", 6);
    assert_int_equal(writer_close(w), 0);
    assert_content("one\ntwo\nthree\n", 14);

    /* A file that is there is replaced by what is written, and by nothing less. */
    assert_int_equal(writer_open(path, &w), 0);
    assert_int_equal(writer_close(w), 0);
    assert_content("one\ntwo\nthree\n", 14);
    assert_int_equal(writer_open(path, &w), 0);
    writer_write(w, "four\n", 5);
    assert_int_equal(writer_flush(w), 0);
    writer_write(w, "five\n", 5);
    assert_int_equal(writer_close(w), 0);
    assert_content("four\nfive\n", 10);
    assert_int_equal(writer_close(NULL), 0);
}

static void test_descriptor_is_closed_on_exec(void **state)
{
    struct writer *w;
    int next = dup(0), fd = next;

    (void)state;
    close(next);
    assert_int_equal(writer_open(path, &w), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(writer_close(w), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Only whole lines leave by themselves, and none is longer than what it was given as. */
static void test_buffer_boundaries(void **state)
{
    enum { LINE = 1000, LINES = 200, LONG = 200000 };
    struct writer *w;
    char *line = malloc(LONG), *expected = malloc(LINE * LINES + LONG), *p = expected, *data;
    size_t size;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    for (int i = 0; i < LINES; i++) {
        memset(line, 'a' + i % 26, LINE - 1);
        line[LINE - 1] = '\n';
        writer_write(w, line, LINE);
        memcpy(p, line, LINE);
        p += LINE;
        data = content(&size);
        assert_int_equal(size % LINE, 0);
        assert_true((size_t)(p - expected) - size <= 65536);
        free(data);
    }
    memset(line, 'L', LONG);
    writer_write(w, line, LONG);
    memcpy(p, line, LONG);
    p += LONG;
    assert_int_equal(writer_close(w), 0);
    assert_content(expected, (size_t)(p - expected));
    free(line);
    free(expected);
}

static void test_partial_writes(void **state)
{
    struct writer *w;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    writer_write(w, "0123456789\n", 11);
    SCRIPT(3, -EINTR, -EINTR, 1, -EAGAIN, 5);
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(write_calls, 7);
    assert_content("0123456789\n", 11);
    assert_int_equal(writer_close(w), 0);
}

/* The first error stays; nothing is written after it, so that the file does not get a hole, nor part of a line. */
static void test_error_is_kept(void **state)
{
    struct writer *w;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    writer_write(w, "0123456789\n", 11);
    SCRIPT(4, -ENOSPC, -EIO);
    assert_int_equal(writer_flush(w), -ENOSPC);
    assert_int_equal(write_calls, 2);
    writer_write(w, "more\n", 5);
    assert_int_equal(writer_flush(w), -ENOSPC);
    assert_int_equal(writer_close(w), -ENOSPC);
    assert_int_equal(write_calls, 2);
    assert_content("", 0);
}

/* What a full disk took of whole lines stays; what it took of the next one does not, but where somebody wrote behind it. */
static void test_full_disk(void **state)
{
    struct writer *w;
    FILE *other;

    (void)state;
    for (int appended = 0; appended < 2; appended++) {
        assert_int_equal(writer_open(path, &w), 0);
        writer_write(w, "whole\n", 6);
        assert_int_equal(writer_flush(w), 0);
        writer_write(w, "one\n", 4);
        writer_write(w, "another\n", 8);
        SCRIPT(7, -ENOSPC);
        if (appended) {
            other = fopen(path, "a");
            assert_non_null(other);
            assert_int_equal(fputs("by others\n", other) < 0, 0);
            assert_int_equal(fclose(other), 0);
        }
        assert_int_equal(writer_close(w), -ENOSPC);
        if (!appended)
            assert_content("whole\none\n", 10);
    }
}

/* A unit's length is its second word, as a block's of pcapng. */
static size_t unit_length(const char *head)
{
    uint32_t words[2];

    memcpy(words, head, sizeof(words));
    return words[1];
}

static void write_unit(struct writer *w, uint32_t len)
{
    const uint32_t head[2] = { 'U', len };
    char *body = calloc(1, len);

    assert_non_null(body);
    writer_write(w, (const char *)head, sizeof(head));
    writer_write(w, body, len - sizeof(head));
    free(body);
}

/* Bytes of the file where it may not grow beyond max. */
static off_t written_within(rlim_t max, const uint32_t *units, unsigned count)
{
    struct rlimit before, limit;
    struct writer *w;
    struct stat st;

    assert_int_equal(writer_open(path, &w), 0);
    writer_units(w, unit_length);
    for (unsigned i = 0; i < count; i++)
        write_unit(w, units[i]);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){ max, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)!writer_close(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(unlink(path), 0);
    return st.st_size;
}

/* The same of units that are no lines, wherever in one of them it ends. */
static void test_full_disk_in_a_unit(void **state)
{
    static const uint32_t units[] = { 32, 500, 8, 4000, 64 };
    const unsigned count = sizeof(units) / sizeof(*units);
    off_t whole = 0;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t part = 0; part < units[i]; part++)
            assert_int_equal(written_within((rlim_t)whole + part, units, count), whole);
        whole += units[i];
    }
    assert_int_equal(written_within((rlim_t)whole, units, count), whole);
}

/* Where a unit is larger than the buffer, some of it is in the file already. */
static void test_full_disk_in_a_large_unit(void **state)
{
    static const uint32_t units[] = { 32, 2 * WRITER_LINE_MAX };
    struct writer *w;
    struct stat st;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    writer_units(w, unit_length);
    write_unit(w, units[0]);
    writer_write(w, (const char *)(uint32_t[]){ 'U', units[1] }, 8);
    for (uint32_t left = units[1] - 8; left; left -= left < 1000 ? left : 1000)
        writer_write(w, (char[1000]){ 0 }, left < 1000 ? left : 1000);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > units[0]);
    SCRIPT(1, -ENOSPC);
    assert_int_equal(writer_close(w), -ENOSPC);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, units[0]);
}

static void test_one_writer_a_file(void **state)
{
    struct writer *first, *second;

    (void)state;
    assert_int_equal(writer_open(path, &first), 0);
    writer_write(first, "kept\n", 5);
    assert_int_equal(writer_flush(first), 0);
    assert_int_equal(writer_open(path, &second), -EBUSY);
    assert_content("kept\n", 5);
    assert_int_equal(writer_close(first), 0);
    assert_int_equal(writer_open(path, &second), 0);
    assert_int_equal(writer_close(second), 0);
}

/* The state of a process of /proc: S where it sleeps. */
static char state_of(pid_t pid)
{
    char name[32], state = '?';
    FILE *f;

    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    f = fopen(name, "r");
    if (f) {
        (void)!fscanf(f, "%*d (%*[^)]) %c", &state);
        fclose(f);
    }
    return state;
}

/* A reader that takes nothing: a signal ends the wait, and what is in the pipe are whole lines. */
static void test_reader_stands_still(void **state)
{
    static char bytes[1 << 20];
    size_t len = 0;
    int fds[2], status = 0;
    ssize_t n;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        struct writer *w;
        char line[1000];
        int r = stop_watch();

        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        r = r < 0 ? r : writer_open(NULL, &w);
        for (unsigned i = 0; r == 0 && i < 1000; i++) {
            memset(line, 'x', sizeof(line));
            line[i % 900 + 50] = '\n';
            writer_write(w, line, i % 900 + 51);
            r = writer_flush(w);
        }
        _exit(r == -ECANCELED && writer_flush(w) == -ECANCELED ? 0 : 1);
    }
    close(fds[1]);
    while (state_of(pid) != 'S') /* it fills the pipe before */
        usleep(1000);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    while ((n = read(fds[0], bytes + len, sizeof(bytes) - len)) > 0)
        len += (size_t)n;
    assert_true(len > 32768);
    assert_int_equal(bytes[len - 1], '\n');
    close(fds[0]);
}

/* In a process that must end by itself when it is told to: a FIFO that nobody opens to read. */
static void test_nobody_reads_a_fifo(void **state)
{
    int status = 0;
    pid_t pid;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        struct writer *w;

        _exit(stop_watch() >= 0 && writer_open(path, &w) == -ECANCELED ? 0 : 1);
    }
    while (state_of(pid) != 'S')
        usleep(1000);
    kill(pid, SIGHUP);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* An error of a write that the w did by itself is not lost. */
static void test_error_while_buffering(void **state)
{
    static char line[60000];
    struct writer *w;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    SCRIPT(-EIO);
    for (int i = 0; i < 5; i++)
        writer_write(w, line, sizeof(line));
    assert_int_equal(write_calls, 1);
    assert_int_equal(writer_close(w), -EIO);
    assert_content("", 0);
}

static void test_no_progress(void **state)
{
    struct writer *w;

    (void)state;
    assert_int_equal(writer_open(path, &w), 0);
    writer_write(w, "x\n", 2);
    SCRIPT(0);
    assert_int_equal(writer_close(w), -EIO);
}

static void test_open_errors(void **state)
{
    struct writer *w = (struct writer *)0x1;
    char missing[80];

    (void)state;
    snprintf(missing, sizeof(missing), "%s/none/out", directory);
    assert_int_equal(writer_open(missing, &w), -ENOENT);
    assert_int_equal(writer_open(directory, &w), -EISDIR);
    assert_int_equal(writer_open("", &w), -ENOENT);
    assert_ptr_equal(w, (struct writer *)0x1);
}

static void test_full_device(void **state)
{
    struct writer *w;

    (void)state;
    assert_int_equal(writer_open("/dev/full", &w), 0);
    writer_write(w, "x\n", 2);
    assert_int_equal(writer_flush(w), -ENOSPC);
    assert_int_equal(writer_close(w), -ENOSPC);
}

static void test_reader_went_away(void **state)
{
    struct writer *w;
    char name[64];
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    snprintf(name, sizeof(name), "/dev/fd/%d", fds[1]);
    assert_int_equal(writer_open(name, &w), 0);
    writer_write(w, "read\n", 5);
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(read(fds[0], name, sizeof(name)), 5);
    close(fds[0]);
    writer_write(w, "not read\n", 9);
    assert_int_equal(writer_flush(w), -EPIPE);
    assert_int_equal(writer_close(w), -EPIPE);
    close(fds[1]);
}

static void test_terminal_is_closed(void **state)
{
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct writer *w;
    char name[64];

    (void)state;
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
    assert_int_equal(writer_open(name, &w), 0);
    writer_write(w, "read\n", 5);
    assert_int_equal(writer_flush(w), 0);
    close(terminal);
    writer_write(w, "not read\n", 9);
    assert_int_equal(writer_flush(w), -EPIPE);
    assert_int_equal(writer_close(w), -EPIPE);
}

/* Standard output as a non-blocking pipe with a slow reader: nothing is lost, and it stays open. In a process of its
 * own, so that the test's own output is not in the way. */
static void test_standard_output(void **state)
{
    enum { LINES = 100000 };
    char line[32], expected[32];
    int fds[2], status = 0;
    FILE *reader;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        struct writer *w;
        int r;

        close(fds[0]);
        dup2(fds[1], STDOUT_FILENO);
        close(fds[1]);
        fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
        r = writer_open(NULL, &w);
        for (int i = 0; r == 0 && i < LINES; i++) {
            int len = snprintf(line, sizeof(line), "line %d\n", i);

            writer_write(w, line, (size_t)len);
        }
        if (r == 0)
            r = writer_close(w);
        if (r == 0)
            r = writer_open("-", &w);
        if (r == 0) {
            writer_write(w, "still open\n", 11);
            r = writer_close(w);
        }
        _exit(r == 0 ? 0 : 1);
    }
    close(fds[1]);
    reader = fdopen(fds[0], "r");
    assert_non_null(reader);
    for (int i = 0; i <= LINES; i++) {
        snprintf(expected, sizeof(expected), "line %d\n", i);
        assert_non_null(fgets(line, sizeof(line), reader));
        assert_string_equal(line, i < LINES ? expected : "still open\n");
    }
    assert_null(fgets(line, sizeof(line), reader));
    fclose(reader);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What is being written to a file is written before a signal ends the program. */
static void test_signal_while_writing(void **state)
{
    char text[32];
    int status;
    pid_t pid = fork();
    FILE *f;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct writer *w;

        if (writer_open(path, &w) < 0)
            _exit(1);
        writer_write(w, "line 1\n", 7);
        writer_write(w, "line 2\n", 7);
        SCRIPT(9, 1);
        raised = SIGINT;
        (void)!writer_flush(w);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, "line 1\nline 2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_writes, reset),
        cmocka_unit_test_setup(test_descriptor_is_closed_on_exec, reset),
        cmocka_unit_test_setup(test_buffer_boundaries, reset),
        cmocka_unit_test_setup(test_partial_writes, reset),
        cmocka_unit_test_setup(test_error_is_kept, reset),
        cmocka_unit_test_setup(test_full_disk, reset),
        cmocka_unit_test_setup(test_full_disk_in_a_unit, reset),
        cmocka_unit_test_setup(test_full_disk_in_a_large_unit, reset),
        cmocka_unit_test_setup(test_one_writer_a_file, reset),
        cmocka_unit_test_setup(test_reader_stands_still, reset),
        cmocka_unit_test_setup(test_nobody_reads_a_fifo, reset),
        cmocka_unit_test_setup(test_error_while_buffering, reset),
        cmocka_unit_test_setup(test_no_progress, reset),
        cmocka_unit_test_setup(test_open_errors, reset),
        cmocka_unit_test_setup(test_full_device, reset),
        cmocka_unit_test_setup(test_reader_went_away, reset),
        cmocka_unit_test_setup(test_terminal_is_closed, reset),
        cmocka_unit_test_setup(test_standard_output, reset),
        cmocka_unit_test_setup(test_signal_while_writing, reset),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
