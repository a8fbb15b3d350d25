/* Looks at the program before it starts: can the library be preloaded into it? */
#ifndef OI_LAUNCHER_PROBE_H
#define OI_LAUNCHER_PROBE_H

#include <limits.h>
#include <stdbool.h>

struct oi_probe {
    bool untouched;    /* must start without us */
    char reason[1100]; /* why, or with `untouched` false what may go wrong; one sentence, "" if there is nothing to say
                        */
};

/* Follows `path` through its #! lines, with `search` the PATH that /usr/bin/env will see. `library` is what would be
 * preloaded (NULL: do not compare C libraries). */
void oi_probe(struct oi_probe *probe, const char *path, const char *search, const char *library);

#endif
