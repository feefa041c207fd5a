/* tcplens completion: what a shell needs to complete the command line, made from the tables that the program itself reads. */
#include "tcplens/command/command.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What an expression is made of (base/expression.h): it stands before the "--" of a command. */
#define EXPRESSION_WORDS "host net port portrange src dst tcp and or not"

static const struct option_row help_row = { .name = "help", .letter = 'h', .help = "print this" };

typedef void (*row_fn)(const struct command *command, const struct option_row *row);

static bool is_file(const struct option_row *row)
{
    return row->completion == COMPLETE_FILE || row->completion == COMPLETE_OUTPUT;
}

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

/* Of "new|NAME|PID|all" what is to be typed as it stands: capitals stand for something. */
static void put_literals(const struct option_row *row)
{
    const char *between = "";

    assert(row->argument); /* what is completed is an argument */
    for (const char *at = row->argument; *at; at += strspn(at, "|")) {
        const size_t len = strcspn(at, "|");

        if (strcspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= len) {
            printf("%s%.*s", between, (int)len, at);
            between = " ";
        }
        at += len;
    }
}

static void put_sources(void)
{
    const char *between = "";

    for (size_t i = 0; i < source_count; i++) {
        if (!source_table[i]->live)
            continue;
        printf("%s%s", between, source_table[i]->name);
        between = " ";
    }
}

static void put_commands(void)
{
    for (size_t i = 0; i < command_count; i++)
        printf("%s%s", i == 0 ? "" : " ", command_table[i]->name);
}

static void put_shells(void);

/* ---- bash ---- */

static void bash_name(const struct command *command, const struct option_row *row)
{
    (void)command;
    printf(" --%s", row->name);
}

static void bash_valued(const struct command *command, const struct option_row *row)
{
    (void)command;
    if (!row->argument)
        return;
    printf("--%s ", row->name);
    if (row->letter)
        printf("-%c ", row->letter);
}

/* What follows an option that takes a value. Between single quotes, as compgen expands the words itself: what a command
 * prints is not to be expanded again. */
static void bash_value(const struct command *command, const struct option_row *row)
{
    if (!row->argument)
        return;
    printf("    '%s --%s'", command->name, row->name);
    if (row->letter)
        printf(" | '%s -%c'", command->name, row->letter);
    fputs(") ", stdout);
    if (row->words) {
        fputs("_tcplens_offer -W '", stdout);
        put_words(row);
        fputs("'; ", stdout);
    } else if (row->completion == COMPLETE_SOURCES) {
        fputs("_tcplens_list '", stdout);
        put_sources();
        fputs("'; ", stdout);
    } else if (is_file(row)) {
        fputs("_tcplens_files; ", stdout);
    } else if (row->completion == COMPLETE_INTERFACE) {
        fputs("_tcplens_offer -W '$(ls /sys/class/net 2>/dev/null)'; ", stdout);
    } else if (row->completion == COMPLETE_PROCESS) {
        fputs("_tcplens_offer -W '$(ps -eo pid= 2>/dev/null)'; ", stdout);
    } else if (row->completion == COMPLETE_NAMESPACE) {
        fputs("_tcplens_offer -W '", stdout);
        put_literals(row);
        fputs(" $(ls /run/netns 2>/dev/null)'; ", stdout);
    }
    puts("return ;;");
}

static void bash_values(const struct command *command)
{
    each_row(command, bash_value);
}

static void bash_command(const struct command *command)
{
    printf("    %s)\n        names='", command->name);
    each_row(command, bash_name);
    fputs("' valued=' ", stdout);
    each_row(command, bash_valued);
    putchar('\'');
    if (command->words == WORDS_COMMAND) {
        fputs(" rest=command words='" EXPRESSION_WORDS "'", stdout);
    } else if (command->words == WORDS_FILES) {
        fputs(" rest=files", stdout);
    } else if (command->words == WORDS_FILE_EXPRESSION) {
        fputs(" rest=file words='" EXPRESSION_WORDS "'", stdout);
    } else if (command->words == WORDS_LAB) {
        fputs(" rest=labs", stdout);
    } else if (command->words == WORDS_SHELL) {
        fputs(" rest=words words='", stdout);
        put_shells();
        putchar('\'');
    }
    puts(" ;;");
}

/* The functions share cur, which is local to _tcplens. */
static const char bash_begin[] =
    "# Completion for bash: source it, or put it where bash-completion looks.\n"
    "_tcplens_offer() {\n"
    "    mapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n"
    "}\n"
    "# compopt fails where no key was pressed\n"
    "_tcplens_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    _tcplens_offer -f\n"
    "}\n"
    "# Words with commas between them, each once.\n"
    "_tcplens_list() {\n"
    "    local head='' left='' word\n"
    "    [[ $cur != *,* ]] || head=${cur%,*},\n"
    "    for word in $1; do\n"
    "        [[ ,$head == *,\"$word\",* ]] || left+=\" $word\"\n"
    "    done\n"
    "    cur=${cur##*,}\n"
    "    _tcplens_offer -P \"$head\" -W \"$left\"\n"
    "}\n"
    "# The command line of another command, whose name is the word $1. bash-completion knows what that takes.\n"
    "_tcplens_command() {\n"
    "    local name\n"
    "    for name in _comp_command_offset _command_offset; do\n"
    "        declare -F \"$name\" >/dev/null || continue\n"
    "        \"$name\" \"$1\"\n"
    "        return\n"
    "    done\n"
    "    if ((COMP_CWORD > $1)); then\n"
    "        _tcplens_files\n"
    "    else\n"
    "        [[ $cur != */* ]] || compopt -o filenames 2>/dev/null\n"
    "        _tcplens_offer -c\n"
    "    fi\n"
    "}\n"
    "_tcplens() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
    "    local names='' valued='' rest='' words='' option='' given='' ended='' i\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)); then";

/* A value may look like anything, even like "--": it is passed over with its option. */
static const char bash_scan[] = "    esac\n"
                                "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                                "        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
                                "            ended=1\n"
                                "            break\n"
                                "        elif [[ $valued == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
                                "            ((++i < COMP_CWORD)) || option=${COMP_WORDS[i-1]}\n"
                                "        elif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
                                "            given=1\n"
                                "        fi\n"
                                "    done\n"
                                "    case \"$command $option\" in";

static const char bash_end[] =
    "    esac\n"
    "    if [[ $ended$rest == 1command ]]; then\n"
    "        _tcplens_command $((i + 1))\n"
    "    elif [[ ! $ended && $cur == -* ]]; then\n"
    "        _tcplens_offer -W \"$names\"\n"
    "    elif [[ $rest == files || ( $rest == file && ! $given ) ]]; then\n"
    "        _tcplens_files\n"
    "    elif [[ $rest == labs && $cur == */* ]]; then\n"
    "        [[ $given ]] || _tcplens_files\n"
    "    elif [[ $rest == labs ]]; then\n"
    "        [[ $given ]] || _tcplens_offer -W '$(\"${COMP_WORDS[0]}\" lab --list --names 2>/dev/null)'\n"
    "    elif [[ $rest == file ]]; then\n"
    "        _tcplens_offer -W \"$words\"\n"
    "    elif [[ $rest == words ]]; then\n"
    "        [[ $given ]] || _tcplens_offer -W \"$words\"\n"
    "    elif [[ ! $ended ]]; then\n"
    "        _tcplens_offer -W \"$words $names\"\n"
    "    fi\n"
    "}\n"
    "complete -F _tcplens tcplens";

static void print_bash(void)
{
    puts(bash_begin);
    fputs("        _tcplens_offer -W '--help --version help ", stdout);
    put_commands();
    fputs("'\n        return\n    fi\n    case $command in\n    help)\n        rest=words words='", stdout);
    put_commands();
    puts("' ;;");
    each_command(bash_command);
    puts(bash_scan);
    each_command(bash_values);
    puts(bash_end);
}

/* ---- zsh ---- */

#define ZSH_QUOTE "'\\''"

/* What a shell does to complete a value; it stands between single quotes. */
static void zsh_value(const struct option_row *row)
{
    if (row->words) {
        putchar('(');
        put_words(row);
        putchar(')');
    } else if (row->completion == COMPLETE_SOURCES) {
        fputs("_values -s , source ", stdout);
        put_sources();
    } else if (is_file(row)) {
        fputs("_files", stdout);
    } else if (row->completion == COMPLETE_INTERFACE) {
        fputs("_net_interfaces", stdout);
    } else if (row->completion == COMPLETE_PROCESS) {
        fputs("_pids", stdout);
    } else if (row->completion == COMPLETE_NAMESPACE) {
        fputs("{compadd \"$expl[@]\" - ", stdout);
        put_literals(row);
        fputs(" /run/netns/*(N\\:t)}", stdout);
    }
}

static void zsh_spec(const struct option_row *row, const char *dashes, const char *name)
{
    printf("            '*%s%s[", dashes, name);
    put_quoted(row->help, "[]:\\", ZSH_QUOTE);
    putchar(']');
    if (row->argument) {
        putchar(':');
        put_quoted(row->argument, "[]:\\", ZSH_QUOTE);
        putchar(':');
        zsh_value(row);
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
    printf("    %s)\n", command->name);
    if (command->words == WORDS_COMMAND)
        puts("        local -i end=${words[(ie)--]}\n"
             "        if (( end < CURRENT )); then\n"
             "            shift $end words\n"
             "            (( CURRENT -= end ))\n"
             "            _normal\n"
             "            return\n"
             "        fi");
    puts("        _arguments -S \\");
    each_row(command, zsh_row);
    if (command->words == WORDS_SHELL) {
        fputs("            '1:shell:(", stdout);
        put_shells();
        puts(")' ;;");
    } else if (command->words == WORDS_LAB) {
        puts("            '1:lab:{compadd \"$expl[@]\" - $(tcplens lab --list --names 2>/dev/null); _files -/}' ;;");
    } else if (command->words == WORDS_FILE_EXPRESSION) {
        puts("            '1:file:_files' '*:expression:(" EXPRESSION_WORDS ")' ;;");
    } else if (command->words == WORDS_COMMAND) {
        puts("            '*:expression:(" EXPRESSION_WORDS ")' ;;");
    } else {
        printf("            '*:%s' ;;\n", command->words == WORDS_FILES ? "file:_files" : "word: ");
    }
}

static void zsh_name(const struct command *command)
{
    printf("    '%s:", command->name);
    put_quoted(command->summary, ":\\", ZSH_QUOTE);
    puts("'");
}

static void print_zsh(void)
{
    /* zsh has a parameter $commands, which _normal reads */
    puts("#compdef tcplens\n"
         "local -a subcommands=(");
    each_command(zsh_name);
    puts(")\n"
         "if (( CURRENT == 2 )); then\n"
         "    subcommands+=('help:tell more about a command')\n"
         "    _describe command subcommands\n"
         "    return\n"
         "fi\n"
         "local command=$words[2]\n"
         "shift words\n"
         "(( CURRENT-- ))\n"
         "case $command in\n"
         "    help)\n"
         "        (( CURRENT == 2 )) && _describe command subcommands ;;");
    each_command(zsh_command);
    puts("esac");
}

/* ---- fish ---- */

#define FISH_QUOTE "\\'"

static void fish_row(const struct command *command, const struct option_row *row)
{
    printf("complete -c tcplens -n '__tcplens_options %s' -l %s", command->name, row->name);
    if (row->letter)
        printf(" -s %c", row->letter);
    if (row->argument && is_file(row))
        fputs(" -r -F", stdout);
    else if (row->argument)
        fputs(" -x", stdout);
    if (row->words) {
        fputs(" -a '", stdout);
        put_words(row);
        putchar('\'');
    } else if (row->completion == COMPLETE_SOURCES) {
        fputs(" -a '(__fish_append , ", stdout);
        put_sources();
        fputs(")'", stdout);
    } else if (row->completion == COMPLETE_INTERFACE) {
        fputs(" -a '(__fish_print_interfaces)'", stdout);
    } else if (row->completion == COMPLETE_PROCESS) {
        fputs(" -a '(__fish_complete_pids)'", stdout);
    } else if (row->completion == COMPLETE_NAMESPACE) {
        fputs(" -a '", stdout);
        put_literals(row);
        fputs(" (command ls /run/netns 2>/dev/null)'", stdout);
    }
    fputs(" -d '", stdout);
    put_quoted(row->help, "\\", FISH_QUOTE);
    puts("'");
}

static void fish_name(const struct command *command, const char *condition)
{
    printf("complete -c tcplens -n '%s' -f -a %s -d '", condition, command->name);
    put_quoted(command->summary, "\\", FISH_QUOTE);
    puts("'");
}

static void fish_command(const struct command *command)
{
    fish_name(command, "__fish_use_subcommand");
    fish_name(command, "__tcplens_first help");
    if (command->words == WORDS_FILE_EXPRESSION)
        printf("complete -c tcplens -n '__tcplens_in %s; and not __tcplens_first %s' -a '" EXPRESSION_WORDS "'\n",
               command->name, command->name);
    else if (command->words != WORDS_FILES)
        printf("complete -c tcplens -n '__tcplens_in %s' -f\n", command->name);
    if (command->words == WORDS_COMMAND)
        printf("complete -c tcplens -n '__tcplens_in %s; and __tcplens_ended' -f -a '(__tcplens_rest)'\n"
               "complete -c tcplens -n '__tcplens_options %s' -f -a '" EXPRESSION_WORDS "'\n",
               command->name, command->name);
    if (command->words == WORDS_SHELL) {
        printf("complete -c tcplens -n '__tcplens_first %s' -f -a '", command->name);
        put_shells();
        puts("'");
    }
    if (command->words == WORDS_LAB)
        printf("complete -c tcplens -n '__tcplens_first %s' -f -a '(tcplens lab --list --names 2>/dev/null)'\n",
               command->name);
    each_row(command, fish_row);
}

static void print_fish(void)
{
    puts("# Completion for fish.\n"
         "function __tcplens_in\n"
         "    set -l words (commandline -opc)\n"
         "    test \"$words[2]\" = $argv[1]\n"
         "end\n"
         "function __tcplens_first\n"
         "    __tcplens_in $argv[1]; and test (count (commandline -opc)) = 2\n"
         "end\n"
         "function __tcplens_ended\n"
         "    contains -- -- (commandline -opc)\n"
         "end\n"
         "function __tcplens_options\n"
         "    __tcplens_in $argv[1]; and not __tcplens_ended\n"
         "end\n"
         "# What the command after -- takes.\n"
         "function __tcplens_rest\n"
         "    set -l words (commandline -opc)\n"
         "    set -e words[1..(contains -i -- -- $words)]\n"
         "    complete -C (string join -- ' ' (string escape -- $words) (commandline -ct))\n"
         "end\n"
         "complete -c tcplens -n '__tcplens_in help' -f\n"
         "complete -c tcplens -n __fish_use_subcommand -f -a help -d 'tell more about a command'");
    each_command(fish_command);
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
#define SHELL_COUNT (sizeof(shells) / sizeof(*shells))

static void put_shells(void)
{
    for (size_t i = 0; i < SHELL_COUNT; i++)
        printf("%s%s", i == 0 ? "" : " ", shells[i].name);
}

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
    .words = WORDS_SHELL,
    .run = run,
};
