/* Why a view cannot be put beside the others: the nearest that there is to a connection in common. */
#include <stdio.h>

#include "whole.h"

/* From the least that is alike to the most. */
enum nearness { NOTHING_ALIKE, SAME_NUMBERS, SAME_ENDPOINTS, SAME_CONNECTION, NEARNESS_N };

struct near {
    enum nearness how;
    uint32_t view;
    const struct view_conn *mine, *other;
};

static bool has_same_endpoints(const struct view_conn *a, const struct view_conn *b)
{
    return (endpoint_equal(&a->at[0], &b->at[0]) && endpoint_equal(&a->at[1], &b->at[1])) ||
           (endpoint_equal(&a->at[0], &b->at[1]) && endpoint_equal(&a->at[1], &b->at[0]));
}

static bool has_same_numbers(const struct view_conn *a, const struct view_conn *b)
{
    return a->based[0] && a->based[1] && b->based[0] && b->based[1] && a->base[0] == b->base[0] &&
           a->base[1] == b->base[1];
}

static bool are_tied(const struct fleet *f, unsigned view, size_t conn, unsigned other_view, size_t other_conn)
{
    for (size_t i = 0; i < f->tie_count; i++) {
        bool has[2] = { 0 };

        for (size_t k = 0; k < f->ties[i].count; k++) {
            const struct account *a = &f->accounts[f->ties[i].first + k];

            has[0] |= a->view == view && a->conn == conn;
            has[1] |= a->view == other_view && a->conn == other_conn;
        }
        if (has[0])
            return has[1];
    }
    return false;
}

static enum nearness nearness_of(const struct fleet *f, unsigned view, size_t conn, unsigned other, size_t other_conn)
{
    const struct view_conn *a = &f->views[view].conns[conn], *b = &f->views[other].conns[other_conn];

    if (has_same_endpoints(a, b))
        return are_tied(f, view, conn, other, other_conn) ? SAME_CONNECTION : SAME_ENDPOINTS;
    return has_same_numbers(a, b) ? SAME_NUMBERS : NOTHING_ALIKE;
}

/* With a first few of each: files of many connections would take long, and say nothing else. */
#define LOOKED_AT 2000

static struct near nearest(const struct fleet *f, unsigned view)
{
    const struct view *v = &f->views[view];
    struct near found = { NOTHING_ALIKE, view, NULL, NULL };

    for (unsigned other = 0; other < f->view_count; other++)
        for (size_t i = 0; other != view && i < v->conn_count && i < LOOKED_AT; i++)
            for (size_t k = 0; k < f->views[other].conn_count && k < LOOKED_AT; k++) {
                const enum nearness how = nearness_of(f, view, i, other, k);

                if (how > found.how)
                    found = (struct near){ how, other, &v->conns[i], &f->views[other].conns[k] };
            }
    return found;
}

static const char *format_both(const struct view_conn *c, char buf[static 2 * ENDPOINT_TEXT_MAX + 4])
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    endpoint_format(&c->at[END_CLIENT], client);
    endpoint_format(&c->at[END_SERVER], server);
    snprintf(buf, 2 * ENDPOINT_TEXT_MAX + 4, "%s > %s", client, server);
    return buf;
}

/* What one has of a connection that another has too. */
static const char *directions_of(const struct view *v, const struct view_conn *c)
{
    bool seen[END_N] = { 0 };

    for (uint32_t i = 0; i < c->count; i++)
        seen[v->segs[v->order[c->begin + i]].from] = true;
    return seen[END_CLIENT] && seen[END_SERVER] ? "both directions"
           : seen[END_CLIENT]                   ? "what the client sends alone"
           : seen[END_SERVER]                   ? "what the server sends alone"
                                                : "no segments of it";
}

void fleet_explain_apart(const struct fleet *f, unsigned view, char error[static FLEET_ERROR_MAX])
{
    const struct view *v = &f->views[view];
    const struct near near = nearest(f, view);
    const struct view *other = &f->views[near.view];
    char mine[2 * ENDPOINT_TEXT_MAX + 4], theirs[2 * ENDPOINT_TEXT_MAX + 4];

    if (!v->seg_count || !v->conn_count) {
        snprintf(error, FLEET_ERROR_MAX, "%s has no %s: there is nothing to put beside the other files", v->name,
                 v->conn_count ? "segments" : "connections");
        return;
    }
    switch (near.how) {
    case SAME_CONNECTION:
        snprintf(error, FLEET_ERROR_MAX,
                 "%s and %s both have %s, and no segment of it in common: %s has %s, and %s has %s", v->name,
                 other->name, format_both(near.mine, mine), v->name, directions_of(v, near.mine), other->name,
                 directions_of(other, near.other));
        break;
    case SAME_ENDPOINTS:
        snprintf(error, FLEET_ERROR_MAX,
                 "%s and %s both have a connection %s, but of other sequence numbers%s: the ports were used twice, or "
                 "something between the hosts changes the numbers",
                 v->name, other->name, format_both(near.mine, mine),
                 near.mine->based[END_CLIENT] && near.other->based[END_CLIENT] ? ""
                                                                               : ", and one began before its capture");
        break;
    case SAME_NUMBERS:
        snprintf(error, FLEET_ERROR_MAX,
                 "%s has %s, and %s the same connection as %s: a NAT stands between them; capture on the same side of "
                 "it",
                 v->name, format_both(near.mine, mine), other->name, format_both(near.other, theirs));
        break;
    default:
        snprintf(error, FLEET_ERROR_MAX,
                 "%s has no connection in common with the other files: neither one with the same addresses and ports, "
                 "nor one with the same initial sequence numbers",
                 v->name);
    }
}
