/* tcplens fsm: the transition table as the program itself executes it, for documents and for the viewer's tests. */
#include "tcplens/command/command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tcplens/tcp/fsm.h"

typedef void (*edge_fn)(enum tcp_state from, enum tcp_input input, const struct tcp_edge *edge, bool first);

/* Two inputs of a state can take the same edge of the figure. */
static bool was_drawn(enum tcp_state from, enum tcp_input input)
{
    const struct tcp_edge *edge = tcp_fsm_cell(from, input), *other;

    for (unsigned i = 0; i < input; i++) {
        other = tcp_fsm_cell(from, i);
        if (other->to == edge->to && other->label && !strcmp(other->label, edge->label))
            return true;
    }
    return false;
}

/* figure: the edges of the RFC's figure, each once; else every cell. */
static void each_edge(edge_fn print, bool figure)
{
    bool first = true;

    for (unsigned from = 0; from < TCP_STATE_N; from++) {
        for (unsigned input = 0; input < TCP_INPUT_N; input++) {
            const struct tcp_edge *edge = tcp_fsm_cell(from, input);

            if (edge->to == TCP_STATE_UNKNOWN || (figure && (!edge->label || was_drawn(from, input))))
                continue;
            print(from, input, edge, first);
            first = false;
        }
    }
}

/* None of the names and labels holds a character that JSON, DOT or Mermaid would have escaped. */
static void json_edge(enum tcp_state from, enum tcp_input input, const struct tcp_edge *edge, bool first)
{
    printf("%s\n  {\"from\":\"%s\",\"input\":\"%s\",\"to\":\"%s\"", first ? "" : ",", tcp_state_name(from),
           tcp_input_name(input), tcp_state_name(edge->to));
    if (edge->label)
        printf(",\"rfc\":\"%s\"", edge->label);
    putchar('}');
}

static void dot_edge(enum tcp_state from, enum tcp_input input, const struct tcp_edge *edge, bool first)
{
    (void)input, (void)first;
    printf("  \"%s\" -> \"%s\" [label=\"%s\"];\n", tcp_state_name(from), tcp_state_name(edge->to), edge->label);
}

/* A name of Mermaid's holds no '-'; what is shown may. */
static const char *mermaid_id(enum tcp_state state, char id[static 16])
{
    snprintf(id, 16, "%s", tcp_state_name(state));
    for (char *c = id; *c; c++)
        if (*c == '-')
            *c = '_';
    return id;
}

static void mermaid_states(void)
{
    char id[16];

    for (unsigned i = 0; i < TCP_STATE_N; i++)
        if (i != TCP_STATE_UNKNOWN)
            printf("  state \"%s\" as %s\n", tcp_state_name(i), mermaid_id(i, id));
}

static void mermaid_edge(enum tcp_state from, enum tcp_input input, const struct tcp_edge *edge, bool first)
{
    char id[2][16];

    (void)input, (void)first;
    printf("  %s --> %s: %s\n", mermaid_id(from, id[0]), mermaid_id(edge->to, id[1]), edge->label);
}

struct fsm_options {
    bool json, dot, mermaid;
};

static const struct option_row rows[] = {
    { .name = "json",
      .help = "every cell, also those the RFC's figure leaves out",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct fsm_options, json) },
    { .name = "dot",
      .help = "the figure's edges for Graphviz",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct fsm_options, dot) },
    { .name = "mermaid",
      .help = "the figure's edges for Mermaid",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct fsm_options, mermaid) },
};
static const struct option_table table = OPTION_TABLE(rows);

static void print_json(void)
{
    fputs("[", stdout);
    each_edge(json_edge, false);
    puts("\n]");
}

static void print_dot(void)
{
    puts("digraph tcp {");
    each_edge(dot_edge, true);
    puts("}");
}

static void print_mermaid(void)
{
    puts("stateDiagram-v2");
    mermaid_states();
    each_edge(mermaid_edge, true);
}

static int run(int argc, char *argv[])
{
    struct fsm_options o;
    struct command_io io;
    int rest, status = command_parse(&command_fsm, OPTIONS_ANYWHERE, argc, argv, &o, &io, &rest);

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (rest < argc)
        return command_usage_error("fsm", "'%s' is one word too many", argv[rest]);
    if (o.json + o.dot + o.mermaid > 1)
        return command_usage_error("fsm", "one format at a time");
    if (o.json)
        print_json();
    else if (o.dot)
        print_dot();
    else if (o.mermaid)
        print_mermaid();
    else
        return command_usage_error("fsm", "which format: --json, --dot or --mermaid?");
    return EXIT_DONE;
}

const struct command command_fsm = {
    .name = "fsm",
    .summary = "print TCP's transition table",
    .usage = "--json|--dot|--mermaid",
    .about = "Prints the transition table of RFC 9293 as tcplens executes it.\n",
    .options = &table,
    .run = run,
};
