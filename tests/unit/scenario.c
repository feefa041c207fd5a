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
static void read_segment(struct reading *reading, enum end from, char *flags, char **words, struct event *ret_event)
{
    double seq = 0, ack = 0, after = 0.001;
    struct segment segment = { .window = 8192 };
    struct endpoint client = reading->at[END_CLIENT];

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

static enum tcp_state take_state(const struct reading *reading, char **words)
{
    const char *word = strtok_r(NULL, " ", words);
    enum tcp_state state = TCP_STATE_UNKNOWN;

    if (!word || tcp_state_parse(word, &state) != 0)
        fail_msg("%s: no state where one belongs: %s", reading->path, reading->line);
    return state;
}

static void take(const struct reading *reading, const char *want, char **words)
{
    const char *word = strtok_r(NULL, " ", words);

    if (!word || strcmp(word, want) != 0)
        fail_msg("%s: no %s where it belongs: %s", reading->path, want, reading->line);
}

static struct event kernel_event_of(const struct reading *reading, enum event_kind kind, enum end end)
{
    return (struct event){
        .kind = kind,
        .source = WITNESS_KERNEL,
        .cookie = end == END_CLIENT ? CLIENT : CHILD,
        .local = reading->at[end],
        .remote = reading->at[!end],
    };
}

/* "sock CLOSED > SYN-SENT", of a socket or of the listener. */
static struct event read_sock(const struct reading *reading, enum end end, bool of_listener, char **words)
{
    struct event e = kernel_event_of(reading, EVENT_SOCK_STATE, end);

    e.sock.from = take_state(reading, words);
    take(reading, ">", words);
    e.sock.to = take_state(reading, words);
    if (of_listener) {
        e.cookie = LISTENER;
        memset(&e.remote, 0, sizeof(e.remote));
    }
    return e;
}

static struct event read_queue(const struct reading *reading, enum event_kind kind)
{
    struct event e = kernel_event_of(reading, kind, END_SERVER);

    e.queue.depth = (struct queue_depth){ .listener = LISTENER, .addr = reading->at[END_SERVER] };
    if (kind == EVENT_ACCEPT) {
        e.queue.call.name = "accept4";
        return e;
    }
    e.cookie = 0;
    if (kind == EVENT_ACCEPT_QUEUED) /* the hook sees the listener alone */
        memset(&e.remote, 0, sizeof(e.remote));
    return e;
}

static struct event read_timewait(const struct reading *reading, enum event_kind kind, enum end end, char **words)
{
    struct event e = kernel_event_of(reading, kind, end);

    e.timewait.substate = take_state(reading, words);
    return e;
}

static struct event read_reset(const struct reading *reading, enum end end, bool sent, char **words)
{
    struct event e = kernel_event_of(reading, EVENT_RESET, end);

    e.cookie = 0;
    e.reset.sent = sent;
    if (sent) {
        const char *reason = strtok_r(NULL, " ", words);

        if (!reason)
            fail_msg("%s: no reason of the reset: %s", reading->path, reading->line);
        snprintf(e.reset.reason, sizeof(e.reset.reason), "%s", reason);
    }
    return e;
}

/* What the words behind an event of the kernel set, whatever it is. */
static void read_kernel_words(struct reading *reading, struct event *e, char **words)
{
    struct queue_depth *depth = e->kind == EVENT_SOCK_STATE ? &e->sock.depth : &e->queue.depth;
    double after = 0.001;

    for (char *word; (word = strtok_r(NULL, " ", words));) {
        double value = take_number(reading, words);

        if (strcmp(word, "after") == 0)
            after = value;
        else if (strcmp(word, "by") == 0 && e->kind == EVENT_ACCEPT)
            e->queue.call.task = task((uint32_t)value);
        else if (strcmp(word, "by") == 0)
            e->sock.task_context = true, e->sock.task = task((uint32_t)value);
        else if (strcmp(word, "backlog") == 0)
            depth->backlog = (uint32_t)value;
        else if (strcmp(word, "syn") == 0)
            depth->syn = (uint32_t)value;
        else if (strcmp(word, "accept") == 0)
            depth->accept = (uint32_t)value;
        else if (strcmp(word, "drops") == 0)
            depth->drops = (uint32_t)value;
        else if (strcmp(word, "fd") == 0)
            e->queue.call.fd = (int32_t)value;
        else if (strcmp(word, "ret") == 0)
            e->queue.call.ret = (int64_t)value;
        else if (strcmp(word, "expires") == 0)
            e->timewait.expires_ns = (uint64_t)(value * 1e9);
        else
            fail_msg("%s: unknown word %s: %s", reading->path, word, reading->line);
    }
    reading->now_ns += (uint64_t)(after * 1e9 + 0.5);
    e->ts_ns = reading->now_ns;
    if (e->kind == EVENT_TIMEWAIT_START || e->kind == EVENT_TIMEWAIT_CHANGE)
        e->timewait.expires_ns += reading->now_ns;
}

/* False: it is none of the kernel's. */
static bool read_kernel(struct reading *reading, const char *who, const char *what, char **words,
                        struct event *ret_event)
{
    static const struct {
        const char *word;
        enum event_kind kind;
    } names[] = {
        { "request-start", EVENT_REQUEST_START },       { "request-retry", EVENT_REQUEST_RETRY },
        { "request-end", EVENT_REQUEST_END },           { "request-expired", EVENT_REQUEST_EXPIRED },
        { "accept-queued", EVENT_ACCEPT_QUEUED },       { "accept", EVENT_ACCEPT },
        { "timewait-start", EVENT_TIMEWAIT_START },     { "timewait-change", EVENT_TIMEWAIT_CHANGE },
        { "timewait-expired", EVENT_TIMEWAIT_EXPIRED }, { "timewait-killed", EVENT_TIMEWAIT_KILLED },
    };
    enum end end = strcmp(who, "client") == 0 ? END_CLIENT : END_SERVER;
    enum event_kind kind = EVENT_KIND_N;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(what, names[i].word) == 0)
            kind = names[i].kind;
    if (strcmp(what, "sock") == 0)
        *ret_event = read_sock(reading, end, strcmp(who, "listener") == 0, words);
    else if (strcmp(what, "reset-sent") == 0 || strcmp(what, "reset-received") == 0)
        *ret_event = read_reset(reading, end, strcmp(what, "reset-sent") == 0, words);
    else if (kind == EVENT_KIND_N)
        return false;
    else if (kind >= EVENT_TIMEWAIT_START && kind <= EVENT_TIMEWAIT_KILLED)
        *ret_event = read_timewait(reading, kind, end, words);
    else
        *ret_event = read_queue(reading, kind);
    read_kernel_words(reading, ret_event, words);
    return true;
}

static void read_line(struct reading *reading, char *line, struct scenario *scenario)
{
    char *words, *word, *what;
    struct event *event;

    line[strcspn(line, "#")] = '\0';
    word = strtok_r(line, " ", &words);
    if (!word)
        return;
    if (strcmp(word, "isn") == 0) {
        reading->isn[END_CLIENT] = sequence(take_number(reading, &words));
        reading->isn[END_SERVER] = sequence(take_number(reading, &words));
        return;
    }
    if (scenario->count == SCENARIO_EVENT_MAX)
        fail_msg("%s: more than %d events", reading->path, SCENARIO_EVENT_MAX);
    event = &scenario->events[scenario->count++];
    what = strtok_r(NULL, " ", &words);
    if (!what)
        fail_msg("%s: too short: %s", reading->path, reading->line);
    if (read_kernel(reading, word, what, &words, event))
        scenario->of_kernel = true;
    else if (strcmp(word, "client") == 0 || strcmp(word, "server") == 0)
        read_segment(reading, word[0] == 'c' ? END_CLIENT : END_SERVER, what, &words, event);
    else
        fail_msg("%s: neither client nor server nor listener: %s", reading->path, reading->line);
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
