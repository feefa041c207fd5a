/* roundtrip TRACE…: fails where a line of a trace, decoded and encoded again, is another. */
#include <errno.h>

#include "roundtrip.h"

static int check(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL, error[TRACE_DECODE_ERROR_MAX];
    struct trace_decoder *decoder;
    uint64_t start_ns = 0;
    unsigned long number = 0;
    size_t room = 0;
    ssize_t len;
    int wrong = 0;

    if (!file || trace_decoder_new(&decoder) < 0) {
        fprintf(stderr, "roundtrip: %s: %s\n", path, strerror(errno));
        return 1;
    }
    while (wrong < 10 && (len = getline(&line, &room, file)) > 0) {
        char *again;
        int r = roundtrip(decoder, &start_ns, line, (size_t)len, &again, error);

        number++;
        if (r < 0)
            fprintf(stderr, "roundtrip: %s:%lu: %s\n", path, number, r == -EINVAL ? error : strerror(-r));
        else if (!again || strcmp(again, line) != 0)
            fprintf(stderr, "roundtrip: %s:%lu: became\n%snot\n%s", path, number, again ? again : "nothing, ", line);
        wrong += r < 0 || !again || strcmp(again, line) != 0;
        free(again);
    }
    if (!number)
        fprintf(stderr, "roundtrip: %s: empty\n", path);
    trace_decoder_free(decoder);
    free(line);
    fclose(file);
    return wrong || !number;
}

int main(int argc, char *argv[])
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= check(argv[i]);
    return failed;
}
