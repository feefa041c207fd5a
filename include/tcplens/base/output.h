/* Files that are written: what they hold of the network is their owner's alone. */
#ifndef TCPLENS_BASE_OUTPUT_H
#define TCPLENS_BASE_OUTPUT_H

/* Opens path to be written; flags: O_WRONLY or O_RDWR, with O_EXCL not one that is there already, which else is emptied. A new
 * file is readable to its owner alone (0600), who under sudo(8) is the user that called it. A descriptor or -errno. */
int output_open(const char *path, int flags) __attribute__((warn_unused_result));

#endif
