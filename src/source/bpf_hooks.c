#include "bpf_hooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "tcplens/base/log.h"

/* libbpf explains itself at length; only who debugs tcplens wants to read it. */
static int on_message(enum libbpf_print_level level, const char *format, va_list args)
{
    if (level != LIBBPF_DEBUG)
        log_debugv(format, args);
    return 0;
}

void bpf_quiet(void)
{
    libbpf_set_print(on_message);
}

static bool has_tracepoint(const struct btf *btf, const char *name)
{
    char type[64];

    snprintf(type, sizeof(type), "btf_trace_%s", name);
    return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) >= 0;
}

bool bpf_reset_has_reason(const struct btf *btf)
{
    int id = btf__find_by_name_kind(btf, "btf_trace_tcp_send_reset", BTF_KIND_TYPEDEF);
    const struct btf_type *t;

    if (id < 0)
        return false;
    t = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type); /* typedef -> pointer */
    t = btf__type_by_id(btf, t->type);                               /* pointer -> prototype */
    return btf_is_func_proto(t) && btf_vlen(t) == 4;                 /* context, sk, skb, reason */
}

/* Some kernels keep programs that are not process 1's own from running while that runs, in the interrupts too that come
 * meanwhile, and do not count it. It shows in what they remember of a program. */
static bool runs_in_every_interrupt(const struct btf *btf)
{
    int id = btf__find_by_name_kind(btf, "bpf_prog_aux", BTF_KIND_STRUCT);
    const struct btf_type *t;
    const struct btf_member *m;

    if (id < 0)
        return true;
    t = btf__type_by_id(btf, (__u32)id);
    m = btf_members(t);
    for (unsigned i = 0; i < btf_vlen(t); i++)
        if (strcmp(btf__name_by_offset(btf, m[i].name_off), "init_private") == 0)
            return false;
    return true;
}

void bpf_read_reset_reasons(const struct btf *btf, struct bpf_decoder *decoder)
{
    static const char prefix[] = "SK_RST_REASON_";
    int id = btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM);
    const struct btf_type *t;
    const struct btf_enum *e;

    if (id < 0)
        return;
    t = btf__type_by_id(btf, (__u32)id);
    e = btf_enum(t);
    for (unsigned i = 0; i < btf_vlen(t); i++) {
        const char *name = btf__name_by_offset(btf, e[i].name_off);

        if (e[i].val >= 0 && e[i].val < BPF_RESET_REASONS_MAX && !strncmp(name, prefix, sizeof(prefix) - 1))
            decoder->reset_reasons[e[i].val] = name + sizeof(prefix) - 1;
    }
}

bool bpf_sees_timers(void)
{
    FILE *symbols = fopen("/proc/kallsyms", "re");
    unsigned long long address = 0;
    char line[512];

    /* hidden, all of them are 0; shown, few at the beginning are */
    for (int i = 0; symbols && !address && i < 1000 && fgets(line, sizeof(line), symbols); i++)
        address = strtoull(line, NULL, 16);
    if (symbols)
        fclose(symbols);
    return address;
}

int bpf_hooks(void (*each)(void *arg, const struct bpf_hook *hook), void *arg)
{
    static const char states[] = "the states of full sockets are not seen";
    static const char timers[] = BPF_WITHOUT_TIMERS;
    static const char refused[] = "what a listener refuses is not seen";
    static const struct {
        const char *name, *without;
    } hooks[] = {
        { "inet_sock_set_state", states },
        { "timer_start", timers },
        { "timer_cancel", timers },
        { "timer_expire_entry", timers },
        { "timer_expire_exit", timers },
        { "sys_exit", "accept() is not seen" },
        { "consume_skb", refused },
        { "kfree_skb", refused },
        { "tcp_retransmit_skb", "retransmissions are seen on the wire only" },
        { "tcp_send_reset", "resets sent are seen on the wire only" },
        { "tcp_receive_reset", "resets received are seen on the wire only" },
    };
    struct btf *btf;

    bpf_quiet();
    btf = btf__load_vmlinux_btf();
    if (!btf)
        return -ENOENT;
    for (unsigned i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
        each(arg, &(struct bpf_hook){ hooks[i].name, hooks[i].without, true, has_tracepoint(btf, hooks[i].name) });
    each(arg, &(struct bpf_hook){ "addresses of the timers' functions (CAP_SYSLOG, kernel.kptr_restrict)", timers,
                                  false, bpf_sees_timers() });
    each(arg, &(struct bpf_hook){
                  "reasons of resets sent",
                  "why one was sent is not told, and one that answers for no socket is seen on the wire only",
                  false,
                  bpf_reset_has_reason(btf),
              });
    each(arg, &(struct bpf_hook){
                  "programs run in every interrupt",
                  "what packets and timers bring about while process 1 runs is not seen, and not counted as lost",
                  false,
                  runs_in_every_interrupt(btf),
              });
    btf__free(btf);
    return 0;
}
