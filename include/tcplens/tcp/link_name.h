/* Link types of captures, by libpcap's names. */
#ifndef TCPLENS_TCP_LINK_NAME_H
#define TCPLENS_TCP_LINK_NAME_H

/* What libpcap calls a link type, as pcap_datalink_val_to_name(); NULL: nothing. */
const char *link_name(int dlt);

#endif
