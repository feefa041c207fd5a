#include "bpf_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "tcplens/base/netns.h"

/* What iterators wrote. */
struct listing {
    int link;
    struct tcplens_event *items;
    size_t count, room;
};

static int grow(struct listing *l)
{
    size_t room = l->room ? l->room * 2 : 64;
    struct tcplens_event *larger = realloc(l->items, room * sizeof(*larger));

    if (!larger)
        return -ENOMEM;
    l->items = larger;
    l->room = room;
    return 0;
}

/* Appends what the iterator lists in the namespace this process is in. */
static int list(void *arg)
{
    struct listing *l = arg;
    int fd = bpf_iter_create(l->link), r = 0;
    size_t part = 0; /* of an item that was read so far */
    ssize_t n = 1;

    if (fd < 0)
        return -errno;
    while (n != 0 && r == 0) {
        if (l->count == l->room)
            r = grow(l);
        if (r < 0)
            break;
        n = read(fd, (char *)(l->items + l->count) + part, (l->room - l->count) * sizeof(*l->items) - part);
        if (n > 0) {
            l->count += (part + (size_t)n) / sizeof(*l->items);
            part = (part + (size_t)n) % sizeof(*l->items);
        } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
            r = -errno;
        }
    }
    close(fd);
    return r;
}

/* A socket that several processes hold is put down to the one of the lowest id: of a server and its workers, the server. */
static int compare_owners(const void *a, const void *b)
{
    const struct tcplens_event *x = a, *y = b;

    return x->cookie != y->cookie ? (x->cookie > y->cookie) - (x->cookie < y->cookie)
                                  : (x->pid > y->pid) - (x->pid < y->pid);
}

static void sort_owners(struct listing *owners)
{
    size_t kept = 0;

    if (owners->count)
        qsort(owners->items, owners->count, sizeof(*owners->items), compare_owners);
    for (size_t i = 0; i < owners->count; i++)
        if (!kept || owners->items[kept - 1].cookie != owners->items[i].cookie)
            owners->items[kept++] = owners->items[i];
    owners->count = kept;
}

static int compare_cookies(const void *a, const void *b)
{
    const struct tcplens_event *x = a, *y = b;

    return (x->cookie > y->cookie) - (x->cookie < y->cookie);
}

static void set_owner(struct tcplens_event *e, const struct listing *owners)
{
    const struct tcplens_event *owner = NULL;

    if (e->cookie && owners->count)
        owner = bsearch(e, owners->items, owners->count, sizeof(*owners->items), compare_cookies);
    if (!owner)
        return;
    e->in_task = 1;
    e->pid = owner->pid;
    e->tid = owner->tid;
    memcpy(e->comm, owner->comm, sizeof(e->comm));
}

int bpf_list(int link, void (*each)(void *arg, const struct tcplens_event *event), void *arg)
{
    struct listing l = { .link = link };
    const int r = list(&l);

    for (size_t i = 0; i < l.count; i++)
        each(arg, &l.items[i]);
    free(l.items);
    return r;
}

int bpf_snapshot(int owners_link, int objects_link, bool all_netns,
                 void (*each)(void *arg, const struct tcplens_event *event), void *arg)
{
    struct listing owners = { .link = owners_link }, objects = { .link = objects_link };
    int r = list(&owners); /* of all processes, whatever their namespace */

    if (r == 0)
        r = all_netns ? netns_each(list, &objects) : list(&objects);
    sort_owners(&owners);
    for (size_t i = 0; r == 0 && i < objects.count; i++) {
        set_owner(&objects.items[i], &owners);
        each(arg, &objects.items[i]);
    }
    free(owners.items);
    free(objects.items);
    return r;
}

int bpf_survey_begin(struct bpf_survey *v, int link)
{
    v->fd = bpf_iter_create(link);
    v->is = v->fd >= 0;
    v->part = 0;
    return v->is ? 0 : -errno;
}

void bpf_survey_end(struct bpf_survey *v)
{
    if (v->is)
        close(v->fd);
    v->is = false;
}

int bpf_survey_read(struct bpf_survey *v, void (*each)(void *arg, const struct tcplens_event *event), void *arg)
{
    const ssize_t n = read(v->fd, (char *)v->items + v->part, sizeof(v->items) - v->part);
    size_t count;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 1;
    if (n <= 0) {
        const int r = n < 0 ? -errno : 0;

        bpf_survey_end(v);
        return r;
    }
    count = (v->part + (size_t)n) / sizeof(*v->items);
    v->part = (v->part + (size_t)n) % sizeof(*v->items);
    for (size_t i = 0; i < count; i++)
        each(arg, &v->items[i]);
    memmove(v->items, v->items + count, v->part);
    return 1;
}
