#include "hooks/redis_request.h"

#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/url.h"

enum { REQUESTS = 16384 };

static struct oi_pool requests = {.slot_size = OI_REDIS_REQUEST_SIZE, .count = REQUESTS, .modest = true};

_Static_assert(sizeof(struct oi_redis_request) <= OI_REDIS_REQUEST_SIZE / 4, "most of it is for arguments");

struct oi_redis_request *oi_redis_request_take(void)
{
    bool possible = !oi_life_confined() || oi_pool_mapped(&requests);
    struct oi_redis_request *request = possible ? oi_pool_take(&requests) : NULL;
    if (!request)
        return NULL;
    memset(&request->kind, 0, sizeof *request - offsetof(struct oi_redis_request, kind));
    request->image = oi_span_image();
    request->forks = oi_life_forks();
    return request;
}

void oi_redis_request_give(struct oi_redis_request *request)
{
    oi_pool_give(&requests, request);
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static char *end_of(struct oi_redis_request *request)
{
    return (char *)request + OI_REDIS_REQUEST_SIZE;
}

/* Behind the place of one more text. */
static char *gap(struct oi_redis_request *request)
{
    return (char *)&request->texts[request->known + 1];
}

static size_t gap_size(struct oi_redis_request *request)
{
    char *from = gap(request), *to = end_of(request) - request->used;
    return to > from ? (size_t)(to - from) : 0;
}

/* The argument at hand goes to the other end. False: not even its place fits. */
static bool keep(struct oi_redis_request *request)
{
    if (gap(request) > end_of(request) - request->used)
        return false;
    struct oi_text *text = &request->texts[request->known++];
    *text = OI_TEXT("?");
    if (request->cut)
        return true;
    request->used = (uint16_t)(request->used + request->open);
    char *at = end_of(request) - request->used;
    memmove(at, text + 1, request->open);
    *text = oi_text_of(at, request->open);
    return true;
}

void oi_redis_request_add(struct oi_redis_request *request, const char *at, size_t length, bool last)
{
    bool whole = request->known == request->arguments; /* all before it are known */
    size_t room = gap_size(request);
    if (room > OI_REDIS_ARGUMENT_MAX)
        room = OI_REDIS_ARGUMENT_MAX;
    if (!at || length > room - (request->open < room ? request->open : room))
        request->cut = request->cut || length > 0;
    else if (whole && !request->cut && length > 0) {
        memcpy(gap(request) + request->open, at, length);
        request->open = (uint16_t)(request->open + length);
    }
    if (!last)
        return;
    if (whole)
        keep(request);
    request->arguments++;
    request->open = 0;
    request->cut = false;
}

struct oi_redis_args oi_redis_request_args(const struct oi_redis_request *request)
{
    return (struct oi_redis_args){request->texts, request->known, request->arguments};
}

struct oi_text oi_redis_request_name(const struct oi_redis_request *request)
{
    return request->known > 0 ? request->texts[0] : (struct oi_text){NULL, 0};
}

/* --- what it is --------------------------------------------------------------------------------------------------- */

static bool is(const struct oi_redis_request *request, size_t i, struct oi_text word)
{
    return i < request->known && oi_text_equal_nocase(request->texts[i], word);
}

/* XREAD and XREADGROUP wait where they are told to. */
static bool blocks(const struct oi_redis_request *request)
{
    for (size_t i = 1; i < request->known && !is(request, i, OI_TEXT("streams")); i++)
        if (is(request, i, OI_TEXT("block")))
            return true;
    return false;
}

static enum oi_redis_kind kind_of(const struct oi_redis_request *request)
{
    static const struct {
        struct oi_text name;
        enum oi_redis_kind kind;
    } rows[] = {
        {OI_TEXT("ping"), OI_REDIS_PING},
        {OI_TEXT("hello"), OI_REDIS_SETUP},
        {OI_TEXT("auth"), OI_REDIS_SETUP},
        {OI_TEXT("select"), OI_REDIS_SETUP},
        {OI_TEXT("client"), OI_REDIS_SETUP},
        {OI_TEXT("readonly"), OI_REDIS_SETUP},
        {OI_TEXT("readwrite"), OI_REDIS_SETUP},
        {OI_TEXT("blpop"), OI_REDIS_POLL},
        {OI_TEXT("brpop"), OI_REDIS_POLL},
        {OI_TEXT("brpoplpush"), OI_REDIS_POLL},
        {OI_TEXT("blmove"), OI_REDIS_POLL},
        {OI_TEXT("blmpop"), OI_REDIS_POLL},
        {OI_TEXT("bzpopmin"), OI_REDIS_POLL},
        {OI_TEXT("bzpopmax"), OI_REDIS_POLL},
        {OI_TEXT("bzmpop"), OI_REDIS_POLL},
        {OI_TEXT("xread"), OI_REDIS_POLL},
        {OI_TEXT("xreadgroup"), OI_REDIS_POLL},
        {OI_TEXT("subscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("psubscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("ssubscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("unsubscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("punsubscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("sunsubscribe"), OI_REDIS_CONFIRM},
        {OI_TEXT("monitor"), OI_REDIS_MONITOR},
        {OI_TEXT("quit"), OI_REDIS_LAST},
        {OI_TEXT("shutdown"), OI_REDIS_LAST},
        {OI_TEXT("sync"), OI_REDIS_UNFIT},
        {OI_TEXT("psync"), OI_REDIS_UNFIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is(request, 0, rows[i].name))
            return rows[i].kind;
    return OI_REDIS_PLAIN;
}

void oi_redis_request_end(struct oi_redis_request *request)
{
    request->complete = true;
    request->kind = kind_of(request);
    request->database = -1;
    if (request->known == 0)
        return;
    request->effect = oi_redis_effect_of(request->texts[0]);
    if (request->known > 1 && request->effect == OI_EFFECT_SELECT)
        request->database = oi_redis_index(request->texts[1]);
    if (request->kind == OI_REDIS_POLL && (request->texts[0].at[0] | 0x20) == 'x' && !blocks(request))
        request->kind = OI_REDIS_PLAIN;
    if (is(request, 0, OI_TEXT("command")) && (request->arguments == 1 || is(request, 1, OI_TEXT("docs"))))
        request->kind = OI_REDIS_SETUP; /* what commands there are: clients ask that to know how to ask */
    if (is(request, 0, OI_TEXT("client")) && is(request, 1, OI_TEXT("reply")) && !is(request, 2, OI_TEXT("on")))
        request->kind = OI_REDIS_UNFIT;
}
