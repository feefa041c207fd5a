/* Predict, then reveal: the questions are asked before the lab runs, and answered by its records. */
#include "lab_job.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What this file says, in each language. */
enum said {
    SAID_QUESTION,
    SAID_ANSWER,
    SAID_AGAIN,
    SAID_RIGHT,
    SAID_WRONG,
    SAID_NOTHING,
    SAID_SHOWN,
    SAID_SCORE,
    SAID_EXPECTED,
    SAID_SEEN,
    SAID_N
};

static const char *const said[SAID_N][LAB_LANGUAGES] = {
    [SAID_QUESTION] = { "Question %u of %u: ", "第 %u 题，共 %u 题：" },
    [SAID_ANSWER] = { "Your prediction, 1 to %u (Enter: none): ", "你的预测，1 到 %u（回车：不作答）：" },
    [SAID_AGAIN] = { "That is none of them.\n", "没有这个选项。\n" },
    [SAID_RIGHT] = { "You predicted, and so it is: ", "你的预测是对的：" },
    [SAID_WRONG] = { "You predicted: ", "你的预测：" },
    [SAID_NOTHING] = { "You predicted nothing.\n", "你没有作答。\n" },
    [SAID_SHOWN] = { "The trace shows it:\n", "跟踪中的证据：\n" },
    [SAID_SCORE] = { "%u of %u points\n", "得分 %u / %u\n" },
    [SAID_EXPECTED] = { "expected: ", "应当看到：" },
    [SAID_SEEN] = { "seen: ", "实际看到：" },
};

static const char *say(const struct lab_job *job, enum said what)
{
    return said[what][job->language];
}

/* Indented, line after line. */
static void print_text(const struct lab_job *job, const char *text, const char *indent)
{
    while (*text) {
        const size_t len = strcspn(text, "\n");

        fprintf(job->talk, "%s%.*s\n", len ? indent : "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static bool is_answered(const struct lab_options *options)
{
    return !options->check && !options->automatic && !options->output.quiet;
}

bool lab_page_asks(const struct lab_options *options)
{
    return is_answered(options) && !options->result && command_serves(&options->io);
}

bool lab_asks(const struct lab_options *options)
{
    return is_answered(options) && !lab_page_asks(options);
}

void lab_introduce(const struct lab_job *job)
{
    fprintf(job->talk, "%s\n\n", guide_title(job->guide));
    print_text(job, guide_intro(job->guide), "");
    putc('\n', job->talk);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = record_text(object, key);

    return text ? text : "";
}

static const char *choice_text(const struct lab_job *job, const char *question, const char *choice)
{
    const char *text = guide_choice(job->guide, question, choice);

    return text ? text : choice;
}

/* Index of the choice, by its number or its name; -1: none of them. */
static int choice_of(const char *line, const cJSON *choices)
{
    const long number = strtol(line, NULL, 10);
    const cJSON *choice;
    int i = 0;

    cJSON_ArrayForEach (choice, choices) {
        i++;
        if (number == i || strcmp(line, choice->valuestring) == 0)
            return i - 1;
    }
    return -1;
}

/* False: there is nobody to answer. */
static bool read_line(char *buf, size_t size)
{
    char *p = fgets(buf, (int)size, stdin);
    size_t len;

    if (!p)
        return false;
    len = strlen(buf);
    while (len && isspace((unsigned char)buf[len - 1]))
        buf[--len] = '\0';
    return true;
}

static void ask_one(struct lab_job *job, const cJSON *question)
{
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(question, "choices"), *choice;
    const char *id = text_of(question, "id");
    unsigned n = 0;
    char line[256];
    int taken;

    cJSON_ArrayForEach (choice, choices)
        fprintf(job->talk, "  %u) %s\n", ++n, choice_text(job, id, choice->valuestring));
    for (;;) {
        fprintf(job->talk, say(job, SAID_ANSWER), n);
        fflush(job->talk);
        if (!read_line(line, sizeof(line)) || !*line)
            break;
        taken = choice_of(line, choices);
        if (taken >= 0) {
            choice = cJSON_GetArrayItem(choices, taken);
            job->answers[job->answer_count++] =
                (struct run_answer){ id, choice->valuestring,
                                     strcmp(choice->valuestring, text_of(question, "answer")) == 0 };
            break;
        }
        fputs(say(job, SAID_AGAIN), job->talk);
    }
    fputs("\n", job->talk);
}

void lab_ask(struct lab_job *job)
{
    const unsigned count = (unsigned)cJSON_GetArraySize(job->lab->questions);
    const cJSON *question;
    unsigned n = 0;

    cJSON_ArrayForEach (question, job->lab->questions) {
        const char *text = guide_text(job->guide, text_of(question, "id"));

        if (job->answer_count == RESULT_ANSWERS_MAX)
            break;
        fprintf(job->talk, say(job, SAID_QUESTION), ++n, count);
        fprintf(job->talk, "%s\n", text ? text : text_of(question, "id"));
        ask_one(job, question);
    }
}

/* ---- what came of it */

/* The records that show it, as the timeline has them: their numbers mean nothing to who sees no trace. */
static void print_records(const struct lab_job *job, const struct check_outcome *o,
                          void (*show)(void *arg, uint64_t n, FILE *to), void *arg)
{
    for (unsigned i = 0; i < FINDING_RECORDS_MAX && o->because[i]; i++)
        show(arg, o->because[i], job->talk);
}

static void print_check(const struct lab_job *job, const struct result *result, const struct check_outcome *o,
                        void (*show)(void *arg, uint64_t n, FILE *to), void *arg)
{
    static const char *const marks[] = { [CHECK_PASSED] = "✓", [CHECK_FAILED] = "✗", [CHECK_INCONCLUSIVE] = "?" };

    fprintf(job->talk, "%s %s\n", marks[o->result], result_title(result, o->id));
    if (o->result != CHECK_PASSED) {
        fprintf(job->talk, "    %s%s\n", say(job, SAID_EXPECTED), o->expected);
        fprintf(job->talk, "    %s%s\n", say(job, SAID_SEEN), o->seen);
    }
    print_records(job, o, show, arg);
}

static const cJSON *question_of(const struct lab_job *job, const char *id)
{
    const cJSON *question;

    cJSON_ArrayForEach (question, job->lab->questions)
        if (strcmp(text_of(question, "id"), id) == 0)
            return question;
    return NULL;
}

static void print_answer(const struct lab_job *job, const struct result_answer *a, uint64_t shown_by,
                         void (*show)(void *arg, uint64_t n, FILE *to), void *arg)
{
    const char *text = guide_text(job->guide, a->id),
               *feedback = a->choice ? guide_feedback(job->guide, a->id, a->choice) : NULL;
    const cJSON *question = question_of(job, a->id);

    fprintf(job->talk, "\n%s\n", text ? text : a->id);
    if (!a->choice) {
        fprintf(job->talk, "  %s", say(job, SAID_NOTHING));
        return;
    }
    fprintf(job->talk, "  %s%s\n", say(job, a->right ? SAID_RIGHT : SAID_WRONG), choice_text(job, a->id, a->choice));
    if (feedback)
        print_text(job, feedback, "    ");
    if (!a->right && question) {
        const char *right = text_of(question, "answer");

        fprintf(job->talk, "  → %s\n", choice_text(job, a->id, right));
        feedback = guide_feedback(job->guide, a->id, right);
        if (feedback)
            print_text(job, feedback, "    ");
    }
    if (!shown_by)
        return;
    fprintf(job->talk, "  %s", say(job, SAID_SHOWN));
    show(arg, shown_by, job->talk);
}

void lab_reveal(const struct lab_job *job, const struct result *result, const struct records *records,
                void (*show)(void *arg, uint64_t n, FILE *to), void *arg)
{
    const char *after = guide_text(job->guide, "after");
    const bool tells_all = !lab_page_asks(job->options); /* else nobody has answered yet */

    for (unsigned i = 0; i < result->outcome_count; i++)
        if (tells_all || result->outcomes[i].result != CHECK_PASSED)
            print_check(job, result, &result->outcomes[i], show, arg);
    for (unsigned i = 0; i < result->answer_count; i++) {
        const cJSON *question = question_of(job, result->answers[i].id),
                    *why = question ? cJSON_GetObjectItemCaseSensitive(question, "why") : NULL;

        print_answer(job, &result->answers[i], why ? check_first(job->lab, records, why) : 0, show, arg);
    }
    if (after && tells_all && !job->options->automatic && !job->options->check) {
        putc('\n', job->talk);
        print_text(job, after, "");
    }
    if (tells_all)
        putc('\n', job->talk);
    fprintf(job->talk, say(job, SAID_SCORE), result_score(result), result_max(result));
}
