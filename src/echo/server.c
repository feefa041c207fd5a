/*
 * server.c - the command "server": options, and the table of models.
 */
#include "server_models.h"

#include "answer.h"
#include "command.h"
#include "options.h"
#include "socket.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DESCRIPTORS_MORE = 32 }; /* than connections */

struct server_model {
    const char *name;
    const char *description;
    int (*run)(const struct server_config *config);
};

#define MODEL(name, description) { #name, description, server_##name##_run },
static const struct server_model models[] = {
#include "models.def"
};
#undef MODEL
enum { MODEL_N = sizeof models / sizeof *models };

/* By enum fault; model: the one that can have it, NULL: all. */
struct fault_row {
    const char *name;
    const char *model;
    const char *description;
};

static const struct fault_row faults[] = {
    { "none", NULL, NULL },
#define FAULT(name, word, model, description) { word, model, description },
#include "faults.def"
#undef FAULT
};
enum { FAULT_N = sizeof faults / sizeof *faults };

static const char *const fault_words[] = {
    "none",
#define FAULT(name, word, model, description) word,
#include "faults.def"
#undef FAULT
    NULL,
};

#define AT(name) offsetof(struct server_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("model", "NAME", AT(model), "epoll", "how many clients are served; see below"),
    OPTION_ROW_TEXT("bind", "ADDR", AT(bind), ECHO_DEFAULT_HOST, "address to listen on; '::' is all, IPv4 too"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 0, 65535, ECHO_DEFAULT_PORT,
                      "port to listen on; 0 lets the kernel choose"),
    OPTION_ROW_NUMBER("backlog", "N", AT(backlog), 0, 65535, 16, "length of the accept queue"),
    OPTION_ROW_NUMBER("max-connections", "N", AT(max_connections), 1, 65536, 1024,
                      "further clients wait in that queue"),
    OPTION_ROW_TEXT("greeting", "TEXT", AT(greeting), NULL, "begin every line of the answer with TEXT"),
    OPTION_ROW_NUMBER("close-delay", "MS", AT(close_delay_ms), 0, 3600000, 0, "stay in CLOSE-WAIT for MS milliseconds"),
    OPTION_ROW_NUMBER("timeout", "MS", AT(timeout_ms), 0, 3600000, 0,
                      "close a connection without progress for MS milliseconds; 0: never"),
    OPTION_ROW_TAKEN("keepalive", OPTIONS_KEEPALIVE, AT(keepalive), options_take_keepalive,
                     "TCP keep-alive: seconds of silence, seconds between probes, how many"),
    OPTION_ROW_WORD("fault", "NAME", AT(fault), fault_words, "do wrong what servers are known to do wrong; see below"),
    OPTION_ROW_FLAG("edge", AT(edge), "epoll: be told of changes only, not of what is still so"),
    OPTION_ROW_FLAG("verbose", AT(verbose), "tell every step on standard output"),
};

static void print_models(void)
{
    printf("\nModels:\n");
    for (size_t i = 0; i < MODEL_N; i++)
        printf("  %-10s %s\n", models[i].name, models[i].description);
    printf("\nFaults:\n");
    for (size_t i = FAULT_NONE + 1; i < FAULT_N; i++)
        printf("  %-15s %s%s%s%s\n", faults[i].name, faults[i].description, faults[i].model ? " (model " : "",
               faults[i].model ? faults[i].model : "", faults[i].model ? ")" : "");
    printf("\nThe server ends on SIGTERM or SIGINT (Ctrl-C).\n");
}

static const struct command_options options = {
    .command = "server",
    .summary = "Answer every byte of every client with itself.",
    .table = OPTION_TABLE(rows),
    .print_more = print_models,
};

static const struct server_model *find_model(const char *name)
{
    for (size_t i = 0; i < MODEL_N; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

static int unknown_model(const char *name)
{
    const char *names[MODEL_N];
    char known[256] = "", hint[96];
    size_t length = 0;

    for (size_t i = 0; i < MODEL_N; i++) {
        names[i] = models[i].name;
        if (length < sizeof known)
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", names[i]);
    }
    return options_error("server", "unknown model '%s' (there is: %s)%s", name, known,
                         options_hint(name, names, MODEL_N, hint));
}

/* Is told, where the model cannot do that wrong. */
static int impossible_fault(const struct server_config *config)
{
    const struct fault_row *fault = &faults[config->fault];

    if (!fault->model || strcmp(fault->model, config->model) == 0)
        return STATUS_DONE;
    return options_error("server", "--fault %s: model '%s' cannot have it; '%s' can", fault->name, config->model,
                         fault->model);
}

/* Stands in for every model: the kernel alone deals with the clients. */
static int never_accept_run(const struct server_config *config)
{
    struct signalfd_siginfo signal_seen;
    int listener, signals;

    int r = server_open_signals(&signals);
    if (r < 0)
        return server_failed(-r, "open a signalfd");
    r = server_listen(config, &listener);
    if (r == 0) {
        struct pollfd at = { .fd = signals, .events = POLLIN };

        while (read(signals, &signal_seen, sizeof signal_seen) < 0)
            poll(&at, 1, -1);
        close(listener);
    }
    close(signals);
    return r;
}

int server_main(int argc, char **argv)
{
    struct server_config config = { .model = NULL };

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    const struct server_model *model = find_model(config.model);
    if (!model)
        return unknown_model(config.model);
    if (config.greeting && strlen(config.greeting) > ANSWER_GREETING_MAX)
        return options_error("server", "--greeting: longer than %d bytes", ANSWER_GREETING_MAX);

    int status = impossible_fault(&config);
    if (status != STATUS_DONE)
        return status;

    socket_raise_limit(config.max_connections + DESCRIPTORS_MORE);
    /* Writing to a client that is gone must be an error of that one write, not our death. */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, ECHO_COMM_SERVER);
    int r = config.fault == FAULT_NEVER_ACCEPT ? never_accept_run(&config) : model->run(&config);
    return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
