#include "agent/exporter_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/code.h"
#include "agent/count.h"
#include "agent/life.h"
#include "agent/resource.h"

enum { RESOURCE_ARENA = 64 * 1024 };

static struct oi_export_host host;
static struct oi_exporter *exporter;
static oi_exporter_open_fn *open_fn;
static struct oi_resource resource;
static char *arena;
static bool inherited;
static int dlopen_flags;

/* RTLD_DEEPBIND gives our libcurl the system's zlib where a program exports another (Node); but where malloc is not
 * libc's, a deeply bound libc would allocate from one heap and we would free into the other. */
static int open_flags(void)
{
    Dl_info of_malloc, of_libc;
    void *allocator = dlsym(RTLD_DEFAULT, "malloc");
    void *libc = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    bool plain = allocator && libc && dladdr(allocator, &of_malloc) && dladdr(libc, &of_libc) &&
                 of_malloc.dli_fbase == of_libc.dli_fbase;
    bool sanitizer = dlsym(RTLD_DEFAULT, "__asan_init") || dlsym(RTLD_DEFAULT, "__tsan_init") ||
                     dlsym(RTLD_DEFAULT, "__msan_init") || dlsym(RTLD_DEFAULT, "__ubsan_handle_add_overflow");
    return RTLD_NOW | RTLD_LOCAL | (plain && !sanitizer ? RTLD_DEEPBIND : 0);
}

static void complain(void *unused, const char *sentence)
{
    (void)unused;
    oi_log_always("%s", sentence);
}

static void build_resource(void)
{
    if (!arena) {
        void *memory = mmap(NULL, RESOURCE_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return;
        arena = memory;
    }
    resource = oi_resource_build(&oi_agent.config, OI_VERSION, oi_life_instance, NULL, arena, RESOURCE_ARENA,
                                 host.config_announced ? NULL : complain, NULL);
}

void oi_exporter_load(const struct oi_export_host *from, bool unusable)
{
    host = *from;
    host.dlopen_flags = dlopen_flags;
    build_resource();
    if (inherited && exporter && !unusable) {
        inherited = false;
        exporter->forked(exporter);
        return;
    }
    if (exporter && !inherited)
        return;
    inherited = false;
    exporter = NULL;
    if (unusable) {
        oi_log(
            OI_LOG_WARN,
            "this process was forked past libc's fork, or while its parent opened the exporter: it cannot open it, and "
            "its spans are dropped");
        return;
    }
    if (!open_fn) {
        char path[4096];
        snprintf(path, sizeof path, "%s/libotel-exporter.so", oi_life_folder ? oi_life_folder : ".");
        host.dlopen_flags = dlopen_flags = open_flags();
        void *object = dlopen(path, dlopen_flags);
        if (!object) {
            const char *why = dlerror();
            oi_log(OI_LOG_ERROR, "cannot open the exporter: %s; spans are dropped", why ? why : path);
            return;
        }
        *(void **)&open_fn = dlsym(object, "oi_exporter_open");
        if (!open_fn) {
            oi_log(OI_LOG_ERROR, "%s is not an exporter; spans are dropped", path);
            return;
        }
    }
    exporter = open_fn(&host);
}

void oi_exporter_send(struct oi_record *const *records, uint32_t count)
{
    if (!exporter) {
        oi_count_dropped(OI_DROP_EXPORT_FAILED, count);
        return;
    }
    oi_code_describe(exporter, records, count);
    struct oi_export_result result = exporter->export_spans(exporter, &resource, records, count);
    oi_count_delivered(result.delivered);
    if (result.rejected > 0)
        oi_count_dropped(OI_DROP_REJECTED, result.rejected);
    if (result.failed > 0)
        oi_count_dropped(OI_DROP_EXPORT_FAILED, result.failed);
}

void oi_exporter_flush(void)
{
    if (exporter && !inherited)
        exporter->flush(exporter);
}

void oi_exporter_forked(void)
{
    inherited = true;
}
