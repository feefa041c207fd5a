/* Findings: what is wrong over many connections. They are made from the changes that the engine tells, and are told
 * themselves: when first seen, as often as they double, and at last. A finding is one file, and one row of WORDS_finding_kind.
 *
 * A finding is of a kind and about a subject: a listener, a host, a process, a cause, or the trace as a whole. What is seen of
 * it is added up in a few figures; nothing is kept for each connection. */
#ifndef TCPLENS_CONN_FINDING_H
#define TCPLENS_CONN_FINDING_H

#include "emit.h"
#include "life.h"
#include "senders.h"

#include "tcplens/base/limits.h"
#include "tcplens/conn/config.h"

/* What a finding is about; all zeros: the trace as a whole. */
struct finding_subject {
    enum cause cause;
    uint32_t listener;
    struct endpoint peer; /* a host, or a port of it */
    struct task owner;    /* known by its pid */
};

/* What it says: English, with the figures of this trace. */
struct finding_words {
    char text[FINDING_TEXT_MAX];
    char remedy[FINDING_REMEDIES_MAX][FINDING_REMEDY_MAX]; /* "": no more */
};

/* Of one kind, about one subject. */
struct finding {
    const struct finding_ops *ops;
    struct findings *all;
    struct finding_subject subject;
    uint16_t next;        /* in its bucket: place + 1 */
    uint64_t count, told; /* how often it was seen; what the last record said */
    uint64_t over, held;  /* of these: seen in a change; seen to go on, in connections that are still open */
    uint64_t first_ns, last_ns;
    uint32_t conns[FINDING_CONNS_MAX];
    unsigned conn_count;
    uint64_t records[FINDING_RECORDS_MAX];
    uint64_t figures[FINDING_FIGURES_MAX]; /* named by its kind; 0: not told */
    uint64_t kept[2];                      /* for its kind to remember */
    bool fresh;                            /* there is news since the last record */
    bool of_others;                        /* of all that have none of their own */
    struct endpoint server;                /* of its connections; all zeros: there are several */
};

/* A change, and the connection that it is about (NULL: none, or not known). */
struct finding_sight {
    const struct change *change;
    struct life *life;
    struct findings *all;
};

/* Records of a connection that are worth a look when it is over. */
enum finding_trail {
    TRAIL_NONE,
    TRAIL_RESET,      /* the last RST */
    TRAIL_AGAIN,      /* what was sent again last */
    TRAIL_CLOSE_WAIT, /* that state was entered */
    TRAIL_SHUT,       /* the window was zero */
    TRAIL_N
};

struct finding_ops {
    enum finding_kind kind;
    enum severity severity;
    unsigned of;     /* bits of enum change_kind: what it is seen in */
    uint32_t notes;  /* of segments: any of these; 0: all segments */
    unsigned states; /* bits of enum tcp_state; of changes of state: these entered or left; 0: all */
    bool only_bad;   /* of outcomes: none of what closed normally, with no cause to be told */
    /* Bits of enum finding_kind: a connection that shows one of them shows this one as its consequence, which is not told. */
    uint32_t follows_from;
    /* It is seen before that can be known: what was seen in a connection counts when the peer acknowledges what was sent, or
     * when it is over. */
    bool waits;
    uint8_t sums;             /* bits of figures that add up where two are made one; of the others the larger counts */
    enum finding_trail trail; /* what shows it; NONE, or not known any more: the change that it is seen in */
    const char *figures[FINDING_FIGURES_MAX]; /* names; NULL: no more */
    /* The change has to do with it, and with whom. ret: all zeros. */
    bool (*concerns)(const struct finding_sight *s, struct finding_subject *ret_subject);
    /* Takes the figures. False: it is not shown once more. NULL: each shows it. */
    bool (*take)(struct finding *f, const struct finding_sight *s);
    /* It goes on in an open connection, and so long that it counts: is asked now and then while tracing live. What becomes of
     * the connection shows it once more, and is the same case. NULL: it is seen in changes alone. */
    bool (*goes_on)(const struct life *l, uint64_t ts_ns, struct finding_subject *ret_subject);
    /* It is worth telling. NULL: whenever it was seen. */
    bool (*matters)(const struct finding *f);
    void (*say)(const struct finding *f, struct finding_words *words);
};
#define SEEN_IN(id) (1u << CHANGE_##id)
#define OF(id) (1u << FINDING_##id)
_Static_assert(FINDING_N <= 32, "life.findings has a bit for each");

#define FINDING_BUCKETS 256 /* a power of 2 */
#define FINDING_WATCHED 64  /* likewise */
#define FINDING_WAITING 512 /* likewise: two kinds wait, for 256 connections */
#define FINDING_TRAILS 1024 /* likewise */

/* What an end of a connection did, to be looked at again when more of it is told. */
struct finding_watch {
    uint32_t conn; /* 0: none */
    enum end by;
    uint64_t ts_ns, waited_ns;
};

/* Seen in a connection, and not yet known to count. */
struct finding_waiting {
    struct finding seen;
    int64_t seq; /* of the sender: counts when this is acknowledged */
    enum end sender;
};

/* All zeros, and then findings_init(). */
struct findings {
    const char *const *sysctl;     /* by enum sysctl, as /proc/sys has them; NULL: not known */
    const struct senders *senders; /* whose checksums are wrong */
    struct finding all[LIMIT_FINDINGS];
    unsigned count;
    uint16_t buckets[FINDING_BUCKETS]; /* place + 1 */
    const struct finding_ops *seen_in[CHANGE_KIND_N][FINDING_N];
    uint8_t seen_in_count[CHANGE_KIND_N];
    /* Of segments, most of which have no note: how many kinds look at all of them, and come first; what the others look for. */
    uint8_t unnoted;
    uint32_t noted;
    uint16_t subjects[FINDING_N][CAUSE_N]; /* hosts and processes with one that was told */
    unsigned stated;                       /* of changes of state likewise: what any kind looks for */
    bool due;                              /* one is to be told */
    bool ending;                           /* the trace is complete */
    bool full;                             /* and nothing can make way */
    unsigned hand;                         /* where to look next for what makes way */
    uint64_t refused;                      /* for which there was no room */
    uint64_t data_segments;                /* so far */
    /* A delayed ACK that may be what a small segment waited for; a window of zero that is not open again. Both by the number
     * of the connection: where two have one place, the later one is watched. */
    struct finding_watch delayed[FINDING_WATCHED], shut[FINDING_WATCHED];
    /* Likewise a large segment that was lost, and a timer that has fired and whose segment has not come. */
    struct finding_large {
        struct finding_watch at;
        int64_t seq;
        uint32_t len, times;
        bool shorter_arrives;
    } large[FINDING_WATCHED];
    struct finding_watch fired[FINDING_WATCHED];
    bool unsure; /* what is not among the packets may have been there: events were lost, or not all are looked at */
    /* Of these too the place is by the connection's number; what has to make way counts. */
    struct finding_waiting waiting[FINDING_WAITING];
    struct {
        uint32_t conn;
        uint64_t record[TRAIL_N]; /* 0: none, or not written */
    } trails[FINDING_TRAILS];
    struct finding_words words[LIMIT_FINDINGS]; /* of the last record of each */
};

/* config: of the engine, whose senders are borrowed. */
void findings_init(struct findings *f, const struct conn_config *config, const struct senders *senders);
/* Looks at what was told. life: of the connection it is about, or NULL. */
void findings_take(struct findings *f, const struct change *c, struct life *life);
/* Looks at the open connections, each once between begin and end. */
void findings_look_begin(struct findings *f);
void findings_look(struct findings *f, const struct life *life, uint64_t ts_ns);
void findings_look_end(struct findings *f, uint64_t ts_ns);
/* Tells those that are due; all: of which anything is new. */
void findings_tell(struct findings *f, struct emitter *out, uint64_t ts_ns, bool all);

/* The change is worth a look when its connection is over. */
void finding_leave_trail(const struct finding_sight *s, enum finding_trail what);
/* The connection shows this kind, whoever it is about. */
bool finding_is_shown(const struct finding_sight *s, enum finding_kind kind);

/* ---- what its kinds share (finding_words.c) */

/* Adds to the text; adds a remedy. */
void finding_say(struct finding_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void finding_advise(struct finding_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An application that does nothing may not be able to. */
void finding_advise_to_look(struct finding_words *words);
#define FINDING_WHERE_MAX 96
/* "L3", "python3 (pid 12)", "192.0.2.1:80", "192.0.2.1": the subject as a sentence names it. */
const char *finding_where(const struct finding *f, char buf[static FINDING_WHERE_MAX]);
#define FINDING_TIME_MAX 32
/* "0.250 s" */
const char *finding_time(uint64_t ns, char buf[static FINDING_TIME_MAX]);
/* "s" where there are several. */
static inline const char *finding_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}
static inline const char *finding_have(uint64_t count)
{
    return count == 1 ? "has" : "have";
}
/* Its value here, as " (128 here)"; "" where it is not known. */
#define FINDING_HERE_MAX 64
const char *finding_here(const struct finding *f, enum sysctl sysctl, char buf[static FINDING_HERE_MAX]);
/* A setting that is a number; 0: not known. */
uint64_t finding_sysctl(const struct findings *f, enum sysctl sysctl);

/* An end as subject: the process that holds its socket, where that is known, else its host. */
struct finding_subject finding_end(const struct life *l, enum end end);
/* A host as subject, as the connection has it. */
struct finding_subject finding_host(const struct life *l, enum end end, bool port);

static inline void figure_max(uint64_t *figure, uint64_t value)
{
    if (value > *figure)
        *figure = value;
}

#endif
