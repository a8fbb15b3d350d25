/* Commands, until they have been sent. */
#include "hooks/mysql_session.h"
#include "hooks/mysql_setup.h"
#include "hooks/readable.h"

/* --- records ------------------------------------------------------------------------------------------------------ */

void oi_mysql_make_due(struct oi_mysql_session *session)
{
    struct oi_mysql_due *due = &session->due;
    if (!due->span)
        return;
    struct oi_record *record =
        oi_mysql_place_record(due->span, &oi_mysql_scope, &session->place, &due->call, due->failure);
    if (due->pending)
        oi_mysql_put(due->pending, record, true);
    else
        oi_record_submit(record);
    if (due->statement)
        oi_mysql_known_give(due->statement, false);
    *due = (struct oi_mysql_due){.span = NULL};
}

static void wait(struct oi_mysql_session *session, struct oi_mysql_running *running)
{
    oi_mysql_pending_start(&running->pending, &running->span);
    session->due.span = &running->span;
    session->due.pending = &running->pending;
}

/* A statement as text. What its library sets the session up with is none of the program's. */
static void is_told(struct oi_mysql_session *session, struct oi_mysql_running *running, struct oi_text text)
{
    bool set_up = !session->settled && oi_mysql_sets_up(text);
    running->told = true;
    session->next_schema.known = false;
    oi_mysql_named_schema(&session->next_schema, text.at, text.len);
    running->changes = session->next_schema.known;
    if (!set_up)
        session->settled = session->begun = true;
    if (set_up && !oi_agent.config.db_setup_spans) {
        running->what = OI_MYSQL_IS_NOTHING;
        return;
    }
    session->due.call = oi_mysql_text_call(text.at, text.len);
    wait(session, running);
}

static void executed(struct oi_mysql_session *session, struct oi_mysql_running *running, bool bulk, uint32_t batch)
{
    struct oi_mysql_known *statement = oi_mysql_known_of(session, running->number);
    const uint8_t *types = oi_mysql_types(&session->wire);
    if (statement && bulk && types && statement->parameters <= OI_MYSQL_VALUES) {
        memcpy(statement->types, types, statement->parameters);
        statement->typed = true;
    }
    struct oi_sql_call *call = &session->due.call;
    *call =
        statement ? oi_mysql_text_call(statement->text, statement->length) : oi_mysql_named_call(OI_TEXT("EXECUTE"));
    call->prepared = true;
    call->batch_size = batch;
    session->settled = session->begun = true;
    session->next_schema.known = false;
    if (statement)
        oi_mysql_named_schema(&session->next_schema, statement->text, statement->length);
    running->changes = session->next_schema.known;
    wait(session, running);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static enum oi_mysql_what what_is(const struct oi_mysql_event *event, struct oi_text *name)
{
    switch (event->command) {
    case OI_MYSQL_COM_QUERY:
    case OI_MYSQL_COM_STMT_EXECUTE:
    case OI_MYSQL_COM_STMT_BULK_EXECUTE:
        return OI_MYSQL_IS_STATEMENT;
    case OI_MYSQL_COM_INIT_DB:
        *name = OI_TEXT("USE");
        return OI_MYSQL_IS_NAMED;
    case OI_MYSQL_COM_CHANGE_USER:
        *name = OI_TEXT("change_user");
        return OI_MYSQL_IS_NAMED;
    case OI_MYSQL_COM_PING:
        *name = OI_TEXT("PING");
        return oi_agent.config.db_setup_spans ? OI_MYSQL_IS_NAMED : OI_MYSQL_IS_NOTHING;
    case OI_MYSQL_COM_STMT_PREPARE:
        return OI_MYSQL_IS_PREPARE;
    case OI_MYSQL_COM_STMT_FETCH:
        return OI_MYSQL_IS_FETCH;
    default:
        return OI_MYSQL_IS_NOTHING;
    }
}

/* Commands that do something to a statement, and need no answer for it. */
static void about_statement(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    struct oi_mysql_known *statement;
    switch (event->command) {
    case OI_MYSQL_COM_STMT_CLOSE:
        oi_mysql_known_close(session, event->statement);
        break;
    case OI_MYSQL_COM_STMT_RESET:
    case OI_MYSQL_COM_STMT_EXECUTE: /* closes its cursor */
        statement = oi_mysql_known_of(session, event->statement);
        if (statement)
            oi_mysql_settle(&statement->pending);
        break;
    case OI_MYSQL_COM_STMT_BULK_EXECUTE:
        statement = oi_mysql_known_of(session, event->statement);
        if (statement)
            oi_mysql_parameters(&session->wire, statement->parameters, statement->typed ? statement->types : NULL);
        break;
    default:
        break;
    }
}

static void command_begins(struct oi_connection *connection, const struct oi_mysql_event *event)
{
    struct oi_mysql_session *session = connection->mysql.session;
    struct oi_mysql_running *running = &session->running[event->slot];
    about_statement(session, event);
    if (event->silent)
        return;
    memset(running, 0, sizeof *running);
    running->what = (uint8_t)what_is(event, &running->name);
    running->number = event->statement;
    running->with_prepare = event->statement == OI_MYSQL_LAST_STATEMENT;
    running->image = oi_span_image();
    running->forks = oi_life_forks();
    session->pieces = (struct oi_mysql_pieces){.at = session->text, .size = sizeof session->text};
    oi_client_start_span(connection, !session->begun,
                         &running->span); /* says whose it is, of those that are none, too */
    if (running->what == OI_MYSQL_IS_PREPARE)
        session->last_prepared = running->statement = oi_mysql_known_take();
}

/* A statement's text is read where it stands if all of it stands there, though only a part may have been sent. */
static void text_passes(struct oi_mysql_session *session, const struct oi_mysql_event *event, size_t beyond)
{
    struct oi_mysql_running *running = &session->running[event->slot];
    struct oi_mysql_known *statement = running->statement;
    bool whole = !running->told && session->pieces.length == 0 && event->len + event->rest < UINT32_MAX &&
                 (event->last || (!event->more && event->rest > 0 && event->rest <= beyond &&
                                  oi_readable(event->at + event->len, (size_t)event->rest)));
    if (running->what == OI_MYSQL_IS_PREPARE && statement) {
        size_t room = sizeof statement->text - statement->length, n = event->len < room ? event->len : room;
        memcpy(statement->text + statement->length, event->at, n);
        statement->length = (uint16_t)(statement->length + n);
    } else if (running->told) {
        return; /* this was there then */
    } else if (running->what == OI_MYSQL_IS_STATEMENT && whole) {
        is_told(session, running, oi_text_of(event->at, event->len + (size_t)event->rest));
    } else {
        oi_mysql_piece(&session->pieces, event->at, event->len);
    }
}

static void command_sent(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    struct oi_mysql_running *running = &session->running[event->slot];
    struct oi_text text = oi_text_of(session->text, session->pieces.length);
    if (event->command == OI_MYSQL_COM_QUERY && running->what == OI_MYSQL_IS_STATEMENT && !running->told)
        is_told(session, running, text);
    else if (running->what == OI_MYSQL_IS_STATEMENT && event->command != OI_MYSQL_COM_QUERY)
        executed(session, running, event->command == OI_MYSQL_COM_STMT_BULK_EXECUTE, event->batch);
    if (event->command == OI_MYSQL_COM_INIT_DB) {
        oi_mysql_keep_text(&session->next_schema, text);
        session->settled = session->begun = true;
    }
    if (event->command == OI_MYSQL_COM_CHANGE_USER) {
        oi_mysql_keep_text(&session->next_user, oi_text_of(event->at, event->len));
        oi_mysql_keep_text(&session->next_schema, oi_text_of(event->schema, event->schema_len));
    }
    running->changes = running->changes || event->command == OI_MYSQL_COM_INIT_DB;
}

void oi_mysql_command_event(struct oi_connection *connection, size_t beyond)
{
    struct oi_mysql_session *session = connection->mysql.session;
    const struct oi_mysql_event *event = &session->event;
    switch (event->kind) {
    case OI_MYSQL_COMMAND:
        command_begins(connection, event);
        break;
    case OI_MYSQL_TEXT:
        text_passes(session, event, beyond);
        break;
    case OI_MYSQL_SENT:
    case OI_MYSQL_LOGIN:
        if (!event->silent)
            command_sent(session, event);
        break;
    default:
        oi_mysql_answer_event(session);
        break;
    }
}
