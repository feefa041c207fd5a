#include "tcplens/base/date.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

const char *date_format(uint64_t ts_ns, char buf[static DATE_TEXT_MAX])
{
    const time_t seconds = (time_t)(ts_ns / NS_PER_S);
    char date[32];
    struct tm tm;

    /* The year of the largest uint64_t in nanoseconds is 2554: neither call can fail. */
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf, DATE_TEXT_MAX, "%s.%09uZ", date, (unsigned)(ts_ns % NS_PER_S));
    return buf;
}
