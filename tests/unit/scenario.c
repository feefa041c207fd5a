#include "scenario.h"

#include "conn_script.h"

#include <errno.h>

/* NUL-terminated, for the caller to free(). */
static char *read_text(const char *path)
{
    enum { ROOM = 1 << 16 };
    FILE *file = fopen(path, "r");
    char *text = calloc(1, ROOM);
    size_t len;

    if (!file || !text)
        fail_msg("%s: %s", path, strerror(errno));
    len = fread(text, 1, ROOM, file);
    if (len == ROOM)
        fail_msg("%s has %d bytes or more", path, ROOM);
    fclose(file);
    return text;
}

struct reading {
    const char *path, *line;
    struct endpoint at[END_N];
    uint32_t isn[END_N];
    uint64_t now_ns;
};

static double take_number(const struct reading *reading, char **words)
{
    char *word = strtok_r(NULL, " ", words), *end = NULL;
    double value = word ? strtod(word, &end) : 0;

    if (!word || *end)
        fail_msg("%s: no number where one belongs: %s", reading->path, reading->line);
    return value;
}

/* Numbers wrap, and may be negative. */
static uint32_t sequence(double offset)
{
    return (uint32_t)(int64_t)offset;
}

static uint16_t read_flags(const struct reading *reading, char *words)
{
    static const struct {
        const char *word;
        enum segment_flag flag;
    } names[] = { { "SYN", SEGMENT_SYN },
                  { "FIN", SEGMENT_FIN },
                  { "RST", SEGMENT_RST },
                  { "PSH", SEGMENT_PSH },
                  { "ACK", SEGMENT_ACK } };
    uint16_t flags = 0;
    char *rest;

    for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint16_t before = flags;

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (strcmp(word, names[i].word) == 0)
                flags |= names[i].flag;
        if (flags == before)
            fail_msg("%s: unknown flag %s: %s", reading->path, word, reading->line);
    }
    return flags;
}

/* "client SYN,ACK seq 0 ack 1 …": the words after the flags, each with its number, in any order. */
static void read_segment(struct reading *reading, enum end from, char **words, struct event *ret_event)
{
    double seq = 0, ack = 0, after = 0.001;
    struct segment segment = { .window = 8192 };
    struct endpoint client = reading->at[END_CLIENT];
    char *flags = strtok_r(NULL, " ", words);

    if (!flags)
        fail_msg("%s: no flags: %s", reading->path, reading->line);
    segment.flags = read_flags(reading, flags);
    for (char *word; (word = strtok_r(NULL, " ", words));) {
        if (strcmp(word, "seq") == 0) {
            seq = take_number(reading, words);
        } else if (strcmp(word, "ack") == 0) {
            ack = take_number(reading, words);
        } else if (strcmp(word, "len") == 0) {
            segment.payload_len = (uint32_t)take_number(reading, words);
        } else if (strcmp(word, "win") == 0) {
            segment.window = (uint16_t)take_number(reading, words);
        } else if (strcmp(word, "after") == 0) {
            after = take_number(reading, words);
        } else if (strcmp(word, "port") == 0) {
            client.port = (uint16_t)take_number(reading, words);
        } else if (strcmp(word, "isn") == 0) {
            reading->isn[from] += sequence(take_number(reading, words));
        } else if (strcmp(word, "wscale") == 0) {
            segment.options |= SEGMENT_OPT_WSCALE;
            segment.wscale = (uint8_t)take_number(reading, words);
        } else if (strcmp(word, "fast-open") == 0) {
            segment.options |= SEGMENT_OPT_TFO;
            segment.tfo_len = 8;
        } else if (strcmp(word, "bad-checksum") == 0) {
            segment.bad_checksum = true;
        } else {
            fail_msg("%s: unknown word %s: %s", reading->path, word, reading->line);
        }
    }
    reading->now_ns += (uint64_t)(after * 1e9 + 0.5);
    segment.src = from == END_CLIENT ? client : reading->at[END_SERVER];
    segment.dst = from == END_CLIENT ? reading->at[END_SERVER] : client;
    segment.seq = reading->isn[from] + sequence(seq);
    if (segment.flags & SEGMENT_ACK)
        segment.ack = reading->isn[!from] + sequence(ack);
    *ret_event = (struct event){
        .kind = EVENT_SEGMENT,
        .source = WITNESS_WIRE,
        .ts_ns = reading->now_ns,
        .local = segment.src,
        .remote = segment.dst,
        .segment = segment,
    };
}

static void read_line(struct reading *reading, char *line, struct scenario *scenario)
{
    char *words, *word;

    line[strcspn(line, "#")] = '\0';
    word = strtok_r(line, " ", &words);
    if (!word)
        return;
    if (strcmp(word, "isn") == 0) {
        reading->isn[END_CLIENT] = sequence(take_number(reading, &words));
        reading->isn[END_SERVER] = sequence(take_number(reading, &words));
    } else if (strcmp(word, "client") == 0 || strcmp(word, "server") == 0) {
        if (scenario->count == SCENARIO_EVENT_MAX)
            fail_msg("%s: more than %d events", reading->path, SCENARIO_EVENT_MAX);
        read_segment(reading, word[0] == 'c' ? END_CLIENT : END_SERVER, &words, &scenario->events[scenario->count++]);
    } else {
        fail_msg("%s: neither client nor server nor isn: %s", reading->path, reading->line);
    }
}

void scenario_read(const char *path, struct scenario *ret_scenario)
{
    struct reading reading = {
        .path = path,
        .at = { [END_CLIENT] = endpoint("192.0.2.1", 40000), [END_SERVER] = endpoint("192.0.2.2", 80) },
        .isn = { [END_CLIENT] = 1000, [END_SERVER] = 5000000 },
        .now_ns = START_NS,
    };
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char *text = read_text(path), *separator = strstr(text, "---\n"), *rest;

    if (!separator)
        fail_msg("%s: no line ---", path);
    memset(ret_scenario, 0, sizeof(*ret_scenario));
    ret_scenario->name = strndup(name, strcspn(name, "."));
    ret_scenario->expected = strdup(separator + 4);
    *separator = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *whole = strdup(line);

        reading.line = whole;
        read_line(&reading, line, ret_scenario);
        free(whole);
    }
    free(text);
}

void scenario_free(struct scenario *scenario)
{
    free(scenario->name);
    free(scenario->expected);
    memset(scenario, 0, sizeof(*scenario));
}
