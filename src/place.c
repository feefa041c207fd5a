#include "tcplens/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tcplens/base/addresses.h"
#include "tcplens/base/counters.h"
#include "tcplens/base/host.h"

#define ADDRESSES_AGE_NS 1000000000ull
#define CLOCK_NOISE_NS 1000000

#define KERNEL_MAX (3 * sizeof(((struct utsname *)0)->release) + 2)

struct place {
    const struct trace_clock *clock;
    struct host host;
    char kernel[KERNEL_MAX];
    char sysctl_text[SYSCTL_N][32];
    const char *sysctl[SYSCTL_N]; /* NULL: not shown here */
    int address_sockets[NETNS_SCOPE_MAX];
    unsigned address_socket_count;
    struct addr *addresses;
    size_t address_count;
    uint64_t addresses_ns;    /* when they were read */
    struct counters counters; /* of the namespace, as the trace began; none: they are not told */
    struct counters_files counters_files;
};

static void read_sysctls(struct place *p)
{
    for (unsigned i = 0; i < SYSCTL_N; i++) /* global ones are not shown inside a namespace */
        if (netns_sysctl(sysctl_name(i), p->sysctl_text[i], sizeof(p->sysctl_text[i])) == 0)
            p->sysctl[i] = p->sysctl_text[i];
}

static void read_kernel(struct place *p)
{
    struct utsname uts;

    uname(&uts);
    snprintf(p->kernel, sizeof(p->kernel), "%s %s %s", uts.sysname, uts.release, uts.machine);
}

static int open_address_sockets(struct place *p, const struct netns_scope *scope)
{
    const unsigned count = scope ? scope->count : 1;
    int r = 0;

    for (unsigned i = 0; i < count && r >= 0; i++) {
        r = scope ? netns_enter_held(&scope->in[i]) : 0;
        if (r == 0)
            r = addresses_open();
        if (r >= 0)
            p->address_sockets[p->address_socket_count++] = r;
    }
    return r < 0 ? r : 0;
}

static int read_addresses(struct place *p)
{
    struct addr *addresses = NULL;
    size_t count = 0;
    int r = 0;

    for (unsigned i = 0; i < p->address_socket_count && r == 0; i++)
        r = addresses_add(p->address_sockets[i], &addresses, &count);
    if (r < 0) {
        free(addresses);
        return r;
    }
    free(p->addresses);
    p->addresses = addresses;
    p->address_count = count;
    p->addresses_ns = trace_clock_now(p->clock);
    return 0;
}

int place_open(const struct trace_clock *clock, const struct netns_scope *scope, bool counters,
               struct place **ret_place)
{
    struct place *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    p->clock = clock;
    p->counters_files = (struct counters_files){ .fd = { -1, -1, -1 } };
    read_sysctls(p);
    host_read(&p->host);
    read_kernel(p);
    r = open_address_sockets(p, scope);
    if (r == 0)
        r = read_addresses(p);
    if (r < 0) {
        place_close(p);
        return r;
    }
    if (counters && (counters_open(&p->counters_files) < 0 || counters_read(&p->counters_files, &p->counters) < 0))
        p->counters.count = 0;
    *ret_place = p;
    return 0;
}

struct place *place_close(struct place *p)
{
    if (!p)
        return NULL;
    for (unsigned i = 0; i < p->address_socket_count; i++)
        close(p->address_sockets[i]);
    counters_close(&p->counters_files);
    free(p->addresses);
    free(p);
    return NULL;
}

bool place_refresh(struct place *p, uint64_t now_ns)
{
    return now_ns - p->addresses_ns >= ADDRESSES_AGE_NS && read_addresses(p) == 0;
}

const struct addr *place_addresses(const struct place *p, size_t *ret_count)
{
    *ret_count = p->address_count;
    return p->addresses;
}

bool place_has(const struct place *p, const struct addr *addr)
{
    static const uint8_t none[4];
    const struct addr any = addr_from_ipv4(none);

    for (size_t i = 0; i < p->address_count; i++)
        if (addr_equal(&p->addresses[i], addr))
            return true;
    return addr_is_loopback(addr) || addr_is_unspecified(addr) || addr_equal(addr, &any);
}

const char *const *place_sysctl(const struct place *p)
{
    return p->sysctl;
}

void place_describe(const struct place *p, struct trace_header *header)
{
    header->kernel = p->kernel;
    header->host = p->host;
    for (unsigned i = 0; i < SYSCTL_N; i++) {
        if (!p->sysctl[i])
            continue;
        header->sysctl[header->sysctl_count].name = sysctl_name(i);
        memcpy(header->sysctl[header->sysctl_count++].value, p->sysctl[i], sizeof(header->sysctl[0].value));
    }
}

void place_describe_end(const struct place *p, struct trace_end *end)
{
    end->clock.set = p->clock->step_count;
    end->clock.suspended_ns = trace_clock_slept(p->clock);
    end->clock.set_by_ns = trace_clock_set_by(p->clock);
    /* that the machine slept shows as a setting too: by that, and by no more */
    if (end->clock.set == 1 && end->clock.suspended_ns && end->clock.set_by_ns < CLOCK_NOISE_NS &&
        end->clock.set_by_ns > -CLOCK_NOISE_NS)
        end->clock.set = 0;
}

void place_tell_counters(const struct place *p, event_fn tell, void *arg)
{
    const uint64_t now_ns = trace_clock_now(p->clock);
    struct counters now;

    if (!p->counters.count || counters_read(&p->counters_files, &now) < 0)
        return;
    for (unsigned i = 0; i < now.count; i++) {
        const struct counter *was = counters_find(&p->counters, now.items[i].name);
        const int64_t delta = was ? now.items[i].value - was->value : 0;

        if (delta || change_counter_matters(now.items[i].name))
            tell(arg, &(struct event){
                          .kind = EVENT_COUNTER,
                          .source = WITNESS_KERNEL,
                          .ts_ns = now_ns,
                          .counter = { .name = now.items[i].name, .value = now.items[i].value, .delta = delta } });
    }
}
