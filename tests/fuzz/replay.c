/* Stands in for the fuzzer: runs a target on every file named, and on every file of every directory named, so that the
 * corpus is a test for any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1024 * 1024) /* bytes; libFuzzer keeps inputs far below */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path, const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", path, why);
    return -1;
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *data;
    size_t size;
    int result = 0;

    if (!file)
        return fail(path, strerror(errno));
    data = malloc(INPUT_MAX + 1);
    size = data ? fread(data, 1, INPUT_MAX + 1, file) : 0;
    if (!data || ferror(file))
        result = fail(path, strerror(errno));
    else if (size > INPUT_MAX)
        result = fail(path, "more than 1 MiB");
    fclose(file);
    if (!result) {
        uint8_t *fitted = realloc(data, size ? size : 1); /* a read beyond the input is one beyond the allocation */

        data = fitted ? fitted : data;
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return result;
}

/* Returns the number of files replayed, or -1. */
static int replay_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), files = 0;

    if (n < 0)
        return fail(path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char name[4096];

        if (files >= 0 && entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            files = replay_file(name) < 0 ? -1 : files + 1;
        }
        free(entries[i]);
    }
    free(entries);
    return files;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int files;

        if (stat(argv[i], &st) < 0) {
            fail(argv[i], strerror(errno));
            return 1;
        }
        files = S_ISDIR(st.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i]) + 1;
        if (files < 0 || (files == 0 && !S_ISDIR(st.st_mode)))
            return 1;
        total += files;
    }
    if (!total) {
        fprintf(stderr, "replay: no inputs; usage: replay FILE-OR-DIRECTORY...\n");
        return 1;
    }
    printf("%d inputs replayed\n", total);
    return 0;
}
