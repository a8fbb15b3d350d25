#include "hooks/libcurl_callbacks.h"

#include <stdio.h>

#include "agent/thread.h"
#include "hooks/libcurl.h"

#define FUNCTION_OPTION(name, function, ...) function,
#define DATA_OPTION(name, function, data, ...) data,
static const uint16_t function_options[] = {OI_CURL_CALLBACKS(FUNCTION_OPTION)};
static const uint16_t data_options[] = {OI_CURL_CALLBACKS(DATA_OPTION)};

/* --- what the program has set ------------------------------------------------------------------------------------- */

/* Values of libcurl's own functions, fwrite and fread, which the program's get where it sets none. */
void oi_curl_callbacks_init(struct oi_curl_callbacks *callbacks)
{
    *callbacks = (struct oi_curl_callbacks){0};
    callbacks->data[OI_CURL_CALLBACK_WRITE] = stdout;
    callbacks->data[OI_CURL_CALLBACK_READ] = stdin;
}

bool oi_curl_callbacks_remember(struct oi_curl_callbacks *callbacks, CURLoption option, void *argument)
{
    bool known = false;
    if (option == CURLOPT_HTTPPOST && argument)
        callbacks->old_form = known = true;
    for (size_t i = 0; i < OI_CURL_CALLBACK_COUNT; i++)
        if ((int)option == function_options[i]) {
            callbacks->function[i] = (oi_curl_function *)(uintptr_t)argument;
            known = true;
        } else if ((int)option == data_options[i]) { /* PROGRESS and XFERINFO share theirs */
            callbacks->data[i] = argument;
            known = true;
        }
    return known;
}

/* The function that a call of ours stands for; NULL: libcurl's own, which is left in place. Without a HEADER function,
 * headers go to the WRITE function if there is a value for them. */
static oi_curl_function *function_of(const struct oi_curl_callbacks *callbacks, size_t i)
{
    oi_curl_function *function = callbacks->function[i];
    if (i == OI_CURL_CALLBACK_READ && callbacks->old_form)
        return NULL;
    if (i == OI_CURL_CALLBACK_HEADER && !function && callbacks->data[i])
        function = callbacks->function[OI_CURL_CALLBACK_WRITE];
    return function;
}

/* --- what libcurl calls ------------------------------------------------------------------------------------------- */

static size_t skip(char *bytes, size_t size, size_t count, void *own)
{
    (void)bytes, (void)own;
    return size * count;
}

/* libcurl's own, where a program gives none. */
static size_t from_file(char *bytes, size_t size, size_t count, void *file)
{
    return fread(bytes, size, count, file);
}

static size_t to_file(char *bytes, size_t size, size_t count, void *file)
{
    return fwrite(bytes, size, count, file);
}

/* As function_of, for a function that is ours already. A program may set one back in the middle of it; libcurl goes on
 * calling ours with what is left of the bytes in its hands, and they go where its own function would put them. It looks
 * the others up each time: NULL never reaches them. */
static oi_curl_function *function_now(const struct oi_curl_callbacks *callbacks, size_t i)
{
    oi_curl_function *function = function_of(callbacks, i);
    if (function)
        return function;
    if (i == OI_CURL_CALLBACK_HEADER && !callbacks->data[i])
        return (oi_curl_function *)skip;
    if (i == OI_CURL_CALLBACK_WRITE || i == OI_CURL_CALLBACK_HEADER)
        return (oi_curl_function *)to_file;
    return i == OI_CURL_CALLBACK_READ ? (oi_curl_function *)from_file : NULL;
}

/* Makes the context of the transfer's adding the current one. A handle of libcurl's own (a look-up over HTTPS) may be
 * at work for the transfer a little longer than that lasts. */
static struct oi_current enter(const struct oi_curl_handle *handle)
{
    return oi_context_exchange(handle->place.open ? handle->place.current : oi_context_now());
}

/* libcurl takes the READ function and its value once, when a transfer starts; what is set later is for the next. */
static void latch(struct oi_curl_handle *handle, size_t i)
{
    struct oi_curl_place *place = &handle->place;
    if (i != OI_CURL_CALLBACK_READ || place->read_function)
        return;
    place->read_function = function_now(&handle->set.callbacks, i);
    place->read_data = handle->set.callbacks.data[i];
}

#define RUN(name, function_option, data_option, type, parameters, arguments)                                           \
    OI_CALLS_BACK static type run_##name parameters                                                                    \
    {                                                                                                                  \
        struct oi_curl_handle *handle = data;                                                                          \
        latch(handle, OI_CURL_CALLBACK_##name);                                                                        \
        bool read = OI_CURL_CALLBACK_##name == OI_CURL_CALLBACK_READ;                                                  \
        void *own = read ? handle->place.read_data : handle->set.callbacks.data[OI_CURL_CALLBACK_##name];              \
        type(*function) parameters = (type(*) parameters)(                                                             \
            read ? handle->place.read_function : function_now(&handle->set.callbacks, OI_CURL_CALLBACK_##name));       \
        struct oi_current before = enter(handle);                                                                      \
        type result = function ? function arguments : (type)0;                                                         \
        oi_context_exchange(before);                                                                                   \
        return result;                                                                                                 \
    }
OI_CURL_CALLBACKS(RUN)

#define RUNS(name, ...) (oi_curl_function *)run_##name,
static oi_curl_function *const ours[] = {OI_CURL_CALLBACKS(RUNS)};

/* --- lending ------------------------------------------------------------------------------------------------------ */

static void set(const struct oi_call *call, CURL *easy, size_t i, oi_curl_function *function, void *data)
{
    OI_REAL(*call, curl_easy_setopt)(easy, (CURLoption)function_options[i], function);
    OI_REAL(*call, curl_easy_setopt)(easy, (CURLoption)data_options[i], data);
}

/* libcurl may look these up once for several calls: once ours, they stay so until they are taken back. */
static bool stays(size_t i)
{
    return i == OI_CURL_CALLBACK_WRITE || i == OI_CURL_CALLBACK_HEADER;
}

void oi_curl_callbacks_lend(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle)
{
    const struct oi_curl_callbacks *callbacks = &handle->set.callbacks;
    uint16_t wanted = 0;
    for (size_t i = 0; i < OI_CURL_CALLBACK_COUNT; i++)
        if (function_of(callbacks, i) || (stays(i) && (handle->lent_callbacks & 1 << i)))
            wanted |= (uint16_t)(1 << i);
    /* First what is not ours any more: it may share its value's option with one that is. */
    for (size_t i = 0; i < OI_CURL_CALLBACK_COUNT; i++)
        if (handle->lent_callbacks & ~wanted & 1 << i)
            set(call, easy, i, callbacks->function[i], callbacks->data[i]);
    for (size_t i = 0; i < OI_CURL_CALLBACK_COUNT; i++)
        if (wanted & 1 << i)
            set(call, easy, i, ours[i], handle);
    handle->lent_callbacks = wanted;
}

void oi_curl_callbacks_begin(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle)
{
    struct oi_curl_place *place = &handle->place;
    place->current = oi_context_keep();
    place->read_function = NULL;
    place->follows = true;
    oi_curl_callbacks_lend(call, easy, handle);
}

void oi_curl_callbacks_restore(const struct oi_call *call, CURL *copy, const struct oi_curl_handle *handle)
{
    for (size_t i = 0; i < OI_CURL_CALLBACK_COUNT; i++)
        if (handle->lent_callbacks & 1 << i)
            set(call, copy, i, handle->set.callbacks.function[i], handle->set.callbacks.data[i]);
}

void oi_curl_callbacks_take_back(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle)
{
    if (!handle->lent_callbacks)
        return;
    oi_curl_callbacks_restore(call, easy, handle);
    handle->lent_callbacks = 0;
}
