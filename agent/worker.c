#include "agent/worker.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "agent/agent.h"
#include "agent/capabilities.h"
#include "agent/count.h"
#include "agent/exporter_load.h"
#include "agent/fence.h"
#include "agent/futex.h"
#include "agent/last_thread.h"
#include "agent/life.h"
#include "agent/log.h"
#include "agent/queue.h"
#include "agent/record.h"
#include "agent/system.h"
#include "agent/thread.h"

enum {
    STACK_SIZE = 256 * 1024,
    STACK_SIZE_MOST = 64 * 1024 * 1024, /* a program's thread-local data lies on it too */
    WAY_OUT_MS = 250,                   /* beyond the deadline, for the worker to come out of libcurl */
    LOOK_MS = 50,                       /* how often the worker looks where nobody may wake it */
    AHEAD = 3,                          /* records that are on their way from the caches of another processor */
};

/* What the worker is doing, as far as producers need to know. */
enum { AWAKE, IDLE, TIMING };

static struct oi_queue queue;
static struct oi_record **batch;
static uint32_t batch_size;
static uint32_t batch_count; /* records of `batch` in the worker's hands: a forked child gives its copies back */
static uint64_t delay_ns;

/* Whether a span was dropped because the queue was full. Hooks cannot write, so the worker says it, once. */
enum { NOT_FULL, WAS_FULL, SAID };
static _Atomic uint32_t overflow;

static _Atomic uint32_t state;       /* AWAKE, IDLE or TIMING */
static _Atomic uint32_t bell;        /* futex: rung to wake the worker */
static _Atomic uint32_t flush_asked; /* tickets: asked for … */
static _Atomic uint32_t flush_done;  /* … and done; futex */
static _Atomic uint64_t leave_by;    /* monotonic ns; 0: not leaving */
static _Atomic uint32_t parked;      /* futex */
static _Atomic uint32_t opened;      /* futex: the exporter has been tried */
static _Atomic uint32_t open_asked;
static _Atomic uint32_t
    running; /* 0: no worker in this process image, 1: being started, 2: running, 3: cannot be started */
static _Atomic bool too_late;  /* parked, or about to */
static _Atomic bool sandboxed; /* the program's threads may be under a system call filter */
static _Atomic bool may_end;   /* parked, its thread may end (otherwise it stays: the process ends around it) */
static pthread_t thread;
static _Atomic pid_t thread_id; /* the kernel's name for it */
static _Atomic bool beginning;  /* its creator has taken the fence for it: a thread that begins takes memory */

static bool spoiled; /* we descend from a fork that could not wait long enough: our copy of those locks is unusable */

static void give_back(void *record)
{
    oi_record_free(record);
}

bool oi_worker_init(void)
{
    const struct oi_config *config = &oi_agent.config;
    batch_size = config->bsp_max_export_batch_size;
    delay_ns = config->bsp_schedule_delay * OI_NS_PER_MS;
    batch = mmap(NULL, batch_size * sizeof *batch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
    return batch != MAP_FAILED && oi_queue_init(&queue, config->bsp_max_queue_size);
}

/* --- producers ------------------------------------------------------------------------------------------------------
 */

static void ring(void)
{
    if (atomic_load_explicit(&sandboxed, memory_order_relaxed))
        return;
    atomic_fetch_add(&bell, 1);
    oi_futex_wake(&bell, 1);
}

bool oi_worker_push(struct oi_record *record)
{
    if (atomic_load_explicit(&too_late, memory_order_relaxed)) {
        oi_count_dropped(OI_DROP_LEFT, 1);
        return false;
    }
    uint64_t queued = oi_queue_push(&queue, record);
    if (queued == 0) {
        uint32_t never = NOT_FULL;
        oi_count_dropped(OI_DROP_QUEUE_FULL, 1);
        atomic_compare_exchange_strong_explicit(&overflow, &never, WAS_FULL, memory_order_relaxed,
                                                memory_order_relaxed);
        return false;
    }
    /* The worker announces its sleep, then looks at the queue; we queue, then look at its state. */
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t now = atomic_load_explicit(&state, memory_order_relaxed);
    if (now == IDLE || (now == TIMING && queued >= batch_size)) {
        if (atomic_compare_exchange_strong(&state, &now, AWAKE))
            ring();
    }
    return true;
}

/* --- the worker's thread ------------------------------------------------------------------------------------------ */

static bool leaving(uint64_t *deadline)
{
    uint64_t by = atomic_load(&leave_by);
    if (by && deadline)
        *deadline = by;
    return by != 0;
}

static bool flush_pending(void)
{
    return atomic_load(&flush_asked) != atomic_load(&flush_done);
}

static bool urgent(void)
{
    return leaving(NULL) || flush_pending() || (atomic_load(&open_asked) && !atomic_load(&opened));
}

/* For retry delays of the exporter. */
static bool wait_for(uint32_t milliseconds)
{
    uint64_t until = oi_mono_ns() + milliseconds * OI_NS_PER_MS;
    for (;;) {
        uint32_t heard = atomic_load(&bell);
        if (leaving(NULL) || flush_pending())
            return true;
        if (!oi_futex_wait(&bell, heard, until))
            return leaving(NULL) || flush_pending();
    }
}

static const struct oi_export_host host = {
    .abi = OI_EXPORT_ABI,
    .config = &oi_agent.config,
    .version = OI_VERSION,
    .log = oi_log,
    .write_stderr = oi_log_write,
    .unsafe_begin = oi_fence_hold,
    .unsafe_end = oi_fence_leave,
    .wait = wait_for,
    .leaving = leaving,
};

static void open_exporter(void)
{
    if (atomic_load(&opened))
        return;
    struct oi_export_host here = host;
    here.config_announced = oi_life_config_announced;
    oi_fence_hold();
    oi_exporter_load(&here, spoiled);
    oi_fence_leave();
    atomic_store(&opened, 1);
    oi_futex_wake(&opened, INT32_MAX);
}

static void say_overflow(void)
{
    uint32_t full = WAS_FULL;
    if (atomic_compare_exchange_strong(&overflow, &full, SAID))
        oi_log(OI_LOG_WARN, "more than %llu spans were waiting (OTEL_BSP_MAX_QUEUE_SIZE); further ones are dropped",
               (unsigned long long)oi_agent.config.bsp_max_queue_size);
}

/* Sends up to one batch. False: nothing was queued. */
static bool export_batch(void)
{
    uint32_t count = 0, written = 0;
    while (count < batch_size) {
        struct oi_record *record = oi_queue_pop(&queue);
        if (!record)
            break;
        oi_record_prefetch_facts(record);
        batch[count++] = record;
        batch_count = count;
        if (count > AHEAD)
            oi_record_write(batch[written++]);
    }
    if (count == 0)
        return false;
    while (written < count)
        oi_record_write(batch[written++]);
    open_exporter();
    oi_exporter_send(batch, count);
    for (uint32_t i = 0; i < count; i++)
        oi_record_free(batch[i]);
    batch_count = 0;
    say_overflow();
    return true;
}

/* Everything queued so far, but not what keeps coming meanwhile. Bounded when leaving. */
static void drain(void)
{
    uint64_t by = 0;
    for (uint64_t left = oi_queue_size(&queue) + batch_size; left >= batch_size; left -= batch_size) {
        if (leaving(&by) && oi_mono_ns() >= by)
            break;
        if (!export_batch())
            break;
    }
}

/* Full batches only: what is left waits for its delay. */
static void drain_full(void)
{
    while (oi_queue_size(&queue) >= batch_size && !urgent()) {
        if (!export_batch())
            break;
    }
}

static void serve_flush(void)
{
    uint32_t ticket = atomic_load(&flush_asked);
    drain();
    oi_exporter_flush();
    atomic_store(&flush_done, ticket);
    oi_futex_wake(&flush_done, INT32_MAX);
}

/* Sleeps until a batch is full (false), or until everything that waits is due: its delay is over, a flush was asked for
 * or the process leaves (true). The delay counts from the first span that waits. */
static bool sleep_until_due(void)
{
    uint64_t due = OI_FOREVER;
    for (;;) {
        uint32_t heard = atomic_load(&bell);
        uint64_t queued = oi_queue_size(&queue);
        if (queued > 0 && due == OI_FOREVER)
            due = oi_mono_ns() + delay_ns;
        atomic_store(&state, queued > 0 ? TIMING : IDLE);
        atomic_thread_fence(memory_order_seq_cst);
        uint64_t now_queued = oi_queue_size(&queue);
        bool changed = urgent() || now_queued >= batch_size || (queued == 0 && now_queued > 0);
        uint64_t until = due, now = oi_mono_ns();
        bool looking = atomic_load(&sandboxed) && until > now + LOOK_MS * OI_NS_PER_MS;
        if (looking)
            until = now + LOOK_MS * OI_NS_PER_MS;
        bool over = !changed && !oi_futex_wait(&bell, heard, until) && !looking;
        atomic_store(&state, AWAKE);
        if (over || urgent())
            return true;
        if (oi_queue_size(&queue) >= batch_size)
            return false;
    }
}

static void give_up_rest(void)
{
    uint64_t left = 0;
    for (struct oi_record *record; (record = oi_queue_pop(&queue)) != NULL; left++)
        oi_record_free(record);
    if (left > 0)
        oi_count_dropped(OI_DROP_EXPORT_FAILED, left);
}

static void become_agent_thread(void)
{
    oi_thread.agent = true;
    atomic_store(&thread_id, (pid_t)syscall(SYS_gettid));
    prctl(PR_SET_NAME, "otel-worker");
    /* A table of our own, empty: we neither die with a program that closes everything nor keep its pipes open. */
    bool keep = oi_log_keep_stderr();
    if (syscall(SYS_close_range, keep ? STDERR_FILENO + 1U : 0U, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
        unshare(CLONE_FILES);
    } else if (keep) {
        oi_system_close(STDIN_FILENO);
        oi_system_close(STDOUT_FILENO);
    }
}

static void *work(void *unused)
{
    (void)unused;
    become_agent_thread();
    if (atomic_exchange(&beginning, false))
        oi_fence_leave();
    while (!leaving(NULL)) {
        bool all = sleep_until_due();
        if (atomic_load(&open_asked))
            open_exporter();
        if (flush_pending())
            serve_flush();
        else if (all)
            drain();
        else
            drain_full();
    }
    drain();
    oi_exporter_flush();
    atomic_store(&too_late, true);
    give_up_rest();
    atomic_store(&flush_done, atomic_load(&flush_asked));
    oi_futex_wake(&flush_done, INT32_MAX);
    atomic_store(&parked, 1);
    oi_futex_wake(&parked, INT32_MAX);
    while (!atomic_load(&may_end))
        oi_futex_wait(&parked, 1, OI_FOREVER);
    return NULL;
}

/* --- control, from the program's threads -------------------------------------------------------------------------- */

bool oi_worker_running(void)
{
    return atomic_load_explicit(&running, memory_order_relaxed) >= 2;
}

bool oi_worker_has_work(void)
{
    return oi_queue_size(&queue) > 0;
}

static int create(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store(&beginning, oi_fence_take(oi_mono_ns()));
    int rc = EINVAL;
    for (size_t size = STACK_SIZE; rc == EINVAL && size <= STACK_SIZE_MOST; size *= 4) {
        pthread_attr_setstacksize(&attributes, size);
        rc = pthread_create(&thread, &attributes, work, NULL);
    }
    if (rc != 0 && atomic_exchange(&beginning, false))
        oi_fence_leave();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return rc;
}

bool oi_worker_start(bool ahead)
{
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&running, &none, 1))
        return none == 2;
    if (create() == 0) {
        atomic_store(&running, 2);
        oi_last_thread_worker_started();
        return true;
    }
    atomic_store(&running, ahead ? 0 : 3);
    if (!ahead)
        oi_log(OI_LOG_WARN, "cannot start the export thread; spans of this process are dropped");
    return false;
}

void oi_worker_sandboxed(void)
{
    atomic_store(&sandboxed, true);
    atomic_fetch_add(&bell, 1); /* the filter is not there yet: let it begin to look */
    oi_futex_wake(&bell, 1);
}

/* Waits for *word to change from `seen`; under a filter without a system call. False when the time is over. */
static bool await(_Atomic uint32_t *word, uint32_t seen, uint64_t until)
{
    if (!atomic_load(&sandboxed))
        return oi_futex_wait(word, seen, until);
    while (atomic_load(word) == seen && oi_mono_ns() < until)
        atomic_signal_fence(memory_order_seq_cst);
    return atomic_load(word) != seen;
}

bool oi_worker_flush(uint64_t deadline)
{
    if (atomic_load(&running) != 2 || atomic_load(&too_late))
        return true;
    uint32_t ticket = atomic_fetch_add(&flush_asked, 1) + 1;
    ring();
    for (;;) {
        uint32_t done = atomic_load(&flush_done);
        if ((int32_t)(done - ticket) >= 0)
            return true;
        if (!await(&flush_done, done, deadline))
            return false;
    }
}

/* Has the worker flush and park. False: it did not come in time. */
static bool send_home(uint64_t deadline)
{
    atomic_store(&leave_by, deadline);
    ring();
    uint64_t last = deadline + WAY_OUT_MS * OI_NS_PER_MS;
    while (!atomic_load(&parked)) {
        if (!await(&parked, 0, last))
            return false;
    }
    return true;
}

void oi_worker_park(uint64_t deadline)
{
    if (atomic_load(&running) != 2) {
        atomic_store(&too_late, true);
        give_up_rest();
        return;
    }
    send_home(deadline);
    atomic_store(&too_late, true);
}

void oi_worker_end(uint64_t deadline)
{
    bool was_running = atomic_load(&running) == 2;
    atomic_store(&may_end, true);
    oi_worker_park(deadline);
    atomic_store(&parked, 2);
    oi_futex_wake(&parked, INT32_MAX);
    if (was_running)
        pthread_join(thread, NULL);
}

/* Joined is not gone: the kernel counts a thread a moment longer. */
static void await_gone(uint64_t deadline)
{
    int saved = errno;
    pid_t gone = atomic_exchange(&thread_id, 0);
    while (gone && !atomic_load(&sandboxed) && syscall(SYS_tgkill, getpid(), gone, 0) == 0 && oi_mono_ns() < deadline)
        sched_yield();
    errno = saved;
}

void oi_worker_stop(uint64_t deadline)
{
    uint32_t runs = 2;
    if (!atomic_compare_exchange_strong(&running, &runs, 1))
        return;
    atomic_store(&may_end, true);
    if (!send_home(deadline)) {
        atomic_store(&too_late, true);
        atomic_store(&running, 2);
        return;
    }
    atomic_store(&parked, 2);
    oi_futex_wake(&parked, INT32_MAX);
    pthread_join(thread, NULL);
    await_gone(deadline);
    oi_exporter_forked(); /* its sockets were in the thread's own table */
    atomic_store(&leave_by, 0);
    atomic_store(&may_end, false);
    atomic_store(&parked, 0);
    atomic_store(&opened, 0);
    atomic_store(&open_asked, 0);
    atomic_store(&too_late, false);
    atomic_store(&running, 0);
}

bool oi_worker_as_capable(void)
{
    return oi_capabilities_equal(atomic_load(&thread_id));
}

void oi_worker_open_exporter(uint64_t deadline)
{
    if (atomic_load(&running) != 2)
        return;
    atomic_store(&open_asked, 1);
    ring();
    while (!atomic_load(&opened)) {
        if (!oi_futex_wait(&opened, 0, deadline))
            break;
    }
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

void oi_worker_fork_prepare(void)
{
    /* Also without a worker: another thread may be starting it. */
    oi_thread.fence = oi_fence_take_to_fork(atomic_load(&sandboxed) ? 0 : atomic_load(&thread_id));
}

void oi_worker_fork_parent(void)
{
    if (oi_thread.fence)
        oi_fence_leave();
    oi_thread.fence = false;
}

void oi_worker_fork_child(bool by_handler)
{
    /* What a worker has that begins is an allocator's lock at most, and the system's is not left locked. */
    bool torn = by_handler ? !oi_thread.fence && !atomic_load(&beginning) : atomic_load(&running) >= 1;
    spoiled = spoiled || torn;
    oi_thread.fence = false;
    atomic_store(&beginning, false);
    for (uint32_t i = 0; i < batch_count; i++)
        oi_record_free(batch[i]);
    batch_count = 0;
    oi_queue_reset(&queue, give_back);
    oi_fence_reset();
    atomic_store(&overflow, NOT_FULL);
    atomic_store(&state, AWAKE);
    atomic_store(&bell, 0);
    atomic_store(&flush_asked, 0);
    atomic_store(&flush_done, 0);
    atomic_store(&parked, 0);
    atomic_store(&opened, 0);
    atomic_store(&open_asked, 0);
    atomic_store(&running, 0);
    oi_exporter_forked();
}
