/* tcplens doctor: what works on this machine, and why the rest does not. Tries things rather than guessing from versions. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/netns.h"
#include "tcplens/source/bpf.h"
#include "tcplens/source/diag.h"
#include "tcplens/source/pcap.h"

/* detail: what is lost without it, and the remedy. */
static void line(bool ok, const char *what, const char *detail)
{
    printf("%-8s %s", ok ? "ok" : "missing", what);
    if (!ok && detail && *detail)
        printf(": %s", detail);
    putchar('\n');
}

static bool has_capability(cap_value_t value)
{
    cap_flag_value_t flag = CAP_CLEAR;
    cap_t caps = cap_get_proc();

    if (!caps)
        return false;
    if (cap_get_flag(caps, value, CAP_EFFECTIVE, &flag) < 0)
        flag = CAP_CLEAR;
    cap_free(caps);
    return flag == CAP_SET;
}

/* There capabilities count for what belongs to the namespace, and the kernel does not (user_namespaces(7)). */
static bool in_user_namespace(void)
{
    const ino_t first = 0xeffffffd; /* of all user namespaces: PROC_USER_INIT_INO (linux/proc_ns.h) */
    struct stat st;

    return stat("/proc/self/ns/user", &st) == 0 && st.st_ino != first;
}

static void capabilities(void)
{
    static const char apart[] = "held, but in a user namespace, outside of which it does not count: the kernel witness "
                                "needs it outside";
    static const struct {
        const char *name, *without;
        cap_value_t value;
        bool kernel;
    } wanted[] = {
        { "CAP_BPF", "no kernel witness: states, owners and queues are not seen; run as root, or setcap", CAP_BPF,
          true },
        { "CAP_PERFMON", "no kernel witness: states, owners and queues are not seen; run as root, or setcap",
          CAP_PERFMON, true },
        { "CAP_SYSLOG",
          "the kernel witness does not recognise timers: SYN-SENT, the SYN queue and TIME-WAIT are not seen",
          CAP_SYSLOG, true },
        { "CAP_NET_RAW", "no wire witness: packets are not seen; run as root, or setcap", CAP_NET_RAW, false },
        { "CAP_SYS_ADMIN", "only needed to enter another network namespace; --netns new uses a user namespace instead",
          CAP_SYS_ADMIN, false },
    };

    for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        bool held = has_capability(wanted[i].value), counts = !wanted[i].kernel || !in_user_namespace();

        line(held && counts, wanted[i].name, held ? apart : wanted[i].without);
    }
}

static void on_hook(void *arg, const struct source_bpf_hook *hook)
{
    char what[96];

    (void)arg;
    snprintf(what, sizeof(what), "%s%s", hook->tracepoint ? "hook " : "", hook->name);
    line(hook->found, what, hook->without);
}

static bool kernel_witness(void)
{
    const struct source_bpf_config config = { .netns = 0 };
    struct trace_clock clock;
    struct source_bpf *bpf;
    int r;

    trace_clock_init(&clock);
    r = source_bpf_hooks(on_hook, NULL);
    line(r == 0, "type information of the kernel (/sys/kernel/btf/vmlinux)",
         "no kernel witness; a kernel with CONFIG_DEBUG_INFO_BTF is needed");
    r = source_bpf_open(&config, &clock, &bpf);
    line(r == 0, "kernel witness: the eBPF program loads and attaches",
         r == -EPERM || r == -EACCES ? "needs root, or CAP_BPF and CAP_PERFMON"
         : r == -ENOENT              ? "needs the type information above"
                                     : strerror(-r));
    if (r == 0)
        source_bpf_close(bpf);
    return r == 0;
}

/* What stands in for the kernel witness. */
static void sampled_witness(void)
{
    const struct source_diag_config config = { .socket_max = 0 };
    struct trace_clock clock;
    struct source_diag *diag;
    int r;

    trace_clock_init(&clock);
    r = source_diag_open(&config, &clock, &diag);
    line(r == 0, "sampled witness: the table of sockets can be read (diag; needs no right)",
         r == -ENOENT ? "nothing stands in for the kernel witness; this kernel has no inet_diag (module tcp_diag)"
                      : strerror(-r));
    if (r == 0)
        source_diag_close(diag);
}

static bool wire_witness(void)
{
    const struct source_pcap_config config = { .interface_count = 0 };
    char error[SOURCE_PCAP_ERROR_MAX] = "";
    struct trace_clock clock;
    struct source_pcap *pcap;
    int r;

    trace_clock_init(&clock);
    r = source_pcap_open_live(&config, &clock, &pcap, error);
    line(r == 0, "wire witness: libpcap captures on all interfaces", error);
    if (r == 0)
        source_pcap_close(pcap);
    return r == 0;
}

/* In a child: what is entered cannot be left. */
static bool new_namespace(void)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        bool user;

        _exit(netns_enter_new(&user) < 0 ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int help(void)
{
    puts(
        "usage: tcplens doctor\n"
        "Says what works on this machine: rights, kernel features, hooks, witnesses; and what is lost without those that\n"
        "are missing. Exit status 0 if both witnesses work here, 3 if not.\n\n"
        "  -h, --help  print this\n\n"
        "Without root: setcap cap_bpf,cap_perfmon,cap_syslog,cap_net_raw=ep $(command -v tcplens)");
    return EXIT_DONE;
}

int command_doctor(int argc, char *argv[])
{
    static const struct option options[] = { { "help", no_argument, NULL, 'h' }, {} };
    struct utsname uts;
    bool kernel, wire;
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h')
            return help();
        return command_option_error("doctor", c, argv);
    }
    if (optind < argc)
        return command_usage_error("doctor", "'%s' is one word too many", argv[optind]);
    uname(&uts);
    printf("%s %s %s, user %u\n", uts.sysname, uts.release, uts.machine, geteuid());
    capabilities();
    kernel = kernel_witness();
    sampled_witness();
    wire = wire_witness();
    line(new_namespace(), "network namespaces of its own (--netns new)",
         "user namespaces are not allowed here: sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces");
    return kernel && wire ? EXIT_DONE : EXIT_RIGHTS;
}
