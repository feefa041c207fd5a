/* Opens a page in the desktop's browser. */
#ifndef TCPLENS_COMMAND_BROWSER_H
#define TCPLENS_COMMAND_BROWSER_H

#include <stdbool.h>

/* Shows url where there is a desktop that is the caller's own: never root's, for a browser is not to have root's rights. What
 * another user may not read, the list of processes among it, does not name the url. To be called while nothing is confined, and
 * while the url is listened at: it is loaded when it is served. It lasts as long as this process. Whether one was started; that it
 * came up nobody knows. */
bool browser_open(const char *url);

#endif
