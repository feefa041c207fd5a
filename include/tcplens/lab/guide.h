/* The guide of a lab in one language: Markdown, of which a section `## ID` words what lab.json names ID.
 *
 *     # Title
 *     What it is about.
 *     ## q1
 *     The question?
 *     - established: A choice.
 *       What is said to who took it.
 *     ## c1
 *     What a check looks at, in one line.
 *     ## after
 *     What is to be learnt from it.
 */
#ifndef TCPLENS_LAB_GUIDE_H
#define TCPLENS_LAB_GUIDE_H

#include <stdbool.h>

struct guide;

/* text: of the file, with a NUL. 0 or -ENOMEM. */
int guide_new(const char *text, struct guide **ret_guide) __attribute__((warn_unused_result));
struct guide *guide_free(struct guide *guide);

/* The title, the text below it. */
const char *guide_title(const struct guide *guide);
const char *guide_intro(const struct guide *guide);
/* The text of a section up to its list of choices. NULL: there is no such section. */
const char *guide_text(const struct guide *guide, const char *id);
/* A choice of the question, and what is said to who took it. NULL: there is none. */
const char *guide_choice(const struct guide *guide, const char *question, const char *choice);
const char *guide_feedback(const struct guide *guide, const char *question, const char *choice);

/* A section, or a choice in one (else NULL), and the line of the file that it begins on. */
struct guide_part {
    const char *section, *choice;
    unsigned line;
};
/* False: there are no more. */
bool guide_part(const struct guide *guide, unsigned index, struct guide_part *ret_part);

struct lab;
#define GUIDE_ERROR_MAX 256
/* Whether it words all that the lab names, and nothing else: a section for each question, with all its choices, for each check, and
 * `after`. 0, or -EINVAL with one line in error: the line of the file, and what is wrong. */
int guide_check(const struct guide *guide, const struct lab *lab, char error[static GUIDE_ERROR_MAX])
    __attribute__((warn_unused_result));

#endif
