/* What this kernel has for the kernel witness, by its type information: found by looking, not by its version. */
#ifndef TCPLENS_SOURCE_BPF_HOOKS_H
#define TCPLENS_SOURCE_BPF_HOOKS_H

#include <stdbool.h>

#include "bpf_decode.h"

struct btf;

/* A hook of the kernel witness, or what else it needs of a kernel: whether it is there, and what is not seen without. */
struct bpf_hook {
    const char *name, *without;
    bool tracepoint, found;
};

/* Names all of them. 0, or -ENOENT where this kernel shows no type information, and nothing can be said. */
int bpf_hooks(void (*each)(void *arg, const struct bpf_hook *hook), void *arg);

/* What the timers of connections tell. A socket that is closed enters FIN-WAIT-2 as itself, and leaves it as a minisock. */
#define BPF_WITHOUT_TIMERS "SYN-SENT, the SYN queue, and after close() TIME-WAIT and the end of FIN-WAIT-2 are not seen"

/* Whether the kernel shows the addresses of its functions: without them those timers are not recognised. Needs CAP_SYSLOG
 * (kptr_restrict). */
bool bpf_sees_timers(void);

/* What libbpf says of itself goes to who debugs. */
void bpf_quiet(void);
/* tcp_send_reset got a third argument, the reason, in Linux 6.10. */
bool bpf_reset_has_reason(const struct btf *btf);
/* The names of those reasons, as this kernel numbers them: they are btf's, and are used as long as it is. */
void bpf_read_reset_reasons(const struct btf *btf, struct bpf_decoder *decoder);

#endif
