#include "tcplens/trace/words.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const kind_names[] = {
#define KIND(id, word, member, says) [CHANGE_##id] = #word,
#include "tcplens/trace/kinds.def"
};

#define TABLE(list, count)                                                                                             \
    static const char *const list##_names[] = { WORDS_##list(WORD_NAME) };                                             \
    static_assert(sizeof(list##_names) / sizeof(list##_names[0]) == (count), #list " and its enum differ");
WORD_LISTS(TABLE)

/* A value outside of its enum is our bug, but not one worth reading past a table for. */
static inline const char *word_of(const char *const *names, unsigned count, unsigned value)
{
    return value < count ? names[value] : "unknown";
}

#define NAME(function, type, list, count)                                                                              \
    const char *function(type value)                                                                                   \
    {                                                                                                                  \
        return word_of(list##_names, count, (unsigned)value);                                                          \
    }
NAME(change_kind_name, enum change_kind, kind, CHANGE_KIND_N)
NAME(end_name, enum end, end, END_N)
NAME(how_name, enum how, how, HOW_N)
NAME(witness_name, enum witness, witness, WITNESS_N)
NAME(object_name, enum object, object, OBJECT_N)
NAME(timer_name, enum timer_name, timer_name, TIMER_NAME_N)
NAME(timer_why_name, enum timer_why, timer_why, TIMER_WHY_N)
NAME(queue_why_name, enum queue_why, queue_why, QUEUE_WHY_N)
NAME(segment_note_name, unsigned, segment_note, NOTE_N)
NAME(segment_flag_name, unsigned, segment_flag, FLAG_N)
NAME(verdict_name, enum verdict, verdict, VERDICT_N)
NAME(stall_name, enum stall, stall, STALL_N)
NAME(known_name, enum known, known, KNOWN_N)
NAME(icmp_error_name, enum icmp_error, icmp_error, ICMP_ERROR_N)
NAME(cause_name, enum cause, cause, CAUSE_N)
NAME(finding_name, enum finding_kind, finding_kind, FINDING_N)
NAME(severity_name, enum severity, severity, SEVERITY_N)
NAME(check_result_name, enum check_result, check_result, CHECK_RESULT_N)
NAME(clock_fit_name, enum clock_fit_kind, clock_fit, CLOCK_FIT_N)
NAME(end_reason_name, enum end_reason, end_reason, END_REASON_N)
NAME(beyond_name, enum beyond, beyond, BEYOND_N)
NAME(poll_event_name, unsigned, poll_event, POLL_EVENT_N)
NAME(datagram_checksum_name, enum datagram_checksum, datagram_checksum, DATAGRAM_CHECKSUM_N)
NAME(process_event_name, enum process_event, process_event, PROCESS_EVENT_N)
NAME(sysctl_name, enum sysctl, sysctl, SYSCTL_N)

bool change_counter_matters(const char *name)
{
    static const char *const names[] = {
        "TcpAttemptFails",
        "TcpEstabResets",
        "TcpRetransSegs",
        "TcpInErrs",
        "TcpInCsumErrors",
        "TcpExtSyncookiesSent",
        "TcpExtListenOverflows",
        "TcpExtListenDrops",
        "TcpExtTCPReqQFullDrop",
        "TcpExtTCPReqQFullDoCookies",
        "TcpExtTCPBacklogDrop",
        "TcpExtTCPAbortOnData",
        "TcpExtTCPAbortOnClose",
        "TcpExtTCPAbortOnTimeout",
        "TcpExtTCPAbortOnLinger",
        "TcpExtTCPTimeouts",
        "TcpExtTCPSpuriousRtxHostQueues",
        "TcpExtTCPZeroWindowDrop",
        "UdpNoPorts",
        "UdpInErrors",
        "UdpRcvbufErrors",
        "UdpSndbufErrors",
        "UdpInCsumErrors",
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum capture_magic capture_magic_of(const void *bytes)
{
    for (unsigned i = 0; i < MAGIC_N; i++)
        if (memcmp(bytes, capture_magic_names[i], CAPTURE_MAGIC_LEN) == 0)
            return (enum capture_magic)i;
    return MAGIC_N;
}

#define WORD_ROW(prefix, id, word, meaning) [prefix##_##id] = { word, meaning },
#define ROWS(list, count) static const struct word list##_rows[] = { WORDS_##list(WORD_ROW) };
WORD_LISTS(ROWS)

#define LIST(list, count) { #list, list##_rows, count },
const struct word_list word_lists[] = { WORD_LISTS(LIST) };
const unsigned word_list_count = sizeof(word_lists) / sizeof(*word_lists);

const char *standing_text(enum standing standing)
{
    return standing < STANDS_N ? standing_rows[standing].meaning : "";
}

int word_value(const struct word_list *list, const char *word)
{
    for (unsigned i = 0; i < list->count; i++)
        if (*list->words[i].word && strcmp(list->words[i].word, word) == 0)
            return (int)i;
    return -1;
}
