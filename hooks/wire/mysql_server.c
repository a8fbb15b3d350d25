/* What the server sends. */
#include "hooks/wire/mysql_state.h"

enum { IS_OK = 0x00, IS_INFILE = 0xfb, IS_EOF = 0xfe, IS_ERROR = 0xff };

/* --- parts of packets --------------------------------------------------------------------------------------------- */

struct ok {
    uint64_t rows;
    uint32_t status;
    bool bad;
};

/* The schema, if the session's state tells of one. What is cut off may have. */
static void read_state(struct reader *r, bool whole, struct oi_mysql_event *event)
{
    enum { TRACK_SCHEMA = 1 };
    read_bytes(r, read_length(r)); /* a message */
    uint64_t left = read_length(r);
    while (!r->bad && left > 0) {
        size_t before = r->left;
        uint64_t type = read_number(r, 1), length = read_length(r);
        struct reader part = {r->at, length < r->left ? (size_t)length : r->left, false};
        read_bytes(r, length);
        if (!r->bad && type == TRACK_SCHEMA) {
            event->schema_len = (size_t)read_length(&part);
            event->schema = (const char *)read_bytes(&part, event->schema_len);
            event->schema_told = !part.bad;
        }
        left -= left < before - r->left ? left : before - r->left;
    }
    if (r->bad && !whole) {
        event->schema = NULL;
        event->schema_told = true;
    }
}

static struct ok read_ok(const struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    struct ok ok;
    read_bytes(&r, 1);
    ok.rows = read_length(&r);
    read_length(&r); /* the last id that was made */
    ok.status = (uint32_t)read_number(&r, 2);
    ok.bad = r.bad;
    read_bytes(&r, 2); /* warnings */
    if ((s->can & CAN_SESSION_TRACK) && (ok.status & STATE_CHANGED) && !ok.bad)
        read_state(&r, whole, event);
    return ok;
}

/* What ends rows: an EOF, or an OK that begins as one does. */
static struct ok read_end(const struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    if (s->can & CAN_DEPRECATE_EOF)
        return read_ok(s, r, whole, event);
    read_bytes(&r, 3);
    struct ok ok = {.status = (uint32_t)read_number(&r, 2)};
    ok.bad = r.bad || r.left > 0;
    return ok;
}

/* --- before the first command ------------------------------------------------------------------------------------- */

static void greeting(struct oi_mysql *s, struct reader r, struct oi_mysql_event *event)
{
    enum { PROTOCOL = 10, RESERVED = 6 };
    const char *version;
    bool right = read_number(&r, 1) == PROTOCOL;
    size_t len = read_string(&r, &version);
    read_bytes(&r, 4 + 8 + 1); /* the connection's number, the first part of a challenge */
    s->server_can = (uint32_t)read_number(&r, 2);
    if (!right || r.bad || len == 0 || version[0] < '0' || version[0] > '9') {
        mysql_over(s, OI_MYSQL_NOT_MYSQL);
        return;
    }
    if (!(s->server_can & CAN_PROTOCOL_41)) {
        mysql_over(s, OI_MYSQL_NOT_READ);
        return;
    }
    read_bytes(&r, 1 + 2);
    s->server_can |= (uint32_t)read_number(&r, 2) << 16;
    read_bytes(&r, 1 + RESERVED);
    uint32_t extended = (uint32_t)read_number(&r, 4);
    s->server_extended = s->server_can & IS_MYSQL || r.bad ? 0 : extended;
    s->phase = LOGIN;
    event->kind = OI_MYSQL_GREETING;
    event->at = version;
    event->len = len;
}

static void logged_in(struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    if (read_ok(s, r, whole, event).bad) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    event->kind = OI_MYSQL_LOGGED_IN;
    s->phase = COMMANDS;
    if (s->can & (CAN_COMPRESS | CAN_ZSTD))
        mysql_over(s, OI_MYSQL_COMPRESSED);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* The oldest command's answer: `last`, and it is over. */
static void answer(struct oi_mysql *s, enum oi_mysql_kind kind, bool last, struct oi_mysql_event *event)
{
    event->kind = (uint8_t)kind;
    event->command = oldest(s)->command;
    event->slot = s->first;
    event->last = last;
    if (!last)
        return;
    s->answering = false;
    s->waiting--;
    s->first = (uint8_t)(s->waiting == 0 ? 0 : (s->first + 1) % OI_MYSQL_WAITING);
}

static void error(struct oi_mysql *s, struct reader r, struct oi_mysql_event *event)
{
    enum { PROGRESS = 0xffff, SQLSTATE = 6 };
    read_bytes(&r, 1);
    event->code = (uint16_t)read_number(&r, 2);
    if (r.bad) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    if (s->phase == COMMANDS &&
        event->code == PROGRESS) { /* MariaDB tells how far it is; the answer is still to come */
        event->code = 0;
        return;
    }
    if (r.left >= SQLSTATE && r.at[0] == '#')
        read_bytes(&r, SQLSTATE);
    event->at = (const char *)r.at;
    event->len = r.left;
    if (s->phase != COMMANDS) {
        event->kind = OI_MYSQL_ERROR;
        mysql_over(s, OI_MYSQL_REFUSED);
        return;
    }
    bool over = !oldest(s)->sent || s->streams[OI_MYSQL_SERVER].odd;
    answer(s, OI_MYSQL_ERROR, true, event);
    if (over)
        mysql_over(s, OI_MYSQL_OUT_OF_TURN);
}

static void ok(struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    struct ok read = read_ok(s, r, whole, event);
    uint8_t command = oldest(s)->command;
    bool has_results = command == OI_MYSQL_COM_QUERY || command == OI_MYSQL_COM_STMT_EXECUTE ||
                       command == OI_MYSQL_COM_STMT_BULK_EXECUTE;
    if (read.bad) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    event->rows = read.rows;
    s->answer = HEAD;
    answer(s, OI_MYSQL_OK, !has_results || !(read.status & MORE_RESULTS), event);
}

static void rows_begin(struct oi_mysql *s)
{
    s->answer = s->can & CAN_DEPRECATE_EOF ? ROWS : COLUMNS_END;
}

static void columns_begin(struct oi_mysql *s, struct reader r)
{
    enum { COLUMNS_MAX = 65535 };
    uint64_t columns = read_length(&r);
    bool told = (s->can & CAN_OPTIONAL_METADATA) || (s->extended & CAN_CACHE_METADATA);
    bool defined = !told || read_number(&r, 1) != 0;
    if (r.bad || r.left > 0 || columns == 0 || columns > COLUMNS_MAX) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    s->rows = 0;
    s->out_parameters = false;
    s->definitions = (uint32_t)columns;
    s->answer = COLUMNS;
    if (!defined)
        rows_begin(s);
}

static void rows_end(struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    struct ok end = read_end(s, r, whole, event);
    bool cursor = oldest(s)->cursor && (end.status & CURSOR_EXISTS);
    if (end.bad || r.at[0] != IS_EOF) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    s->out_parameters = s->out_parameters || (end.status & PS_OUT_PARAMS);
    if (s->answer == COLUMNS_END && !cursor) {
        s->answer = ROWS;
        return;
    }
    event->rows = s->rows;
    event->cursor = cursor;
    event->fetched = (end.status & LAST_ROW_SENT) != 0;
    event->out_parameters = s->out_parameters;
    s->answer = HEAD;
    answer(s, OI_MYSQL_ROWS, oldest(s)->command == OI_MYSQL_COM_STMT_FETCH || !(end.status & MORE_RESULTS), event);
}

static void prepared(struct oi_mysql *s, struct reader r, struct oi_mysql_event *event)
{
    read_bytes(&r, 1);
    event->statement = (uint32_t)read_number(&r, 4);
    uint32_t columns = (uint32_t)read_number(&r, 2);
    event->parameters = (uint32_t)read_number(&r, 2);
    read_bytes(&r, 1);
    if (r.bad) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    read_bytes(&r, 2);
    bool defined = !(s->can & CAN_OPTIONAL_METADATA) || r.left == 0 || read_number(&r, 1) != 0;
    s->definitions = defined ? columns + event->parameters : 0;
    if (defined && !(s->can & CAN_DEPRECATE_EOF))
        s->definitions += (uint32_t)(columns > 0) + (uint32_t)(event->parameters > 0);
    s->answer = DEFINITIONS;
    answer(s, OI_MYSQL_PREPARED, s->definitions == 0, event);
}

/* The first packet of a result. */
static void result(struct oi_mysql *s, struct reader r, bool whole, struct oi_mysql_event *event)
{
    unsigned char first = r.at[0];
    switch (oldest(s)->command) {
    case OI_MYSQL_COM_STMT_PREPARE:
        if (first == IS_OK)
            prepared(s, r, event);
        else
            mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    case OI_MYSQL_COM_CHANGE_USER:
        if (first == IS_OK)
            ok(s, r, whole, event);
        return; /* or asks for more */
    case OI_MYSQL_COM_STATISTICS:
    case OI_MYSQL_COM_FIELD_LIST:
        answer(s, OI_MYSQL_END, true, event);
        return;
    case OI_MYSQL_COM_QUERY:
    case OI_MYSQL_COM_STMT_EXECUTE:
    case OI_MYSQL_COM_STMT_BULK_EXECUTE:
    case OI_MYSQL_COM_PROCESS_INFO:
        if (first == IS_OK)
            ok(s, r, whole, event);
        else if (first == IS_INFILE)
            s->answer = INFILE;
        else
            columns_begin(s, r);
        return;
    default:
        if (first == IS_OK)
            ok(s, r, whole, event);
        else if (first == IS_EOF)
            answer(s, OI_MYSQL_END, true, event);
        else
            mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
}

/* --- any packet --------------------------------------------------------------------------------------------------- */

static bool is_kept(const struct oi_mysql *s, const struct oi_mysql_waiting *entry, unsigned char first)
{
    const struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_SERVER];
    if (first == IS_ERROR)
        return true;
    switch ((enum answer)s->answer) {
    case HEAD:
        return entry->command != OI_MYSQL_COM_FIELD_LIST || first == IS_EOF;
    case ROWS: /* a row that begins so has a value of 16 MiB */
        return first == IS_EOF && !is_longest(stream);
    case COLUMNS_END:
        return true;
    default:
        return false;
    }
}

void oi_mysql_server_first(struct oi_mysql *s, unsigned char first)
{
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_SERVER];
    bool commands = s->phase == COMMANDS, asked = !commands || s->waiting > 0, early = s->phase == LOGIN || stream->odd;
    if (commands && asked)
        early = early || !oldest(s)->sent || s->answer == INFILE;
    if (!asked || (early && first != IS_ERROR))
        mysql_over(s, OI_MYSQL_OUT_OF_TURN);
    else
        stream->mode = !commands || is_kept(s, oldest(s), first) ? KEEP : SKIP;
}

void oi_mysql_server_packet(struct oi_mysql *s, const char *at, size_t len, bool whole, struct oi_mysql_event *event)
{
    struct reader r = {(const unsigned char *)at, len, false};
    unsigned char first = r.at[0];
    if (first == IS_ERROR)
        error(s, r, event);
    else if (s->phase == GREETING)
        greeting(s, r, event);
    else if (s->phase == AUTHENTICATION && first == IS_OK)
        logged_in(s, r, whole, event);
    else if (s->phase == COMMANDS && s->answer == HEAD)
        result(s, r, whole, event);
    else if (s->phase == COMMANDS)
        rows_end(s, r, whole, event);
}

/* One that was not read: a row, or a definition. */
void oi_mysql_server_passed(struct oi_mysql *s, struct oi_mysql_event *event)
{
    if (s->answer == ROWS) {
        s->rows++;
    } else if (s->answer == COLUMNS && --s->definitions == 0) {
        rows_begin(s);
    } else if (s->answer == DEFINITIONS && --s->definitions == 0) {
        answer(s, OI_MYSQL_END, true, event);
    }
}
