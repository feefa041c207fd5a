/* Who called the program by sudo(8). */
#ifndef TCPLENS_BASE_CALLER_H
#define TCPLENS_BASE_CALLER_H

/* A file that was made here is theirs. Of no other: that may be anybody's. Nothing happens without sudo. */
void caller_give(int fd);

#endif
