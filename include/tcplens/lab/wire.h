/* The wire between client and server: takes each frame at one side and gives it out at the other, after a while, out of turn,
 * or never, as rules say. It tells of each what became of it. */
#ifndef TCPLENS_LAB_WIRE_H
#define TCPLENS_LAB_WIRE_H

#include <stdint.h>

#include "tcplens/lab/wire_rules.h"

/* What is told of a frame. */
enum wire_word { WIRE_SENT, WIRE_LOST, WIRE_ARRIVED, WIRE_OVERRUN };
#define WIRE_SNAPLEN 256
struct wire_report {
    uint64_t realtime_ns; /* when it left its sender's interface, or went out to its receiver's; OVERRUN: was noticed */
    uint32_t flight; /* number of the frame, from 1; OVERRUN: how many frames nobody has seen, as they came too fast */
    uint8_t word;    /* enum wire_word */
    uint8_t from;    /* enum wire_side */
    uint16_t caplen;
    uint32_t len;
    uint8_t bytes[WIRE_SNAPLEN]; /* Ethernet */
};

/* Words to the wire while it runs, a byte each. */
enum wire_command { WIRE_COMMAND_CUT = 'c', WIRE_COMMAND_MEND = 'm' };

/* A packet socket on an interface of this network namespace; frames that leave by it are not seen. -errno. */
int wire_open(const char *interface) __attribute__((warn_unused_result));

/* Hands frames on until control is closed, at whose other end its words come from. sockets: one a side. Whole reports go to
 * reports, a pipe; they are waited for. 0 or -errno. */
int wire_run(struct wire_rules *rules, const int sockets[static WIRE_SIDES], int reports, int control)
    __attribute__((warn_unused_result));

#endif
