/* What the formats that draw one connection share: whose account of an end is shown, what may be folded, and the findings that
 * name the connection. */
#ifndef TCPLENS_CONVERT_PICTURE_H
#define TCPLENS_CONVERT_PICTURE_H

#include "say.h"
#include "tcplens/convert/convert.h"

/* Findings of one connection that are kept: the last record of each kind. */
struct picture_findings {
    unsigned count;
    struct picture_finding {
        enum finding_kind kind;
        uint32_t listener;
        char text[SEVERITY_N + FINDING_TEXT_MAX + 16];
    } of[16];
};
void picture_findings_take(struct picture_findings *findings, const struct change *finding);

struct picture {
    bool kernel;       /* a witness of the kernel takes part */
    bool found;        /* the connection was told */
    uint32_t conn;     /* its number */
    bool local[END_N]; /* as in `connection` */
    struct endpoint at[END_N];
    uint64_t last_ns; /* of what was taken last */
    struct picture_findings findings;
};

/* Takes note of what comes first; false: it is of another connection, or nothing to be drawn. */
bool picture_take(struct picture *picture, const struct change *change);
void picture_header(struct picture *picture, const struct trace_header *header);

/* A state is told by two witnesses: this is the account that counts for its end. */
bool picture_leads(const struct picture *picture, const struct change *state);

/* What happened, where it stands at the end that it is of. Returns buf. */
const char *picture_say(const struct change *change, char buf[static SAY_MAX]);

/* What moves data along, and nothing that went wrong: many of it in a row are one thing. */
bool picture_is_ordinary(const struct change *change);

#endif
