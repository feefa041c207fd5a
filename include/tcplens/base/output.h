/* Files that are written: what they hold of the network is their owner's alone. */
#ifndef TCPLENS_BASE_OUTPUT_H
#define TCPLENS_BASE_OUTPUT_H

#include <stdbool.h>

/* The file behind this descriptor is being read: it is not opened to be written, under whatever name. For whatever a program reads. */
void output_spare(int fd);
bool output_is_spared(const char *path);

/* Opens path to be written; flags: O_WRONLY or O_RDWR, with O_EXCL not one that is there already, with O_TRUNC emptied. A new
 * file is readable to its owner alone (0600), who under sudo(8) is the user that called it. A regular file is locked (flock(2))
 * for as long as it is open. Waits for who reads a FIFO. A descriptor; -EBUSY: another has it open so; -EDEADLK: it is spared;
 * -ECANCELED: asked to end meanwhile (stop.h); or -errno. */
int output_open(const char *path, int flags) __attribute__((warn_unused_result));
/* Locks standard output likewise, where it is a file. Two that append to one (`>>`) do not disturb each other. 0 or -EBUSY. */
int output_claim_standard(void) __attribute__((warn_unused_result));
/* Why it could not. */
const char *output_explain(int r);

#endif
