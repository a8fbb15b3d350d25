// build: -lhiredis -pthread
/* Says what the agent has made of this process: its threads and which of its objects are mapped. */
#include "host.h"

static int count_lines(const char *path, const char *wanted)
{
    char line[4096];
    int found = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        found += strstr(line, wanted) != NULL;
    if (file)
        fclose(file);
    return found;
}

static int threads(void)
{
    char line[256];
    int number = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Threads: %d", &number) == 1)
            break;
    if (file)
        fclose(file);
    return number;
}

static int look(const char *socket)
{
    redisContext *redis = host_connect(socket);
    int right = 0;
    for (int i = 0; i < 10; i++)
        right += host_ask(redis, "quiet:1");
    usleep(100000); /* time for what shall not come */
    printf("right %d, threads %d, exporter %d, libcurl %d\n", right, threads(),
           count_lines("/proc/self/maps", "libotel-exporter") > 0, count_lines("/proc/self/maps", "libcurl") > 0);
    redisFree(redis);
    return 54;
}

/* Nothing instrumented is called: not a thread, not an object more. */
static int idle(const char *socket)
{
    (void)socket;
    usleep(100000); /* time for what shall not come */
    printf("threads %d, exporter %d\n", threads(), count_lines("/proc/self/maps", "libotel-exporter") > 0);
    return 55;
}

/* What is the program's own of its signals: dispositions, mask, and which thread a signal reaches. */
static int status_lines(const char *socket)
{
    printf("right %d\n", host_get(socket, "main:1"));
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "Shd", 3) == 0 || strncmp(line, "Umask", 5) == 0 ||
            strncmp(line, "Seccomp", 7) == 0 || strncmp(line, "NoNewPrivs", 10) == 0)
            if (strncmp(line, "SigQ", 4) != 0)
                fputs(line, stdout);
    if (file)
        fclose(file);
    file = fopen("/proc/self/limits", "r");
    while (file && fgets(line, sizeof line, file))
        fputs(line, stdout);
    if (file)
        fclose(file);
    return 56;
}

static const struct host_mode modes[] = {{"look", look}, {"idle", idle}, {"status", status_lines}};

HOST_MAIN(modes)
