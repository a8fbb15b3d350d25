#include "agent/life.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/carrier.h"
#include "agent/count.h"
#include "agent/futex.h"
#include "agent/http_headers.h"
#include "agent/id.h"
#include "agent/last_thread.h"
#include "agent/library.h"
#include "agent/log.h"
#include "agent/process_span.h"
#include "agent/record.h"
#include "agent/stack.h"
#include "agent/thread.h"
#include "agent/worker.h"

struct oi_agent oi_agent;
_Atomic uint32_t *oi_life_marker;
const char *oi_life_folder;
uint8_t oi_life_instance[16];
bool oi_life_config_announced;

static pid_t own_pid;
static uint32_t image;                           /* counts the forks that led here */
static _Atomic bool left;                        /* somebody is ending the process, or has */
static _Atomic(const struct oi_thread *) leaver; /* which thread */
static _Atomic uint32_t gone;                    /* futex: it is through, the worker is parked */
static _Atomic bool awaited;                     /* another thread waits for that */
static _Atomic bool sandboxed;
static char settings[OI_CONFIG_ARENA];

/* --- start -------------------------------------------------------------------------------------------------------- */

static void complain(void *unused, const char *sentence)
{
    (void)unused;
    if (!oi_life_config_announced)
        oi_log_always("%s", sentence);
}

static void find_folder(void)
{
    static char folder[PATH_MAX];
    Dl_info info;
    if (!dladdr((void *)&oi_agent, &info) || !info.dli_fname || !realpath(info.dli_fname, folder))
        return;
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
        oi_life_folder = folder;
    }
}

static bool excluded(void)
{
    char path[PATH_MAX];
    if (!oi_agent.config.exclude_programs)
        return false;
    /* As it was started: a script, or a link to a program of many names. */
    const char *started = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    if (started && oi_list_matches_program(oi_agent.config.exclude_programs, started))
        return true;
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    return oi_list_matches_program(oi_agent.config.exclude_programs, path);
}

static void make_marker(void)
{
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) != 0) {
        munmap(page, (size_t)sysconf(_SC_PAGESIZE)); /* older kernels: the fork handlers have to do */
        return;
    }
    oi_life_marker = page;
    atomic_store(oi_life_marker, 1);
}

static void new_instance(void)
{
    oi_id_init();
    oi_id_trace(oi_life_instance);
    oi_records_epoch(++image);
    own_pid = getpid();
}

static _Atomic uint32_t forks;
static void (*before_fork)(void);

void oi_life_before_fork(void (*call)(void))
{
    before_fork = call;
}

/* The number changes before and behind a fork: what another thread begins meanwhile counts as begun before it. */
static void prepare_fork(void)
{
    int saved = errno;
    atomic_fetch_add(&forks, 1);
    if (before_fork && oi_active() && oi_guard_enter()) {
        before_fork();
        oi_guard_leave();
    }
    oi_worker_fork_prepare();
    errno = saved;
}

uint32_t oi_life_forks(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

bool oi_life_confined(void)
{
    return atomic_load_explicit(&sandboxed, memory_order_relaxed);
}

static void parent_forked(void)
{
    atomic_fetch_add(&forks, 1);
    oi_worker_fork_parent();
}

void oi_life_became_child(bool by_handler)
{
    int saved = errno;
    if (oi_life_marker)
        atomic_store(oi_life_marker, 1);
    new_instance();
    oi_count_reset();
    oi_process_span_forget();
    oi_root_forked();
    oi_context_forked();
    atomic_store(&gone, atomic_load(&left)); /* whoever was leaving is not here */
    oi_agent.orphan = oi_worker_running();
    oi_worker_fork_child(by_handler);
    if (by_handler)
        oi_last_thread_watch();
    errno = saved;
}

static void child_forked(void)
{
    oi_life_became_child(true);
}

/* What pthread_atfork calls, and all that our object would need beyond what musl has: a missing symbol would keep a
 * musl program from starting in whose environment we are. There we do nothing. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
    __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static void read_settings(void)
{
    struct oi_config *config = &oi_agent.config;
    oi_life_config_announced = oi_config_announced(environ);
    oi_config_parse(config, environ, settings, sizeof settings, complain, NULL);
    oi_log_init((enum oi_log_level)config->log_level);
    oi_agent.semconv_http = oi_config_semconv_http(config);
    oi_agent.semconv_database = oi_config_semconv_database(config);
    oi_propagators_init(&oi_agent.propagators, config->propagators);
    oi_agent.recording = !(config->traces_exporter && strcmp(config->traces_exporter, "none") == 0);
    oi_sampler_init(&oi_agent.sampler, config);
    oi_http_headers_init(config);
}

/* Memory for what is under way: a queue's worth, a batch in the exporter's hands, and what hooks hold for a moment. */
static bool map_memory(void)
{
    const struct oi_config *config = &oi_agent.config;
    uint32_t records = config->bsp_max_queue_size + config->bsp_max_export_batch_size + 256;
    return oi_records_init(records, config->span_attribute_count_limit, config->span_attribute_value_length_limit) &&
           oi_worker_init();
}

/* Their runtimes see our libraries' memory accesses without the synchronisation or the initialisation in code they did
 * not compile, and would charge the program with what they report. AddressSanitizer and UBSan do not mind. */
static bool unsuitable_sanitizer(void)
{
    return oi_library_loaded_with("__tsan_init") || oi_library_loaded_with("__msan_init");
}

/* After the process span, which no call makes. */
static void start_stacks(void)
{
    const struct oi_config *config = &oi_agent.config;
    if ((config->code_attributes || config->stacktrace_min_duration != UINT32_MAX) && oi_agent.recording &&
        !oi_stack_init())
        oi_log_always("call stacks cannot be walked here; spans have no code attributes");
}

void oi_life_start(void)
{
    int saved = errno;
    if (!gnu_get_libc_version)
        return;
    oi_log_init(OI_LOG_WARN);
    read_settings();
    own_pid = getpid();
    oi_library_init(); /* wrappers pass through to the right object also where nothing is traced */
    bool unsuitable = unsuitable_sanitizer();
    if (unsuitable)
        oi_log_always("a program built with ThreadSanitizer or MemorySanitizer runs without telemetry");
    if (unsuitable || oi_agent.config.sdk_disabled || excluded()) {
        atomic_store(&oi_agent.ready, true);
        errno = saved;
        return;
    }
    find_folder();
    new_instance();
    make_marker();
    oi_carrier_read();
    if (!map_memory()) {
        oi_log_always("not enough memory for the span queue; nothing is traced");
        atomic_store(&oi_agent.ready, true);
        errno = saved;
        return;
    }
    if (__register_atfork)
        __register_atfork(prepare_fork, parent_forked, child_forked, __dso_handle);
    oi_last_thread_watch();
    if (oi_agent.config.process_span && oi_agent.recording) {
        oi_process_span_start();
        oi_carrier_hand_on();
    }
    start_stacks();
    atomic_store(&oi_agent.ready, true);
    atomic_store(&oi_agent.active, true);
    errno = saved;
}

/* --- the worker --------------------------------------------------------------------------------------------------- */

/* `ahead`: nothing is to be exported yet. */
static void need_worker(bool ahead)
{
    if (oi_worker_running() || !oi_active() || !oi_agent.recording || atomic_load(&sandboxed) || atomic_load(&left) ||
        !oi_life_in_own_process())
        return;
    int saved = errno;
    oi_life_check_fork();
    oi_agent.orphan = false;
    oi_worker_start(ahead);
    errno = saved;
}

void oi_worker_need(void)
{
    need_worker(false);
}

bool oi_life_in_own_process(void)
{
    /* Under a filter asking is left out where it can be: it would be a system call that the filter may not know. One
     * that lets a thread call vfork does. */
    if (atomic_load(&sandboxed) && !oi_thread.vforked)
        return true;
    if (getpid() == own_pid) {
        oi_thread.vforked = false;
        return true;
    }
    /* Another pid and an intact marker: the memory is the parent's, we are its vfork child. */
    return oi_life_marker && atomic_load(oi_life_marker) == 0;
}

/* --- leaving ------------------------------------------------------------------------------------------------------ */

static uint64_t deadline(void)
{
    return oi_mono_ns() + oi_agent.config.shutdown_timeout * OI_NS_PER_MS;
}

/* Only one thread leaves; another that ends the process too waits for it, or exit processing would begin around a
 * worker that is still inside libcurl. The same thread comes again from an exit handler. */
static bool first_to_leave(void)
{
    if (!atomic_exchange(&left, true)) {
        atomic_store(&leaver, &oi_thread);
        return true;
    }
    uint64_t last = deadline() + OI_NS_PER_S;
    atomic_store(&awaited, true);
    while (!atomic_load(&gone) && atomic_load(&leaver) != &oi_thread && oi_mono_ns() < last) {
        if (!atomic_load(&sandboxed)) /* else not even a futex may be waited for */
            oi_futex_wait(&gone, 0, last);
    }
    return false;
}

static void has_left(void)
{
    /* Forked children that made no span have nothing to sum up. Under a filter nothing can be printed. */
    if (oi_agent.config.summary && (image == 1 || oi_count_any()) && !atomic_load(&sandboxed))
        oi_count_print(own_pid);
    atomic_store(&gone, 1);
    if (atomic_load(&awaited))
        oi_futex_wake(&gone, INT32_MAX);
}

void oi_life_leave(int status, bool may_start_thread)
{
    int saved = errno;
    if (!oi_active() || oi_thread.agent || !oi_life_in_own_process() || !first_to_leave()) {
        errno = saved;
        return;
    }
    oi_life_check_fork();
    oi_library_deliver();
    oi_process_span_end(&status);
    if (may_start_thread && oi_worker_has_work() && !oi_worker_running() && !atomic_load(&sandboxed))
        oi_worker_start(false);
    oi_worker_park(deadline());
    has_left();
    errno = saved;
}

void oi_life_leave_by_last_thread(void)
{
    if (oi_active() && first_to_leave()) {
        int status = 0;
        oi_library_deliver();
        oi_process_span_end(&status);
        oi_worker_park(deadline());
        has_left();
    }
}

/* Whether exec would find something to run: its own search is out of our sight. */
static bool executable(const char *file, bool use_path)
{
    struct stat status;
    if (!use_path || strchr(file, '/'))
        return stat(file, &status) == 0 && S_ISREG(status.st_mode) && access(file, X_OK) == 0;
    const char *path = getenv("PATH");
    if (!path)
        path = "/bin:/usr/bin";
    for (const char *end; *path; path = *end ? end + 1 : end) {
        char candidate[512];
        end = strchrnul(path, ':');
        size_t length = (size_t)(end - path), name = strlen(file);
        if (length + name + 2 > sizeof candidate)
            continue;
        memcpy(candidate, path, length);
        candidate[length] = '/';
        memcpy(candidate + length + 1, file, name + 1);
        if (executable(candidate, false))
            return true;
    }
    return false;
}

void oi_life_before_exec(const char *file, bool use_path)
{
    int saved = errno;
    if (oi_active() && !oi_thread.agent && oi_life_in_own_process()) {
        oi_life_check_fork();
        oi_library_deliver();
        if (oi_process_span_here() && file && executable(file, use_path)) {
            oi_process_span_end(NULL);
            if (!oi_worker_running() && !atomic_load(&sandboxed))
                oi_worker_start(false);
        }
        oi_worker_flush(deadline());
    }
    errno = saved;
}

void oi_life_before_confinement(void)
{
    int saved = errno;
    if (oi_active() && oi_agent.recording && !oi_thread.agent && oi_life_in_own_process()) {
        oi_records_map();
        need_worker(!oi_worker_has_work());
        oi_worker_open_exporter(deadline());
    }
    errno = saved;
}

static void stop_worker(void)
{
    oi_worker_stop(deadline());
    oi_agent.orphan = true;
}

/* libc has every thread change its identity and ends the process where one may and another may not; capabilities are a
 * thread's own. */
void oi_life_before_identity(void)
{
    int saved = errno;
    if (oi_active() && !oi_thread.agent && oi_worker_running() && oi_life_in_own_process() && !oi_worker_as_capable())
        stop_worker();
    errno = saved;
}

void oi_life_before_namespace(void)
{
    int saved = errno;
    if (oi_active() && !oi_thread.agent && oi_worker_running() && oi_life_in_own_process())
        stop_worker();
    errno = saved;
}

void oi_life_sandboxed(void)
{
    if (atomic_exchange(&sandboxed, true) || !oi_active())
        return;
    oi_worker_sandboxed();
}

/* A shell ends by _exit, where no thread may be started any more: who is to have a process span has its worker from the
 * start. */
void oi_life_main_begins(void)
{
    if (oi_active() && oi_process_span_here())
        oi_worker_need();
}

/* Strict mode leaves read, write and exit: no waking of a worker, and an exit by the raw system call ends one thread
 * only, so that a process with a worker would stay for ever. */
void oi_life_stand_down(void)
{
    int saved = errno;
    if (oi_active() && !oi_thread.agent && oi_life_in_own_process() && first_to_leave()) {
        oi_library_deliver();
        oi_worker_end(deadline());
        atomic_store(&oi_agent.active, false);
        has_left();
    }
    errno = saved;
}

/* daemon() forks and ends the parent inside libc, where no hook sees it: what the parent made goes out before. */
void oi_life_before_daemon(void)
{
    int saved = errno;
    if (oi_active() && oi_life_in_own_process()) {
        oi_life_check_fork();
        oi_library_deliver();
        oi_process_span_end(NULL);
        if (oi_worker_has_work() && !oi_worker_running() && !atomic_load(&sandboxed))
            oi_worker_start(false);
        oi_worker_flush(deadline());
    }
    errno = saved;
}

static _Atomic bool relays;

void oi_life_relays(void)
{
    atomic_store_explicit(&relays, true, memory_order_relaxed);
}

bool oi_life_relaying(void)
{
    return atomic_load_explicit(&relays, memory_order_relaxed);
}

/* Two tracers in one process would tell each call twice, and tear the SDK's traces apart with headers of another. */
void oi_life_with_sdk(void)
{
    static _Atomic bool said;
    if (oi_agent.config.with_sdk || oi_life_relaying() || atomic_exchange(&said, true))
        return;
    oi_log_always("this program exports traces itself: tracing stops here (OTEL_NATIVE_WITH_SDK=true goes on)");
    if (oi_active() && oi_life_in_own_process())
        oi_process_span_end(NULL);
    oi_life_stand_down();
}
