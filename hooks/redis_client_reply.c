/* Replies: what is kept of one, and which command it answers. */
#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/url.h"
#include "hooks/connection.h"
#include "hooks/redis_client.h"

/* --- what a reply says -------------------------------------------------------------------------------------------- */

static struct oi_pool failures = {.slot_size = (sizeof(struct oi_redis_failure) + 15) / 16 * 16, .count = 1024};

void oi_redis_reply_clear(struct oi_redis_reply *reply)
{
    if (reply->failure)
        oi_pool_give(&failures, reply->failure);
    *reply = (struct oi_redis_reply){0};
}

static struct oi_pool earlies = {.slot_size = (sizeof(struct oi_redis_early) + 15) / 16 * 16, .count = 4096};

void oi_redis_early_clear(struct oi_redis_client *client)
{
    while (client->early) {
        struct oi_redis_early *early = client->early;
        client->early = early->next;
        oi_redis_reply_clear(&early->reply);
        oi_pool_give(&earlies, early);
    }
}

static void add(char *room, size_t size, uint8_t *length, const struct oi_resp_event *event)
{
    size_t left = size - *length, n = event->len < left ? event->len : left;
    if (event->at && n > 0) {
        memcpy(room + *length, event->at, n);
        *length = (uint8_t)(*length + n);
    }
}

/* The first word: of a simple string, or of what holds several values. */
static bool is_word(const struct oi_resp_event *event)
{
    if (event->depth == 0)
        return event->type == OI_RESP_SIMPLE;
    return event->depth == 1 && event->index == 0 && (event->type == OI_RESP_STRING || event->type == OI_RESP_SIMPLE);
}

/* Under a system call filter no memory is mapped. */
static void *take(struct oi_pool *pool)
{
    return !oi_life_confined() || oi_pool_mapped(pool) ? oi_pool_take(pool) : NULL;
}

/* An error, also one directly in a reply: a command of a transaction that failed. The first one counts. */
static void note_error(struct oi_redis_reply *reply, const struct oi_resp_event *event)
{
    if (reply->failed && !reply->failing)
        return;
    if (!reply->failed)
        reply->failure = take(&failures);
    if (!reply->failed && reply->failure)
        reply->failure->length = 0;
    reply->failed = true;
    reply->failing = !event->last;
    if (reply->failure)
        add(reply->failure->text, sizeof reply->failure->text, &reply->failure->length, event);
}

static void note_value(struct oi_redis_reply *reply, const struct oi_resp_event *event)
{
    if (event->depth > 1)
        return;
    if (event->type == OI_RESP_ERROR || event->type == OI_RESP_LONG_ERROR)
        note_error(reply, event);
    else if (is_word(event))
        add(reply->word, sizeof reply->word, &reply->word_length, event);
    else if (event->type == OI_RESP_INTEGER)
        reply->zero = event->number == 0;
}

static struct oi_text word_of(const struct oi_redis_reply *reply)
{
    return oi_text_of(reply->word, reply->word_length);
}

static enum oi_redis_answer answer_of(const struct oi_redis_reply *reply)
{
    if (reply->type == OI_RESP_SIMPLE)
        return oi_text_equal(word_of(reply), OI_TEXT("QUEUED")) ? OI_ANSWER_QUEUED : OI_ANSWER_DONE;
    return reply->type == OI_RESP_ARRAY && !reply->null ? OI_ANSWER_MANY : OI_ANSWER_OTHER;
}

/* --- what it answers ---------------------------------------------------------------------------------------------- */

/* A thread that reads may be faster than the one that has written: the call that sends is told of when it has returned.
 * While one is under way, a reply to nothing waits for its command. False: it is one to nothing. */
static bool keep_early(struct oi_connection *connection, struct oi_redis_reply *reply)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_redis_early *early = connection->now_mono_ns != 0 ? take(&earlies) : NULL, **last = &client->early;
    if (!early)
        return false;
    while (*last)
        last = &(*last)->next;
    early->next = NULL;
    early->reply = *reply;
    *reply = (struct oi_redis_reply){0};
    *last = early;
    return true;
}

static bool ready(const struct oi_redis_client *client)
{
    return client->first && client->first->complete;
}

static void answered(struct oi_connection *connection, struct oi_redis_reply *reply)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_redis_request *request = client->first;
    if (!request && client->unkept > 0) {
        client->unkept--;
        client->session.database = -1; /* it may have been a SELECT */
        return;
    }
    if (!ready(client) && keep_early(connection, reply))
        return;
    if (!request || (!request->complete && !reply->failed)) { /* an answer to nothing we know */
        oi_redis_client_forget(client);
        return;
    }
    bool complete = request->complete, simple = reply->type == OI_RESP_SIMPLE;
    /* A transaction's errors are in EXEC's reply; what others hold is data. */
    if (request->effect != OI_EFFECT_EXEC && reply->type != OI_RESP_ERROR && reply->type != OI_RESP_LONG_ERROR)
        reply->failed = false;
    oi_redis_client_report(connection, request, reply);
    oi_redis_session_answered(&client->session, (enum oi_redis_effect)request->effect, request->database,
                              answer_of(reply));
    if (request->effect == OI_EFFECT_RESET && simple)
        client->subscribed = client->monitors = false;
    if (request->kind == OI_REDIS_MONITOR && simple)
        client->monitors = true;
    oi_redis_client_unlink(client);
    if (!complete) /* refused before it was there: the server reads no more */
        oi_redis_client_forget(client);
}

/* A message that says which channel has been subscribed to: one for each argument; without arguments, one for each
 * channel there was, of which the first one counts. */
static void confirmed(struct oi_connection *connection, struct oi_redis_reply *reply)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_redis_request *request = client->first;
    if (!request->answered)
        oi_redis_client_report(connection, request, reply);
    request->answered = true;
    if (++request->confirmed + 1 >= request->arguments)
        oi_redis_client_unlink(client);
}

static bool ends_with(struct oi_text text, struct oi_text end)
{
    return text.len >= end.len && memcmp(text.at + text.len - end.len, end.at, end.len) == 0;
}

/* `subscribe`, `punsubscribe`, …: the messages that answer a command. */
static bool confirms(const struct oi_redis_client *client, const struct oi_redis_reply *reply)
{
    const struct oi_redis_request *request = client->first;
    return ready(client) && request->kind == OI_REDIS_CONFIRM &&
           oi_text_equal_nocase(oi_redis_request_name(request), word_of(reply));
}

static bool is_monitor_line(const struct oi_redis_reply *reply)
{
    return reply->type == OI_RESP_SIMPLE && reply->word_length > 0 && reply->word[0] >= '0' && reply->word[0] <= '9';
}

static void reply_ends(struct oi_connection *connection, struct oi_redis_reply *reply)
{
    struct oi_redis_client *client = &connection->redis;
    bool array = reply->type == OI_RESP_ARRAY, push = reply->type == OI_RESP_PUSH;
    bool leaves = ends_with(word_of(reply), OI_TEXT("unsubscribe"));
    if (reply->type == OI_RESP_ATTRIBUTE || (client->monitors && is_monitor_line(reply)))
        return;
    if ((array || push) && confirms(client, reply)) {
        client->subscribed = array && (!leaves || !reply->zero);
        confirmed(connection, reply);
    } else if (array && client->subscribed && !oi_text_equal(word_of(reply), OI_TEXT("pong"))) {
        if (leaves && reply->zero)
            client->subscribed = false;
    } else if (!push) {
        answered(connection, reply);
    } else if (!ready(client) && ends_with(word_of(reply), OI_TEXT("subscribe"))) {
        keep_early(connection, reply);
    }
}

void oi_redis_client_catch_up(struct oi_connection *connection)
{
    struct oi_redis_client *client = &connection->redis;
    while (client->early && ready(client) && !client->over) {
        struct oi_redis_early *early = client->early;
        client->early = early->next;
        reply_ends(connection, &early->reply);
        oi_redis_reply_clear(&early->reply);
        oi_pool_give(&earlies, early);
    }
}

void oi_redis_client_received(struct oi_connection *connection, const char *at, size_t length)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_resp_event event;
    if (!client->over)
        oi_redis_client_close_group(client);
    if (client->early && connection->now_mono_ns == 0) /* the call is over, and was about something else */
        oi_redis_client_forget(client);
    while (!client->over) {
        size_t used = oi_resp_next(&client->replies, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        switch ((enum oi_resp_kind)event.kind) {
        case OI_RESP_MORE:
            return;
        case OI_RESP_BEGIN:
            oi_redis_reply_clear(&client->reply);
            break;
        case OI_RESP_VALUE:
            note_value(&client->reply, &event);
            break;
        case OI_RESP_END:
            client->reply.type = event.type;
            client->reply.null = event.null;
            reply_ends(connection, &client->reply);
            oi_redis_reply_clear(&client->reply);
            break;
        case OI_RESP_OVER:
            oi_redis_client_forget(client);
            break;
        }
    }
}
