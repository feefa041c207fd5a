/* The page of one connection: its row, its ends, and its timeline. */
#ifndef TCPLENS_TOP_VIEW_TIMELINE_H
#define TCPLENS_TOP_VIEW_TIMELINE_H

#include "view_lines.h"

void top_timeline_paint(struct top_view *v, struct sheet *s, uint64_t now_ns);
/* The nth line worth one, before or after where the timeline begins now; by how the lines stand at the last paint. */
void top_timeline_move(struct top_view *v, int by);

#endif
