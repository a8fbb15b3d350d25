/* The answers of commands, and those that have none. */
#include "hooks/mysql_session.h"

/* --- records ------------------------------------------------------------------------------------------------------ */

/* One that is described by its outcome. */
static void submit_named(struct oi_mysql_session *session, const struct oi_mysql_running *running,
                         const struct oi_mysql_failure *failure)
{
    session->due.span = &running->span;
    session->due.failure = failure;
    session->due.call = oi_mysql_named_call(running->name);
}

static void submit_not_prepared(struct oi_mysql_session *session, const struct oi_mysql_running *running)
{
    const struct oi_mysql_known *statement = running->statement;
    session->due.span = &running->span;
    session->due.failure = &session->failure;
    session->due.call =
        statement ? oi_mysql_text_call(statement->text, statement->length) : oi_mysql_named_call(OI_TEXT("PREPARE"));
    session->due.call.prepared = true;
}

static void fail(struct oi_mysql_pending *pending, const struct oi_mysql_failure *failure)
{
    struct oi_record *record = oi_mysql_take(pending);
    if (!record)
        return;
    oi_mysql_lasted(pending, record);
    oi_db_sql_error(record, &failure->error);
    oi_mysql_put(pending, record, false);
}

/* A part of the answer has come; `last`: that was all of it. */
static void answered(struct oi_mysql_pending *pending, bool last)
{
    struct oi_record *record = oi_mysql_take(pending);
    if (!record)
        return;
    oi_mysql_lasted(pending, record);
    oi_mysql_put(pending, record, !last);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* What a command that has succeeded changes for those that follow. */
static void follow(struct oi_mysql_session *session, struct oi_mysql_running *running,
                   const struct oi_mysql_event *event)
{
    if (event->command == OI_MYSQL_COM_CHANGE_USER) {
        session->place.user = session->next_user;
        session->place.schema = session->next_schema;
    } else if (running->changes) {
        session->place.schema = session->next_schema;
    }
    running->changes = false;
    if (event->schema_told)
        oi_mysql_keep_text(&session->place.schema, oi_text_of(event->schema, event->schema_len));
    if (event->command == OI_MYSQL_COM_CHANGE_USER || event->command == OI_MYSQL_COM_RESET_CONNECTION) {
        oi_mysql_known_forget(session, true); /* they do not outlive it */
        session->settled = false;             /* and a library sets it up anew */
    }
}

static void fetched(struct oi_mysql_session *session, const struct oi_mysql_running *running,
                    const struct oi_mysql_event *event)
{
    struct oi_mysql_known *statement = oi_mysql_known_of(session, running->number);
    if (!statement || !oi_mysql_waits(&statement->pending))
        return;
    oi_mysql_count(&statement->pending.returned, event->rows);
    answered(&statement->pending, event->fetched);
}

/* The rows of an execution are to come from a cursor. */
static void opens_cursor(struct oi_mysql_session *session, struct oi_mysql_running *running)
{
    struct oi_mysql_known *statement = oi_mysql_known_of(session, running->number);
    if (!statement) {
        answered(&running->pending, true);
        return;
    }
    struct oi_record *record = oi_mysql_take(&running->pending);
    statement->pending.start_mono_ns = running->pending.start_mono_ns;
    statement->pending.affected = statement->pending.returned = -1;
    if (record) {
        oi_mysql_lasted(&running->pending, record);
        oi_mysql_put(&statement->pending, record, true);
    }
}

static void result(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    struct oi_mysql_running *running = &session->running[event->slot];
    struct oi_mysql_pending *pending = &running->pending;
    follow(session, running, event);
    if (running->what == OI_MYSQL_IS_NAMED && event->last && !oi_mysql_elsewhere(running->image, running->forks))
        submit_named(session, running, NULL);
    if (running->what == OI_MYSQL_IS_FETCH)
        fetched(session, running, event);
    if (running->what != OI_MYSQL_IS_STATEMENT)
        return;
    if (event->kind == OI_MYSQL_OK)
        oi_mysql_count(&pending->affected, event->rows);
    else if (event->kind == OI_MYSQL_ROWS && event->cursor)
        opens_cursor(session, running);
    else if (event->kind == OI_MYSQL_ROWS && !event->out_parameters)
        oi_mysql_count(&pending->returned, event->rows);
    answered(pending, event->last);
}

/* With the session's failure. */
static void failed(struct oi_mysql_session *session, struct oi_mysql_running *running)
{
    const struct oi_mysql_failure *failure = &session->failure;
    struct oi_mysql_known *statement;
    bool ours = !oi_mysql_elsewhere(running->image, running->forks);
    switch ((enum oi_mysql_what)running->what) {
    case OI_MYSQL_IS_STATEMENT:
        if (running->with_prepare && session->unprepared) /* the prepare has told it */
            oi_record_free(oi_mysql_take(&running->pending));
        else
            fail(&running->pending, failure);
        break;
    case OI_MYSQL_IS_NAMED:
        if (ours)
            submit_named(session, running, failure);
        break;
    case OI_MYSQL_IS_PREPARE:
        if (ours)
            submit_not_prepared(session, running);
        break;
    case OI_MYSQL_IS_FETCH:
        statement = oi_mysql_known_of(session, running->number);
        if (statement)
            fail(&statement->pending, failure);
        break;
    default:
        break;
    }
}

/* The statement of a prepare that has failed, of which a span may have to be made yet. */
static void unprepare(struct oi_mysql_session *session, struct oi_mysql_running *running)
{
    struct oi_mysql_known *statement = running->statement;
    if (!statement)
        return;
    if (session->last_prepared == statement)
        session->last_prepared = NULL;
    running->statement = NULL;
    if (session->due.span)
        session->due.statement = statement;
    else
        oi_mysql_known_give(statement, false);
}

static void error(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    struct oi_mysql_running *running = &session->running[event->slot];
    oi_mysql_failure(&session->failure, event->code, oi_text_of(event->at, event->len));
    session->failure.error.from_server = true;
    failed(session, running);
    if (event->command == OI_MYSQL_COM_STMT_PREPARE) {
        session->unprepared = true;
        unprepare(session, running);
    }
}

static void prepared(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    struct oi_mysql_running *running = &session->running[event->slot];
    struct oi_mysql_known *statement = running->statement;
    session->unprepared = false;
    running->statement = NULL;
    if (!statement)
        return;
    statement->number = event->statement;
    statement->parameters = event->parameters;
    oi_mysql_known_add(session, statement);
}

void oi_mysql_answer_event(struct oi_mysql_session *session)
{
    const struct oi_mysql_event *event = &session->event;
    switch (event->kind) {
    case OI_MYSQL_PREPARED:
        prepared(session, event);
        break;
    case OI_MYSQL_ERROR:
        error(session, event);
        break;
    case OI_MYSQL_OK:
    case OI_MYSQL_ROWS:
    case OI_MYSQL_END:
        result(session, event);
        break;
    default:
        break;
    }
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

void oi_mysql_command_cut(struct oi_mysql_session *session, struct oi_mysql_running *running, bool fine)
{
    if (!fine)
        failed(session, running);
    else if (running->what == OI_MYSQL_IS_STATEMENT)
        answered(&running->pending, true);
    unprepare(session, running);
}

void oi_mysql_command_drop(struct oi_mysql_running *running)
{
    oi_record_free(oi_mysql_take(&running->pending));
    if (running->statement)
        oi_mysql_known_give(running->statement, false);
    running->statement = NULL;
}
