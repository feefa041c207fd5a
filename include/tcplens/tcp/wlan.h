/* IEEE 802.11 frames, and what captures put before them. */
#ifndef TCPLENS_TCP_WLAN_H
#define TCPLENS_TCP_WLAN_H

#include "tcplens/tcp/walk.h"

/* Leaves the walk at LLC. False, with w->skip: the frame carries none that can be read. padded: the header is filled up to a
 * multiple of 4 bytes. */
bool wlan_header(struct walk *w, bool padded);

/* Each leaves the walk at the frame. */
void wlan_radiotap(struct walk *w, bool *ret_padded);
void wlan_avs_or_prism(struct walk *w);

#endif
