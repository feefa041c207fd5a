/* One line a connection, as `tshark -z conv,tcp` has it, with what only a state machine knows: where both ends were left
 * and how it ended. */
#include "tcplens/timeline.h"

#include <stdio.h>

size_t summary_header(char buf[static TIMELINE_LINE_MAX])
{
    return (size_t)snprintf(buf, TIMELINE_LINE_MAX, "%6s %-24s %-24s %7s %10s %7s %10s %12s %-7s %-12s %-12s %s\n",
                            "conn", "client", "server", "segs >", "bytes >", "segs <", "bytes <", "duration", "zeek",
                            "client", "server", "verdict");
}

size_t summary_format(const struct change *c, char buf[static TIMELINE_LINE_MAX])
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    if (c->kind != CHANGE_OUTCOME)
        return 0;
    return (size_t)snprintf(
        buf, TIMELINE_LINE_MAX, "%6u %-24s %-24s %7llu %10llu %7llu %10llu %5llu.%06llu %-7s %-12s %-12s %s\n", c->conn,
        endpoint_format(&c->outcome.endpoints[END_CLIENT], client),
        endpoint_format(&c->outcome.endpoints[END_SERVER], server), (unsigned long long)c->outcome.segments[END_CLIENT],
        (unsigned long long)c->outcome.bytes[END_CLIENT], (unsigned long long)c->outcome.segments[END_SERVER],
        (unsigned long long)c->outcome.bytes[END_SERVER], (unsigned long long)(c->outcome.duration_ns / 1000000000),
        (unsigned long long)(c->outcome.duration_ns / 1000 % 1000000), c->outcome.conn_state,
        tcp_state_name(c->outcome.final[END_CLIENT]), tcp_state_name(c->outcome.final[END_SERVER]),
        verdict_name(c->outcome.verdict));
}
