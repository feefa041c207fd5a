/* tcplens completion: what a shell needs to complete the command line, made from the tables that the program itself reads. */
#include "tcplens/command/command.h"

#include <stdio.h>
#include <string.h>

static const struct option_row help_row = { .name = "help", .letter = 'h', .help = "print this" };

typedef void (*row_fn)(const struct command *command, const struct option_row *row);

static void each_row(const struct command *command, row_fn print)
{
    const struct option_table *tables[COMMAND_TABLES_MAX];
    const size_t n = command_tables(command, tables);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < tables[i]->count; j++)
            print(command, &tables[i]->rows[j]);
    print(command, &help_row);
}

static void each_command(void (*print)(const struct command *command))
{
    for (size_t i = 0; i < command_count; i++)
        print(command_table[i]);
}

/* Between single quotes; escaped: characters that the place gives a meaning, a backslash goes before each. */
static void put_quoted(const char *text, const char *escaped, const char *quote)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs(quote, stdout);
            continue;
        }
        if (strchr(escaped, *text))
            putchar('\\');
        putchar(*text);
    }
}

static void put_words(const struct option_row *row)
{
    for (const char *const *word = row->words; *word; word++)
        printf("%s%s", word == row->words ? "" : " ", *word);
}

/* ---- bash ---- */

static void bash_name(const struct command *command, const struct option_row *row)
{
    (void)command;
    printf(" --%s", row->name);
}

/* What follows an option that takes a value. */
static void bash_value(const struct command *command, const struct option_row *row)
{
    (void)command;
    if (!row->argument)
        return;
    printf("        --%s", row->name);
    if (row->letter)
        printf("|-%c", row->letter);
    fputs(") ", stdout);
    if (row->kind == OPTION_WORD) {
        fputs("COMPREPLY=($(compgen -W '", stdout);
        put_words(row);
        fputs("' -- \"$cur\"))", stdout);
    } else if (row->completion == COMPLETE_FILE) {
        fputs("COMPREPLY=($(compgen -f -- \"$cur\"))", stdout);
    } else if (row->completion == COMPLETE_INTERFACE) {
        fputs("COMPREPLY=($(compgen -W \"$(ls /sys/class/net 2>/dev/null)\" -- \"$cur\"))", stdout);
    } else if (row->completion == COMPLETE_PROCESS) {
        fputs("COMPREPLY=($(compgen -W \"$(ps -eo pid= 2>/dev/null)\" -- \"$cur\"))", stdout);
    } else if (row->completion == COMPLETE_NAMESPACE) {
        fputs("COMPREPLY=($(compgen -W \"new all $(ls /run/netns 2>/dev/null)\" -- \"$cur\"))", stdout);
    } else {
        fputs("COMPREPLY=()", stdout);
    }
    puts("; return ;;");
}

static void bash_command(const struct command *command)
{
    printf("    %s)\n        case $prev in\n", command->name);
    each_row(command, bash_value);
    fputs("        esac\n        names='", stdout);
    each_row(command, bash_name);
    printf("'\n        files=%d ;;\n", command->takes_files);
}

static void print_bash(void)
{
    puts("# Completion for bash: source it, or put it where bash-completion looks.\n"
         "_tcplens() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} names='' files=0\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        COMPREPLY=($(compgen -W '--help --version help", stdout);
    for (size_t i = 0; i < command_count; i++)
        printf(" %s", command_table[i]->name);
    puts("' -- \"$cur\")); return\n    fi\n    case ${COMP_WORDS[1]} in");
    each_command(bash_command);
    puts("    esac\n"
         "    if [ \"$files\" = 1 ] && [ \"${cur#-}\" = \"$cur\" ]; then\n"
         "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "    else\n"
         "        COMPREPLY=($(compgen -W \"$names\" -- \"$cur\"))\n"
         "    fi\n"
         "}\n"
         "complete -o filenames -F _tcplens tcplens");
}

/* ---- zsh ---- */

#define ZSH_QUOTE "'\\''"

static void zsh_spec(const struct option_row *row, const char *dashes, const char *name)
{
    printf("            '*%s%s[", dashes, name);
    put_quoted(row->help, "[]:\\", ZSH_QUOTE);
    putchar(']');
    if (row->argument) {
        putchar(':');
        put_quoted(row->argument, "[]:\\", ZSH_QUOTE);
        putchar(':');
        if (row->kind == OPTION_WORD) {
            putchar('(');
            put_words(row);
            putchar(')');
        } else if (row->completion == COMPLETE_FILE) {
            fputs("_files", stdout);
        } else if (row->completion == COMPLETE_INTERFACE) {
            fputs("_net_interfaces", stdout);
        } else if (row->completion == COMPLETE_PROCESS) {
            fputs("_pids", stdout);
        }
    }
    puts("' \\");
}

static void zsh_row(const struct command *command, const struct option_row *row)
{
    const char letter[2] = { row->letter, '\0' };

    (void)command;
    zsh_spec(row, "--", row->name);
    if (row->letter)
        zsh_spec(row, "-", letter);
}

static void zsh_command(const struct command *command)
{
    printf("    %s)\n        _arguments \\\n", command->name);
    each_row(command, zsh_row);
    printf("            '*:%s' ;;\n", command->takes_files ? "file:_files" : "word: ");
}

static void zsh_name(const struct command *command)
{
    printf("            '%s:", command->name);
    put_quoted(command->summary, ":\\", ZSH_QUOTE);
    puts("'");
}

static void print_zsh(void)
{
    puts("#compdef tcplens\n"
         "if (( CURRENT == 2 )); then\n"
         "    local -a commands=(");
    each_command(zsh_name);
    puts("    )\n"
         "    _describe command commands\n"
         "    return\n"
         "fi\n"
         "local command=$words[2]\n"
         "shift words\n"
         "(( CURRENT-- ))\n"
         "case $command in");
    each_command(zsh_command);
    puts("esac");
}

/* ---- fish ---- */

#define FISH_QUOTE "\\'"

static void fish_row(const struct command *command, const struct option_row *row)
{
    printf("complete -c tcplens -n '__fish_seen_subcommand_from %s' -l %s", command->name, row->name);
    if (row->letter)
        printf(" -s %c", row->letter);
    if (row->argument && row->completion == COMPLETE_FILE)
        fputs(" -r -F", stdout);
    else if (row->argument)
        fputs(" -x", stdout);
    if (row->kind == OPTION_WORD) {
        fputs(" -a '", stdout);
        put_words(row);
        putchar('\'');
    } else if (row->completion == COMPLETE_INTERFACE) {
        fputs(" -a '(__fish_print_interfaces)'", stdout);
    } else if (row->completion == COMPLETE_PROCESS) {
        fputs(" -a '(__fish_complete_pids)'", stdout);
    }
    fputs(" -d '", stdout);
    put_quoted(row->help, "\\", FISH_QUOTE);
    puts("'");
}

static void fish_command(const struct command *command)
{
    printf("complete -c tcplens -n __fish_use_subcommand -f -a %s -d '", command->name);
    put_quoted(command->summary, "\\", FISH_QUOTE);
    puts("'");
    if (!command->takes_files)
        printf("complete -c tcplens -n '__fish_seen_subcommand_from %s' -f\n", command->name);
    each_row(command, fish_row);
}

static void print_fish(void)
{
    puts("# Completion for fish.");
    each_command(fish_command);
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
#define SHELL_COUNT (sizeof(shells) / sizeof(*shells))

static int run(int argc, char *argv[])
{
    const char *names[SHELL_COUNT];
    struct command_io io;
    char hint[96];
    int rest, status = command_parse(&command_completion, OPTIONS_ANYWHERE, argc, argv, NULL, &io, &rest);

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (rest == argc)
        return command_usage_error("completion", "for which shell: bash, zsh or fish?");
    if (rest + 1 < argc)
        return command_usage_error("completion", "'%s' is one word too many", argv[rest + 1]);
    for (size_t i = 0; i < SHELL_COUNT; i++) {
        names[i] = shells[i].name;
        if (strcmp(argv[rest], shells[i].name) == 0) {
            shells[i].print();
            return EXIT_DONE;
        }
    }
    return command_usage_error("completion", "there is one for bash, zsh and fish, not '%.100s'%s", argv[rest],
                               options_hint(argv[rest], names, SHELL_COUNT, hint));
}

const struct command command_completion = {
    .name = "completion",
    .summary = "print what a shell needs to complete the command line",
    .usage = "bash|zsh|fish",
    .about = "Prints a completion script. For bash, in this shell only:\n"
             "  source <(tcplens completion bash)\n",
    .run = run,
};
