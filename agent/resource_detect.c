#include <fcntl.h>
#include <gnu/libc-version.h>
#pragma weak gnu_get_libc_version /* musl has none: agent/life.c */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/resource_builder.h"
#include "agent/system.h"

#define PUT(builder, key, value) oi_resource_put_text((builder), OI_TEXT(key), (value))

enum { CONTAINER_ID = 64, LINE_MAX_LENGTH = 4096 };

/* --- files ------------------------------------------------------------------------------------------------------ */

static int open_at(const char *folder, const char *name)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Lines of a file, one after the other, through the caller's buffer. A longer line comes cut; its rest is skipped. */
struct lines {
    int fd;
    bool skipping;
    size_t start, len;
    char bytes[LINE_MAX_LENGTH];
};

static void lines_open(struct lines *lines, const char *folder, const char *name)
{
    *lines = (struct lines){.fd = open_at(folder, name)};
}

static void lines_close(struct lines *lines)
{
    if (lines->fd >= 0)
        oi_system_close(lines->fd);
    lines->fd = -1;
}

/* The next line, up to `end` or the file's end. */
static bool lines_next(struct lines *lines, char end, struct oi_text *line)
{
    while (lines->fd >= 0) {
        char *at = lines->bytes + lines->start, *stop = memchr(at, end, lines->len);
        size_t taken = stop ? (size_t)(stop - at) : lines->len;
        bool full = taken == sizeof lines->bytes, skip = lines->skipping;
        if (stop || full) {
            *line = oi_text_of(at, taken);
            lines->start += taken + (stop ? 1 : 0);
            lines->len -= taken + (stop ? 1 : 0);
            lines->skipping = !stop;
            if (!skip)
                return true;
            continue;
        }
        memmove(lines->bytes, at, lines->len);
        lines->start = 0;
        ssize_t n = oi_system_read(lines->fd, lines->bytes + lines->len, sizeof lines->bytes - lines->len);
        if (n > 0) {
            lines->len += (size_t)n;
            continue;
        }
        lines_close(lines);
        *line = oi_text_of(lines->bytes, lines->len);
        return lines->len > 0 && !skip;
    }
    return false;
}

/* The n-th field (from 0) of a line whose fields are separated by `separator`; absent if there are fewer. */
static struct oi_text field(struct oi_text line, char separator, int n)
{
    const char *at = line.at, *end = line.at + line.len;
    for (;; n--) {
        const char *stop = memchr(at, separator, (size_t)(end - at));
        if (n == 0)
            return oi_text_of(at, (size_t)((stop ? stop : end) - at));
        if (!stop)
            return (struct oi_text){NULL, 0};
        at = stop + 1;
    }
}

static bool hex(struct oi_text text, size_t len)
{
    if (text.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(text.at[i] >= '0' && text.at[i] <= '9') && !(text.at[i] >= 'a' && text.at[i] <= 'f'))
            return false;
    return true;
}

/* --- process, os, host -------------------------------------------------------------------------------------------- */

/* From the passwd file itself: the library's look-up loads name service modules and may ask the network. */
static void put_owner(struct oi_resource_builder *builder)
{
    char uid[24];
    struct oi_text number = oi_text_of(uid, (size_t)snprintf(uid, sizeof uid, "%u", (unsigned)getuid())),
                   owner = number;
    struct lines lines;
    struct oi_text line;
    lines_open(&lines, builder->sources.etc, "passwd");
    while (lines_next(&lines, '\n', &line))
        if (oi_text_equal(field(line, ':', 2), number)) {
            owner = field(line, ':', 0);
            break;
        }
    PUT(builder, "process.owner", owner);
    lines_close(&lines);
}

/* The first argument alone: the others may hold secrets. */
static void put_command(struct oi_resource_builder *builder)
{
    struct lines lines;
    struct oi_text line;
    lines_open(&lines, builder->sources.proc_self, "cmdline");
    if (lines_next(&lines, '\0', &line))
        PUT(builder, "process.command", line);
    lines_close(&lines);
}

static void detect_process(struct oi_resource_builder *builder)
{
    oi_resource_put_int(builder, OI_TEXT("process.pid"), getpid());
    oi_resource_put_int(builder, OI_TEXT("process.parent_pid"), getppid());
    if (builder->sources.executable) {
        PUT(builder, "process.executable.name", oi_resource_base_name(builder->sources.executable));
        PUT(builder, "process.executable.path", oi_text_from(builder->sources.executable));
    }
    put_command(builder);
    put_owner(builder);
    char description[64];
    const char *version = gnu_get_libc_version ? gnu_get_libc_version() : "";
    snprintf(description, sizeof description, "GNU C Library %s", version);
    PUT(builder, "process.runtime.name", OI_TEXT("glibc"));
    PUT(builder, "process.runtime.version", oi_text_from(version));
    PUT(builder, "process.runtime.description", oi_text_from(description));
}

static void detect_os(struct oi_resource_builder *builder)
{
    struct utsname name;
    PUT(builder, "os.type", OI_TEXT("linux"));
    if (uname(&name) == 0)
        PUT(builder, "os.version", oi_text_from(name.release));
}

/* The conventions' name for a machine as uname(2) calls it; others stay as they are. */
static struct oi_text architecture(const char *machine)
{
    static const struct {
        const char *machine, *name;
    } known[] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i386", "x86"},     {"i486", "x86"},     {"i586", "x86"},
        {"i686", "x86"},     {"armv6l", "arm32"},  {"armv7l", "arm32"}, {"armv8l", "arm32"}, {"ppc", "ppc32"},
        {"ppc64", "ppc64"},  {"ppc64le", "ppc64"}, {"s390x", "s390x"},  {"ia64", "ia64"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(machine, known[i].machine) == 0)
            return oi_text_from(known[i].name);
    return oi_text_from(machine);
}

static bool put_machine_id(struct oi_resource_builder *builder, const char *folder, const char *name)
{
    struct lines lines;
    struct oi_text line;
    lines_open(&lines, folder, name);
    /* systemd writes `uninitialized` there during the first boot. */
    bool found = lines_next(&lines, '\n', &line) && hex(line, 32);
    if (found)
        PUT(builder, "host.id", line);
    lines_close(&lines);
    return found;
}

static void detect_host(struct oi_resource_builder *builder)
{
    struct utsname name;
    if (uname(&name) == 0) {
        PUT(builder, "host.name", oi_text_from(name.nodename));
        PUT(builder, "host.arch", architecture(name.machine));
    }
    if (!put_machine_id(builder, builder->sources.etc, "machine-id"))
        put_machine_id(builder, builder->sources.var_lib, "dbus/machine-id");
}

/* --- container ------------------------------------------------------------------------------------------------------
 */

/* The last path segment that is an id, as such, as `docker-<id>.scope` or as `…slice:cri-containerd:<id>`. */
static bool id_in_cgroup(struct oi_text line, struct oi_text *id)
{
    struct oi_text rest = line;
    bool found = false;
    for (int n = 0; n < 2 && oi_text_present(rest); n++) {
        const char *colon = memchr(rest.at, ':', rest.len);
        rest = colon ? oi_text_of(colon + 1, (size_t)(line.at + line.len - colon - 1)) : (struct oi_text){NULL, 0};
    }
    for (int n = 0; oi_text_present(rest); n++) {
        struct oi_text segment = field(rest, '/', n), scope = OI_TEXT(".scope");
        if (!oi_text_present(segment))
            break;
        if (segment.len > scope.len && memcmp(segment.at + segment.len - scope.len, scope.at, scope.len) == 0)
            segment.len -= scope.len;
        size_t start = segment.len;
        while (start > 0 && segment.at[start - 1] != '-' && segment.at[start - 1] != ':')
            start--;
        segment = oi_text_of(segment.at + start, segment.len - start);
        if (hex(segment, CONTAINER_ID)) {
            *id = segment;
            found = true;
        }
    }
    return found;
}

/* A file that the runtime mounts from the container's own folder: `…/containers/<id>/hostname`. `strict`: only below a
 * folder named so; else any id in the place that /etc/hostname comes from (containerd: the pod's sandbox). Only the
 * mount's root is looked at: an overlay's options name image layers by 64 digits too. */
static bool id_in_mount(struct oi_text line, bool strict, struct oi_text *id)
{
    static const char folder[] = "containers";
    struct oi_text root = field(line, ' ', 3), before = {NULL, 0};
    if (!strict && !oi_text_equal(field(line, ' ', 4), OI_TEXT("/etc/hostname")))
        return false;
    for (int n = 0; oi_text_present(root); n++) {
        struct oi_text segment = field(root, '/', n);
        if (!oi_text_present(segment))
            return false;
        size_t len = sizeof folder - 1;
        bool below = before.len >= len && memcmp(before.at + before.len - len, folder, len) == 0;
        if ((below || !strict) && hex(segment, CONTAINER_ID)) {
            *id = segment;
            return true;
        }
        before = segment;
    }
    return false;
}

static bool id_of_line(int pass, struct oi_text line, struct oi_text *id)
{
    return pass == 0 ? id_in_cgroup(line, id) : id_in_mount(line, pass == 1, id);
}

static void detect_container(struct oi_resource_builder *builder)
{
    for (int pass = 0; pass < 3; pass++) {
        struct lines lines;
        struct oi_text line, id;
        bool found = false;
        lines_open(&lines, builder->sources.proc_self, pass == 0 ? "cgroup" : "mountinfo");
        while (!found && lines_next(&lines, '\n', &line))
            found = id_of_line(pass, line, &id);
        if (found)
            PUT(builder, "container.id", id);
        lines_close(&lines);
        if (found)
            return;
    }
}

void oi_resource_detect(struct oi_resource_builder *builder, const char *detectors)
{
    static const struct {
        const char *name;
        void (*run)(struct oi_resource_builder *);
    } known[] = {
        /* service_instance and otel always run: resource.c */
        {"container", detect_container},
        {"host", detect_host},
        {"os", detect_os},
        {"process", detect_process},
    };
    if (!detectors)
        return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (oi_list_has(detectors, known[i].name))
            known[i].run(builder);
}
