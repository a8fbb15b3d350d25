/* What the client sends. */
#include "hooks/wire/mysql_state.h"

/* --- logging in --------------------------------------------------------------------------------------------------- */

static void put_login(struct oi_mysql_event *event, const char *user, size_t user_len, const char *schema,
                      size_t schema_len)
{
    event->kind = OI_MYSQL_LOGIN;
    event->at = user_len > 0 ? user : NULL;
    event->len = user_len;
    event->schema = schema_len > 0 ? schema : NULL;
    event->schema_len = schema_len;
}

static void read_secret(struct reader *r, uint32_t can)
{
    const char *secret;
    if (can & CAN_LENENC_AUTH)
        read_bytes(r, read_length(r));
    else if (can & CAN_SECURE_CONNECTION)
        read_bytes(r, read_number(r, 1));
    else
        read_string(r, &secret);
}

/* HandshakeResponse41, or the SSLRequest in front of it. */
static void login(struct oi_mysql *s, struct reader r, struct oi_mysql_event *event)
{
    enum { SSL_REQUEST = 32, RESERVED = 19 };
    const char *user, *schema = NULL;
    size_t schema_len = 0;
    bool is_request = r.left == SSL_REQUEST;
    uint32_t can = (uint32_t)read_number(&r, 4);
    read_bytes(&r, 4 + 1 + RESERVED);
    uint32_t extended = (uint32_t)read_number(&r, 4);
    if (r.bad || !(can & CAN_PROTOCOL_41)) {
        mysql_over(s, r.bad ? OI_MYSQL_NOT_MYSQL : OI_MYSQL_NOT_READ);
        return;
    }
    if (is_request && (can & CAN_SSL)) {
        event->kind = OI_MYSQL_TLS;
        return;
    }
    s->can = can & s->server_can;
    s->extended = can & IS_MYSQL ? 0 : extended & s->server_extended;
    size_t user_len = read_string(&r, &user);
    if (r.bad) {
        mysql_over(s, OI_MYSQL_NOT_MYSQL);
        return;
    }
    read_secret(&r, s->can);
    if (s->can & CAN_CONNECT_WITH_DB)
        schema_len = read_string(&r, &schema);
    put_login(event, user, user_len, r.bad ? NULL : schema, r.bad ? 0 : schema_len);
    s->phase = AUTHENTICATION;
}

static void change_user(struct oi_mysql *s, struct reader r, struct oi_mysql_event *event)
{
    const char *user, *schema;
    size_t user_len = read_string(&r, &user);
    read_secret(&r, s->can & CAN_SECURE_CONNECTION);
    size_t schema_len = read_string(&r, &schema);
    if (r.bad) {
        mysql_over(s, OI_MYSQL_MALFORMED);
        return;
    }
    put_login(event, user, user_len, schema, schema_len);
    event->command = OI_MYSQL_COM_CHANGE_USER;
    event->slot = s->sending;
    s->ring[s->sending].sent = true;
}

void oi_mysql_client_packet(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event)
{
    struct reader r = {(const unsigned char *)at, len, false};
    if (s->phase == LOGIN)
        login(s, r, event);
    else
        change_user(s, r, event);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* Bytes behind the command that say which statement, and what is asked of it. */
enum { OF_STATEMENT = 4, OF_BULK = 6, OF_EXECUTION = 9 };

static size_t head_of(uint8_t command)
{
    switch (command) {
    case OI_MYSQL_COM_STMT_EXECUTE:
        return OF_EXECUTION;
    case OI_MYSQL_COM_STMT_BULK_EXECUTE:
        return OF_BULK;
    case OI_MYSQL_COM_STMT_SEND_LONG_DATA:
    case OI_MYSQL_COM_STMT_CLOSE:
    case OI_MYSQL_COM_STMT_RESET:
    case OI_MYSQL_COM_STMT_FETCH:
        return OF_STATEMENT;
    default:
        return 0;
    }
}

static bool is_read(uint8_t command)
{
    return (command >= OI_MYSQL_COM_INIT_DB && command <= OI_MYSQL_COM_PROCESS_INFO) ||
           (command >= OI_MYSQL_COM_PROCESS_KILL && command <= OI_MYSQL_COM_PING) ||
           command == OI_MYSQL_COM_CHANGE_USER ||
           (command >= OI_MYSQL_COM_REGISTER_SLAVE && command <= OI_MYSQL_COM_STMT_FETCH) ||
           command == OI_MYSQL_COM_RESET_CONNECTION || command == OI_MYSQL_COM_STMT_BULK_EXECUTE;
}

static enum mode mode_of(const struct oi_mysql *s, uint8_t command)
{
    switch (command) {
    case OI_MYSQL_COM_QUERY:
        return s->can & CAN_QUERY_ATTRIBUTES ? ATTRIBUTES : TEXT;
    case OI_MYSQL_COM_INIT_DB:
    case OI_MYSQL_COM_STMT_PREPARE:
        return TEXT;
    case OI_MYSQL_COM_CHANGE_USER:
        return KEEP;
    default:
        return head_of(command) > 0 ? HEADED : SKIP;
    }
}

static void put_command(const struct oi_mysql *s, struct oi_mysql_event *event)
{
    const struct oi_mysql_waiting *entry = &s->ring[s->sending];
    event->kind = OI_MYSQL_COMMAND;
    event->silent = s->silent != 0;
    event->command = s->silent ? s->silent : entry->command;
    event->slot = s->silent ? 0 : s->sending;
}

/* It waits from the event on that tells of it, and not before. */
static void command_is_known(struct oi_mysql *s, struct oi_mysql_event *event)
{
    if (!s->silent) {
        s->sending = (uint8_t)((s->first + s->waiting++) % OI_MYSQL_WAITING);
        s->ring[s->sending] = (struct oi_mysql_waiting){.command = s->heading};
    }
    put_command(s, event);
}

static void command_begins(struct oi_mysql *s, uint8_t command, struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_CLIENT];
    bool silent = command == OI_MYSQL_COM_STMT_CLOSE || command == OI_MYSQL_COM_STMT_SEND_LONG_DATA;
    if (command == OI_MYSQL_COM_QUIT || !is_read(command) || (!silent && s->waiting == OI_MYSQL_WAITING)) {
        mysql_over(s, command == OI_MYSQL_COM_QUIT ? OI_MYSQL_QUIT : OI_MYSQL_NOT_READ);
        return;
    }
    stream->mode = (uint8_t)mode_of(s, command);
    s->silent = silent ? command : 0;
    s->heading = command;
    if (stream->mode == ATTRIBUTES)
        oi_mysql_attributes_begin(&s->values);
    if (stream->mode != HEADED)
        command_is_known(s, event);
}

size_t oi_mysql_client_first(struct oi_mysql *s, unsigned char first, struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_CLIENT];
    switch ((enum phase)s->phase) {
    case GREETING:
        mysql_over(s, OI_MYSQL_NOT_MYSQL);
        return 0;
    case LOGIN:
        stream->mode = KEEP;
        return 0;
    case COMMANDS:
        if (in_conversation(s))
            break;
        command_begins(s, first, event);
        return 1;
    default:
        break;
    }
    stream->mode = SKIP;
    return 0;
}

size_t oi_mysql_client_headed(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event)
{
    enum { CURSORS = 0x0f, HAS_TYPES = 128 };
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_CLIENT];
    uint8_t command = s->heading;
    size_t wanted = head_of(command) - stream->kept, n = len < wanted ? len : wanted;
    memcpy(stream->text + stream->kept, at, n);
    stream->kept = (uint16_t)(stream->kept + n);
    if (n < wanted)
        return n;
    struct reader r = {(const unsigned char *)stream->text, stream->kept, false};
    command_is_known(s, event);
    event->statement = (uint32_t)read_number(&r, 4);
    stream->mode = SKIP;
    if (command == OI_MYSQL_COM_STMT_EXECUTE) {
        event->cursor = s->ring[s->sending].cursor = (read_number(&r, 1) & CURSORS) != 0;
    } else if (command == OI_MYSQL_COM_STMT_BULK_EXECUTE) {
        oi_mysql_bulk_begin(&s->values, (read_number(&r, 2) & HAS_TYPES) != 0);
        stream->mode = VALUES;
    }
    return n;
}

void oi_mysql_parameters(struct oi_mysql *s, uint32_t parameters, const uint8_t *types)
{
    if (s->streams[OI_MYSQL_CLIENT].mode == VALUES && parameters > 0 && parameters <= OI_MYSQL_VALUES)
        oi_mysql_bulk_of(&s->values, parameters, types);
}

const uint8_t *oi_mysql_types(const struct oi_mysql *s)
{
    return s->values.typed ? s->values.types : NULL;
}

size_t oi_mysql_client_text(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_CLIENT];
    if (stream->mode == ATTRIBUTES) {
        size_t n = oi_mysql_attributes(&s->values, at, len);
        if (!s->values.known)
            mysql_over(s, OI_MYSQL_NOT_READ);
        else if (oi_mysql_attributes_over(&s->values))
            stream->mode = TEXT;
        return n;
    }
    event->kind = OI_MYSQL_TEXT;
    event->command = s->ring[s->sending].command;
    event->slot = s->sending;
    event->at = at;
    event->len = len;
    event->rest = stream->left - len;
    event->more = is_longest(stream);
    event->last = event->rest == 0 && !event->more;
    return len;
}

void oi_mysql_client_passed(struct oi_mysql *s, struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[OI_MYSQL_CLIENT];
    if (s->phase != COMMANDS || in_conversation(s)) {
        if (stream->mode == FIRST && s->phase == COMMANDS && s->answer == INFILE)
            s->answer = HEAD; /* the file ends with an empty packet */
        else if (stream->mode == FIRST && s->phase != AUTHENTICATION && s->phase != COMMANDS)
            mysql_over(s, OI_MYSQL_NOT_MYSQL);
        return;
    }
    if (stream->mode == FIRST || stream->mode == HEADED || stream->mode == ATTRIBUTES) {
        mysql_over(s, OI_MYSQL_MALFORMED); /* too short */
        return;
    }
    put_command(s, event);
    event->kind = OI_MYSQL_SENT;
    if (stream->mode == VALUES)
        event->batch = oi_mysql_bulk_rows(&s->values);
    if (!s->silent)
        s->ring[s->sending].sent = true;
}
