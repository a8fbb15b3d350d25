#include "agent/db_span.h"

#include "agent/db_span_common.h"
#include "agent/url.h"

enum {
    NAME_MAX_BYTES = 255,   /* of a pipeline's name: it may hold thousands of commands */
    TEXT_MAX_BYTES = 32768, /* of a pipeline's text */
    ARGUMENT_GUESS = 256,   /* longer arguments are seldom keys: room for those is taken only if it turns out to lack */
};

static size_t arguments_of(const struct oi_redis_args *command)
{
    return command->total > command->count ? command->total : command->count;
}

static size_t room_for(const struct oi_redis_args *command, size_t longest)
{
    size_t room = 2 * arguments_of(command);
    for (size_t i = 0; i < command->count && room < OI_REDIS_TEXT_MAX; i++)
        room += command->at[i].len < longest ? command->at[i].len : longest;
    return room < OI_REDIS_TEXT_MAX ? room : OI_REDIS_TEXT_MAX;
}

static size_t total_of(const struct oi_redis_call *call)
{
    return call->total > call->count ? call->total : call->count;
}

/* The commands, one a line, in the record. */
static struct oi_text commands_text(struct oi_record *record, const struct oi_redis_call *call, bool keys)
{
    struct oi_buffer out = {0};
    for (size_t longest = ARGUMENT_GUESS;; longest = OI_REDIS_TEXT_MAX) {
        size_t room = 0;
        for (size_t i = 0; i < call->count && room < TEXT_MAX_BYTES; i++)
            room += 1 + room_for(&call->commands[i], keys ? longest : 32);
        out = oi_record_text_begin(record, room < TEXT_MAX_BYTES ? room : TEXT_MAX_BYTES);
        for (size_t i = 0; i < call->count && !out.truncated; i++) {
            if (i > 0)
                oi_buffer_char(&out, '\n');
            oi_redact_redis(call->commands[i], keys, &out);
        }
        if (!out.truncated || longest == OI_REDIS_TEXT_MAX)
            break;
    }
    return oi_record_text_end(record, &out);
}

/* The Python agent names two commands of the search module after what they do. */
static struct oi_text command_name(const struct oi_redis_args *command, bool traditional)
{
    struct oi_text name = oi_redis_command(*command);
    if (!oi_text_present(name))
        return OI_TEXT("redis");
    if (traditional && name.len > 3 && (name.at[0] | 0x20) == 'f') {
        if (oi_text_equal_nocase(name, OI_TEXT("ft.search")))
            return OI_TEXT("redis.search");
        if (oi_text_equal_nocase(name, OI_TEXT("ft.create")))
            return OI_TEXT("redis.create_index");
    }
    return name;
}

/* `SET INCRBY`: the commands' names, as many as there is room for. */
static void put_old_pipeline_name(struct oi_record *record, const struct oi_redis_call *call)
{
    struct oi_buffer out = oi_record_text_begin(record, NAME_MAX_BYTES);
    for (size_t i = 0; i < call->count; i++) {
        struct oi_text name = command_name(&call->commands[i], false);
        if (out.size - out.len < name.len + 5) {
            oi_buffer_put(&out, " ...", 4);
            break;
        }
        oi_buffer_put(&out, " ", i > 0);
        oi_buffer_put(&out, name.at, name.len);
    }
    oi_record_name_owned(record, oi_record_text_end(record, &out));
}

/* `PIPELINE`, or `PIPELINE SET` where all commands are the same. */
static struct oi_text new_pipeline_name(struct oi_record *record, const struct oi_redis_call *call)
{
    struct oi_text first = command_name(&call->commands[0], false);
    bool same = total_of(call) == call->count;
    for (size_t i = 1; i < call->count && same; i++)
        same = oi_text_equal_nocase(first, command_name(&call->commands[i], false));
    struct oi_buffer out = oi_record_text_begin(record, 9 + first.len);
    oi_buffer_put(&out, "PIPELINE", 8);
    if (same) {
        oi_buffer_char(&out, ' ');
        oi_buffer_put(&out, first.at, first.len);
    }
    return oi_record_text_end(record, &out);
}

static void put_pipeline(struct oi_record *record, const struct oi_redis_call *call)
{
    oi_record_int(record, "db.redis.pipeline_length", (int64_t)total_of(call));
    if (!oi_db_new()) {
        put_old_pipeline_name(record, call);
        return;
    }
    struct oi_text name = new_pipeline_name(record, call);
    oi_record_name_owned(record, name);
    oi_record_str_owned(record, "db.operation.name", name);
    oi_record_int(record, "db.operation.batch.size", (int64_t)total_of(call));
}

static void put_command(struct oi_record *record, const struct oi_redis_args *command, size_t together)
{
    oi_record_int(record, "db.redis.args_length", (int64_t)arguments_of(command));
    if (together > 1)
        oi_record_int(record, "db.redis.pipeline_length", (int64_t)together);
    struct oi_text name = command_name(command, !oi_db_new());
    oi_record_name(record, name);
    if (oi_db_old())
        oi_record_str(record, "db.operation", oi_redis_command(*command));
    if (!oi_db_new())
        return;
    oi_record_str(record, "db.operation.name", oi_redis_command(*command));
    if ((name.at[0] | 0x20) == 'e' || (name.at[0] | 0x20) == 'f')
        oi_record_str(record, "db.stored_procedure.name", oi_redis_procedure(*command));
}

static void put_named(struct oi_record *record, struct oi_text name)
{
    oi_record_name(record, name);
    if (oi_db_old())
        oi_record_str(record, "db.operation", name);
    if (oi_db_new())
        oi_record_str(record, "db.operation.name", name);
}

void oi_db_redis_submit(const struct oi_span *span, const struct oi_scope *scope,
                        const struct oi_db_connection *connection, const struct oi_redis_call *call,
                        const struct oi_db_error *error)
{
    struct oi_record *record = oi_span_end(span, scope, OI_KIND_CLIENT);
    if (!record)
        return;
    oi_db_put_connection(record, connection);
    bool commands = call->count > 0 && call->commands[0].count > 0;
    if (commands && oi_agent.config.db_statement != OI_STATEMENT_OFF) {
        if (oi_db_old())
            oi_record_str_owned(record, "db.statement", commands_text(record, call, false));
        if (oi_db_new())
            oi_record_str_owned(record, "db.query.text", commands_text(record, call, true));
    }
    if (!commands)
        put_named(record, oi_text_present(call->fallback_name) ? call->fallback_name : OI_TEXT("redis"));
    else if (total_of(call) > 1)
        put_pipeline(record, call);
    else
        put_command(record, &call->commands[0], call->together);
    oi_db_put_error(record, error);
    oi_record_submit(record);
}
