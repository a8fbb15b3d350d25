#include "agent/capabilities.h"
#include "agent/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Keeps of `text` what may be the beginning of the capabilities, or all of them; true: they are complete. */
static bool capabilities_complete(char *text, size_t *used)
{
    enum { NAME = sizeof "\nCapInh:" - 1 };
    char *start = strstr(text, "\nCapInh:"), *end = start ? strstr(start, "\nNoNewPrivs:") : NULL;
    if (!start)
        start = *used > NAME ? text + *used - NAME : text;
    *used = (size_t)((end ? end : text + *used) - start);
    memmove(text, start, *used);
    text[*used] = '\0';
    return end != NULL;
}

/* What a thread may do, as /proc tells it. In pieces: the list of groups stands before it, and may be long. */
static bool read_capabilities(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    bool complete = false;
    for (ssize_t more = 1; fd >= 0 && !complete && more > 0;) {
        more = oi_system_read(fd, text + used, size - 1 - used);
        used += more > 0 ? (size_t)more : 0;
        text[used] = '\0';
        complete = capabilities_complete(text, &used);
    }
    if (fd >= 0)
        oi_system_close(fd);
    return complete;
}

bool oi_capabilities_equal(pid_t other)
{
    char path[64], ours[512], its[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)other);
    return read_capabilities("/proc/thread-self/status", ours, sizeof ours) &&
           read_capabilities(path, its, sizeof its) && strcmp(ours, its) == 0;
}
