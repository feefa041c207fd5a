/* What few packets come to. The compiler keeps such a function, and the way to it, apart from what all packets go through: that
 * is as much code as a processor's first cache of instructions holds, and what is fetched beside it has to make way for it. */
#ifndef TCPLENS_BASE_RARE_H
#define TCPLENS_BASE_RARE_H

#define RARE __attribute__((cold))

#endif
