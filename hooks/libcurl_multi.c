/* libcurl's multi interface: a transfer's span begins when its handle is added, and ends when libcurl says that it is
 * done, or when its handle is taken away before. libcurl reads a header list whenever it sends a request (a redirect, a
 * second try), so ours stays lent for all that time.
 *
 * A multi handle and the handles in it belong to one thread at a time, by libcurl's contract: the list of members needs
 * no lock. */
#include <stdarg.h>

#include "agent/futex.h"
#include "agent/handles.h"
#include "agent/pool.h"
#include "hooks/libcurl.h"

/* Beside a CURLM *. */
struct oi_curl_multi {
    const struct oi_provider *provider; /* the copy of libcurl that made it */
    const struct oi_thread *user;       /* the thread that has used it last */
    uint32_t closings;                  /* oi_library_closings then */
    struct oi_curl_handle *first;       /* the members whose transfers we follow */
    size_t open;                        /* transfers begun and not known to be over */
    uint64_t first_turn, last_turn; /* when the calls came back that drove it since all results were read; 0: none */
    bool pushes;                    /* it has a CURLMOPT_PUSHFUNCTION, or had */
};

/* The state stands in a pool, the map holds its address only: while a multi handle is being freed, and another thread
 * may be given one at the same address, the state is still needed. */
enum { MULTIS_MAX = 1024, SLOT = (sizeof(struct oi_curl_multi) + 15) & ~15UL };

struct entry {
    struct oi_curl_multi *multi;
};

static struct oi_handles entries = OI_HANDLES(struct entry);
static struct oi_pool slots = {.slot_size = SLOT, .count = MULTIS_MAX};

static struct oi_curl_multi *find(const CURLM *handle)
{
    const struct entry *entry = oi_handles_find(&entries, handle);
    return entry ? entry->multi : NULL;
}

static bool enlist(const CURLM *handle, struct oi_curl_multi *multi)
{
    struct entry *entry = oi_handles_add(&entries, handle);
    if (entry)
        entry->multi = multi;
    return entry;
}

/* Enters a call about a multi handle; *multi is NULL where the call or the handle is not ours to watch. */
static struct oi_call enter(const CURLM *handle, const void *caller, struct oi_curl_multi **multi)
{
    *multi = find(handle);
    struct oi_call call = oi_call_enter_with(&oi_library_libcurl, *multi ? (*multi)->provider : NULL, caller);
    if (!call.watched)
        *multi = NULL;
    if (*multi) {
        (*multi)->user = &oi_thread;
        (*multi)->closings = oi_library_closings();
    }
    return call;
}

static void join(struct oi_curl_multi *multi, struct oi_curl_handle *handle, CURL *easy)
{
    struct oi_curl_place *place = &handle->place;
    place->multi = multi;
    place->easy = easy;
    place->open = true;
    place->done_mono_ns = 0;
    place->epoch = oi_span_image();
    place->next = multi->first;
    place->link = &multi->first;
    if (place->next)
        place->next->place.link = &place->next;
    multi->first = handle;
    multi->open++;
}

void oi_curl_multi_forget(struct oi_curl_handle *handle)
{
    struct oi_curl_place *place = &handle->place;
    if (!place->multi)
        return;
    if (place->open && place->done_mono_ns == 0)
        place->multi->open--;
    place->open = false;
    *place->link = place->next;
    if (place->next)
        place->next->place.link = place->link;
    place->multi = NULL;
}

/* When a transfer that is over was over. A program that reads all results after each call that drives its transfers is
 * told at once: then it was in the last of these calls. In one of several, where it reads them later: which one,
 * libcurl's own clock tells, that runs from the first of them after the adding. */
static uint64_t over_since(const struct oi_call *call, const struct oi_curl_place *place, uint64_t now)
{
    curl_off_t lasted = 0;
    uint64_t latest = place->done_mono_ns ? place->done_mono_ns : place->multi->last_turn;
    uint64_t earliest = place->multi->first_turn;
    if (latest < place->span.start_mono_ns)
        return now;
    if (earliest == 0 || earliest >= latest)
        return latest;
    OI_REAL(*call, curl_easy_getinfo)(place->easy, CURLINFO_TOTAL_TIME_T, &lasted);
    uint64_t end = place->span.start_mono_ns + (lasted > 0 ? (uint64_t)lasted * 1000 : 0);
    return end < earliest ? earliest : end > latest ? latest : end;
}

/* The transfer is over. A fork's child, which has copies of its parent's handles, does not deliver the parent's span.
 */
static void finish(const struct oi_call *call, struct oi_curl_handle *handle, int result)
{
    struct oi_curl_place *place = &handle->place;
    if (!place->open)
        return;
    uint64_t now = oi_mono_ns();
    if (result >= 0 || result == OI_CURL_UNTOLD) /* a span ends now; this one ended then */
        place->span.start_mono_ns += now - over_since(call, place, now);
    else if (place->multi->last_turn < place->span.start_mono_ns) /* any call that drives begins what was added */
        result = OI_CURL_NOT_BEGUN;
    place->open = false;
    if (place->done_mono_ns == 0)
        place->multi->open--;
    if (place->epoch == oi_span_image())
        oi_curl_transfer_end(call, place->easy, handle, &place->span, result);
    else
        oi_curl_take_back(call, place->easy, handle);
}

void oi_curl_multi_leave(const struct oi_call *call, struct oi_curl_handle *handle)
{
    if (!handle->place.multi)
        return;
    finish(call, handle, handle->place.done_mono_ns ? OI_CURL_UNTOLD : OI_CURL_ABANDONED);
    oi_curl_multi_forget(handle);
}

/* Nothing of this multi handle runs any more: all its transfers are over, even if the program asks for their results
 * later, or never. */
static void all_done(struct oi_curl_multi *multi)
{
    for (struct oi_curl_handle *handle = multi->first; handle; handle = handle->place.next)
        if (handle->place.open && handle->place.done_mono_ns == 0)
            handle->place.done_mono_ns = multi->last_turn;
    multi->open = 0;
}

/* The program ends. Handles that another thread has used last may be in its hands at this moment, and a libcurl that
 * may have been closed cannot be asked: what is under way there makes no span. */
static void deliver_entry(void *state)
{
    struct oi_curl_multi *multi = ((struct entry *)state)->multi;
    if (!multi || multi->user != &oi_thread || multi->closings != oi_library_closings())
        return;
    struct oi_call call = {.provider = multi->provider};
    for (struct oi_curl_handle *handle = multi->first; handle; handle = handle->place.next)
        if (handle->place.epoch == oi_span_image())
            finish(&call, handle, handle->place.done_mono_ns ? OI_CURL_UNTOLD : OI_CURL_UNFINISHED);
}

static void deliver(void)
{
    oi_handles_each(&entries, deliver_entry);
}

static void discard(struct oi_curl_multi *multi)
{
    while (multi->first)
        oi_curl_multi_forget(multi->first);
    oi_pool_give(&slots, multi);
}

/* Remembers a multi handle just made. Without memory for that, it stays unknown. */
static void add(CURLM *made, const struct oi_provider *provider)
{
    struct oi_curl_multi *multi = find(made);
    if (multi) { /* left over: freed where we did not see it */
        oi_handles_remove(&entries, made);
        discard(multi);
    }
    multi = oi_pool_take(&slots);
    if (!multi)
        return;
    *multi = (struct oi_curl_multi){.provider = provider, .user = &oi_thread, .closings = oi_library_closings()};
    if (!enlist(made, multi))
        oi_pool_give(&slots, multi);
    oi_library_libcurl.deliver = deliver;
}

OI_HOOK(CURLM *, curl_multi_init, (void))
{
    struct oi_call call = oi_call_enter(&oi_library_libcurl, OI_CALLER);
    if (!call.provider)
        return NULL;
    if (!call.watched)
        return OI_REAL(call, curl_multi_init)();
    oi_call_pause(&call);
    CURLM *made = OI_REAL(call, curl_multi_init)();
    oi_call_resume(&call);
    if (made)
        add(made, call.provider);
    oi_call_leave(&call);
    return made;
}

/* Begins the transfer of a handle that is about to be added. NULL: not for us, or in a multi handle already (libcurl
 * will refuse it). */
static struct oi_curl_handle *begin(const struct oi_call *call, struct oi_curl_multi *multi, CURL *easy)
{
    struct oi_curl_handle *handle = oi_curl_find(easy);
    struct curl_slist *list;
    if (!handle || handle->place.multi || handle->provider != call->provider)
        return NULL;
    oi_curl_take_back(call, easy, handle);
    if (!oi_curl_transfer_begin(call, handle, &handle->place.span, &list))
        return NULL;
    if (list)
        OI_REAL(*call, curl_easy_setopt)(easy, CURLOPT_HTTPHEADER, list);
    handle->place.follows = false;
    if (!multi->pushes)
        oi_curl_callbacks_begin(call, easy, handle);
    join(multi, handle, easy);
    return handle;
}

OI_HOOK(CURLMcode, curl_multi_add_handle, (CURLM * handle, CURL *easy))
{
    struct oi_curl_multi *multi;
    struct oi_call call = enter(handle, OI_CALLER, &multi);
    if (!call.provider)
        return CURLM_INTERNAL_ERROR;
    struct oi_curl_handle *before = oi_active() ? NULL : oi_curl_find(easy);
    if (before) /* it may have our list from before we stood down */
        oi_curl_take_back(&call, easy, before);
    struct oi_curl_handle *added = multi ? begin(&call, multi, easy) : NULL;
    if (call.watched)
        oi_call_pause(&call);
    CURLMcode result = OI_REAL(call, curl_multi_add_handle)(handle, easy);
    if (!added || result == CURLM_OK)
        return result;
    oi_call_resume(&call);
    oi_curl_multi_forget(added); /* refused: there was no transfer */
    oi_curl_take_back(&call, easy, added);
    oi_call_leave(&call);
    return result;
}

/* What the server pushes has what its transfer has: so the program's own functions from here on. */
static void give_back_callbacks(const struct oi_call *call, struct oi_curl_multi *multi)
{
    multi->pushes = true;
    for (struct oi_curl_handle *handle = multi->first; handle; handle = handle->place.next) {
        handle->place.follows = false;
        oi_curl_callbacks_take_back(call, handle->place.easy, handle);
    }
}

OI_HOOK(CURLMcode, curl_multi_setopt, (CURLM * handle, CURLMoption option, ...))
{
    struct oi_curl_multi *multi;
    struct oi_call call = enter(handle, OI_CALLER, &multi);
    va_list arguments;
    va_start(arguments, option);
    void *argument = va_arg(arguments, void *); /* as in curl_easy_setopt */
    va_end(arguments);
    if (!call.provider)
        return CURLM_INTERNAL_ERROR;
    if (multi && option == CURLMOPT_PUSHFUNCTION && argument)
        give_back_callbacks(&call, multi);
    if (call.watched)
        oi_call_pause(&call);
    return OI_REAL(call, curl_multi_setopt)(handle, option, argument);
}

/* CURLM_ABORTED_BY_CALLBACK, since 7.81: it is out, and then the program's timer callback has failed. */
enum { ABORTED_BY_CALLBACK = 11 };

OI_HOOK(CURLMcode, curl_multi_remove_handle, (CURLM * handle, CURL *easy))
{
    struct oi_curl_multi *multi;
    struct oi_call call = enter(handle, OI_CALLER, &multi);
    if (!call.provider)
        return CURLM_INTERNAL_ERROR;
    if (call.watched)
        oi_call_pause(&call);
    CURLMcode result = OI_REAL(call, curl_multi_remove_handle)(handle, easy);
    if (!multi || (result != CURLM_OK && (int)result != ABORTED_BY_CALLBACK))
        return result;
    oi_call_resume(&call);
    struct oi_curl_handle *removed = oi_curl_find(easy);
    if (removed && removed->place.multi == multi)
        oi_curl_multi_leave(&call, removed);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(CURLMsg *, curl_multi_info_read, (CURLM * handle, int *left))
{
    struct oi_curl_multi *multi;
    struct oi_call call = enter(handle, OI_CALLER, &multi);
    if (!call.provider)
        return NULL;
    if (call.watched)
        oi_call_pause(&call);
    CURLMsg *message = OI_REAL(call, curl_multi_info_read)(handle, left);
    if (!multi)
        return message;
    oi_call_resume(&call);
    struct oi_curl_handle *done = message && message->msg == CURLMSG_DONE ? oi_curl_find(message->easy_handle) : NULL;
    if (done && done->place.multi == multi)
        finish(&call, done, (int)message->data.result);
    if (*left == 0)
        multi->first_turn = 0;
    oi_call_leave(&call);
    return message;
}

OI_HOOK(CURLMcode, curl_multi_cleanup, (CURLM * handle))
{
    struct oi_curl_multi *multi;
    struct oi_call call = enter(handle, OI_CALLER, &multi);
    if (!call.provider)
        return CURLM_INTERNAL_ERROR;
    if (multi)
        oi_handles_remove(&entries, handle);
    if (call.watched)
        oi_call_pause(&call);
    CURLMcode result = OI_REAL(call, curl_multi_cleanup)(handle);
    if (!multi)
        return result;
    oi_call_resume(&call);
    bool refused = result == CURLM_RECURSIVE_API_CALL || result == CURLM_BAD_HANDLE;
    if (!refused || !enlist(handle, multi)) {
        while (multi->first)
            oi_curl_multi_leave(&call, multi->first);
        oi_pool_give(&slots, multi);
    }
    oi_call_leave(&call);
    return result;
}

/* --- what drives the transfers ------------------------------------------------------------------------------------ */

/* After such a call. Only a multi handle with open transfers is looked at. */
static void driven(struct oi_call *call, struct oi_curl_multi *multi, CURLMcode result, const int *running)
{
    if (!multi || multi->open == 0 || result != CURLM_OK || !running)
        return;
    oi_call_resume(call);
    multi->last_turn = oi_mono_ns();
    if (multi->first_turn == 0)
        multi->first_turn = multi->last_turn;
    if (*running == 0)
        all_done(multi);
    oi_call_leave(call);
}

/* The whole of such a wrapper; `running` and what stands before it are the function's parameters. */
#define DRIVE(function, ...)                                                                                           \
    struct oi_curl_multi *multi;                                                                                       \
    struct oi_call call = enter(handle, OI_CALLER, &multi);                                                            \
    if (!call.provider)                                                                                                \
        return CURLM_INTERNAL_ERROR;                                                                                   \
    if (call.watched)                                                                                                  \
        oi_call_pause(&call);                                                                                          \
    CURLMcode result = OI_REAL(call, function)(handle, __VA_ARGS__);                                                   \
    driven(&call, multi, result, running);                                                                             \
    return result

OI_HOOK(CURLMcode, curl_multi_perform, (CURLM * handle, int *running))
{
    DRIVE(curl_multi_perform, running);
}

OI_HOOK(CURLMcode, curl_multi_socket_action, (CURLM * handle, curl_socket_t socket, int events, int *running))
{
    DRIVE(curl_multi_socket_action, socket, events, running);
}

OI_HOOK(CURLMcode, curl_multi_socket, (CURLM * handle, curl_socket_t socket, int *running))
{
    DRIVE(curl_multi_socket, socket, running);
}

OI_HOOK(CURLMcode, curl_multi_socket_all, (CURLM * handle, int *running))
{
    DRIVE(curl_multi_socket_all, running);
}
