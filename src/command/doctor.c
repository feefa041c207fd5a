/* tcplens doctor: what works on this machine, and why the rest does not. Tries things rather than guessing from versions. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/confine.h"
#include "tcplens/base/host.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/rights.h"

/* detail: what is lost without it, and the remedy. */
static void tell(bool ok, const char *what, const char *detail)
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
          "the kernel witness does not recognise timers: SYN-SENT, the SYN queue, and after close() TIME-WAIT and the "
          "end of FIN-WAIT-2 are not seen",
          CAP_SYSLOG, true },
        { "CAP_NET_RAW", "no wire witness: packets are not seen; run as root, or setcap", CAP_NET_RAW, false },
        { "CAP_SYS_ADMIN", "only needed to enter another network namespace; --netns new uses a user namespace instead",
          CAP_SYS_ADMIN, false },
    };

    for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        bool held = has_capability(wanted[i].value), counts = !wanted[i].kernel || !in_user_namespace();

        tell(held && counts, wanted[i].name, held ? apart : wanted[i].without);
    }
}

/* A package can let the members of a group trace, and does so where that was asked for. */
static void group(void)
{
    const struct group *g = getgrnam(RIGHTS_ACCOUNT);
    struct stat st;

    if (geteuid() == 0 || !g)
        return;
    tell(stat("/proc/self/exe", &st) == 0 && st.st_gid == g->gr_gid && has_capability(CAP_BPF),
         "members of the group " RIGHTS_ACCOUNT " trace without root",
         "nobody asked for that here; README.Debian of the package says how");
}

/* Whether all that a good machine needs works. */
static bool probe_sources(void)
{
    bool good = true;

    for (size_t i = 0; i < source_count; i++)
        if (source_table[i]->probe && !source_table[i]->probe(tell))
            good = good && !source_table[i]->expected;
    return good;
}

static void probe_sinks(void)
{
    for (size_t i = 0; i < sink_count; i++)
        if (sink_table[i]->probe)
            sink_table[i]->probe(tell);
}

/* In a child: what is entered cannot be left. */
static int new_namespace(void)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        bool user;

        _exit(-netns_enter_new(&user));
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -ECHILD;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* What is left to who reads the network, on this machine (docs/security.md). None of it is needed to trace. */
static void confinement(void)
{
    tell(confine_is_possible(), "system calls can be limited to a list (seccomp)",
         "who reads the network has no capability, but every call; a kernel with CONFIG_SECCOMP_FILTER is needed");
    if (geteuid() != 0)
        return;
    tell(has_capability(CAP_SETUID) && has_capability(CAP_SETGID), "root's identity can be given up",
         "it goes on without capabilities, but keeps user, group or groups; CAP_SETUID and CAP_SETGID are needed");
    tell(rights_has_account(), "an account of its own: " RIGHTS_ACCOUNT,
         "it goes on as nobody (user 65534), whose other processes can end it; useradd --system " RIGHTS_ACCOUNT
         " makes one");
}

static int run(int argc, char *argv[])
{
    struct command_io io;
    struct utsname uts;
    bool good;
    int r, rest, status = command_parse(&command_doctor, OPTIONS_ANYWHERE, argc, argv, NULL, &io, &rest);

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (rest < argc)
        return command_usage_error("doctor", "'%s' is one word too many", argv[rest]);
    uname(&uts);
    printf("%s %s %s, user %u\n", uts.sysname, uts.release, uts.machine, geteuid());
    if (host_lacks_proc()) { /* what is tried would fail for that, and say something else */
        tell(false, "what the kernel shows of processes and of itself", host_lacks_proc());
        return EXIT_RIGHTS;
    }
    capabilities();
    group();
    good = probe_sources();
    probe_sinks();
    r = new_namespace();
    tell(r == 0, "network namespaces of its own (--netns new)", netns_new_explain(r));
    confinement();
    return good ? EXIT_DONE : EXIT_RIGHTS;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "say what works on this machine, and why the rest does not",
    .usage = "",
    .about = "Says what works on this machine: rights, kernel features, hooks, witnesses; and what\n"
             "is lost without those that are missing. Exit status 0 if both witnesses work here,\n"
             "3 if not.\n",
    .more = "Without root:\n"
            "  setcap cap_bpf,cap_perfmon,cap_syslog,cap_net_raw=ep $(command -v tcplens)\n"
            "Debian's package does that for a group: README.Debian there.\n",
    .run = run,
};
