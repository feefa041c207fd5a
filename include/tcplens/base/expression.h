/* What connections a trace is about, in the language of pcap-filter(7), which libpcap compiles: `port 443 and not net
 * 10.0.0.0/8`. It is asked of a connection's endpoints: a connection matches where a packet of it would, in either direction.
 * What only a packet has (flags, length, the link it came over) cannot be asked for. */
#ifndef TCPLENS_BASE_EXPRESSION_H
#define TCPLENS_BASE_EXPRESSION_H

#include <stdbool.h>

#include "tcplens/base/filter.h"

#define EXPRESSION_ERROR_MAX 512

struct expression;

/* Names of hosts and services are looked up here, and never again. text is borrowed. 0 or -errno with one line in error. */
int expression_new(const char *text, struct expression **ret_expression, char error[static EXPRESSION_ERROR_MAX])
    __attribute__((warn_unused_result));
/* NULL is fine; returns NULL. */
struct expression *expression_free(struct expression *expression);

/* Narrows a filter that lets all ports, or all hosts, pass by what no match is without: that can be asked in the kernel. */
void expression_narrow(const struct expression *expression, struct filter *filter);

/* datagram: UDP, else TCP. A remote port of 0 stands for any peer, as of a listener: true if there could be one that matches. */
bool expression_wants(const struct expression *expression, bool datagram, const struct endpoint *local,
                      const struct endpoint *remote);
/* It names UDP, which is traced only where that was asked for. */
bool expression_names_udp(const struct expression *expression);

#endif
