/* Conversations between a MySQL client and server, written as text, and the parser's events as text.
 *
 *     > greeting; << login/00288208; > 00 00 00 i2=2 i2=0; < 03 'SELECT 1'; > 01; > 'def'; > fe 00 00 i2=2; …
 *
 * A packet is `>` from the server, `<` a command, `<<` what the client says further; each has the next sequence number,
 * a command 0, and
 * `>7:` has 7. In it: bytes in hex, 'text', "text with its length in front", i2=1146 (little-endian, two bytes), 300*78
 * (a byte many times). What is too long for one packet goes on in the next. Bytes are given from memory that ends with
 * them.
 */
#ifndef OI_TESTS_MYSQL_TEXT_H
#define OI_TESTS_MYSQL_TEXT_H

#include <stdarg.h>
#include <stdio.h>

#include "hooks/wire/mysql.h"
#include "tests/unit/guard.h"

/* --- events ------------------------------------------------------------------------------------------------------- */

struct mysql_text {
    struct oi_mysql state;
    uint32_t parameters; /* told at each BULK_EXECUTE, with the types of the one before */
    bool over, typed;
    uint8_t types[OI_MYSQL_VALUES];
    size_t len, sql_len;
    char text[64 * 1024];
    char sql[64 * 1024]; /* the start of a statement in pieces */
};

__attribute__((format(printf, 2, 3))) static inline void mysql_say(struct mysql_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof t->text - t->len;
    int n = vsnprintf(t->text + t->len, room, format, args);
    va_end(args);
    t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static inline void mysql_say_text(struct mysql_text *t, const char *at, size_t len)
{
    char copy[sizeof t->sql];
    size_t n = len < 60 ? len : 60;
    if (n > 0)
        memcpy(copy, at, n);
    copy[n] = 0;
    mysql_say(t, len > n ? " '%s'... %zu" : " '%s'", copy, len);
}

static inline void mysql_answer(struct mysql_text *t, const struct oi_mysql_event *event, const char *what)
{
    mysql_say(t, " %d:%02x %s", event->slot, event->command, what);
}

static inline void mysql_flags(struct mysql_text *t, const struct oi_mysql_event *event)
{
    mysql_say(t, "%s%s%s", event->cursor ? " cursor" : "", event->fetched ? " fetched" : "",
              event->out_parameters ? " out" : "");
    if (event->schema_told && event->schema)
        mysql_say(t, " schema %.*s", (int)event->schema_len, event->schema);
    else if (event->schema_told)
        mysql_say(t, " schema ?");
    mysql_say(t, "%s", event->last ? "." : "");
}

static inline void mysql_command(struct mysql_text *t, const struct oi_mysql_event *event)
{
    mysql_say(t, "\n%d:%02x", event->slot, event->command);
    bool of_statement = event->command >= OI_MYSQL_COM_STMT_EXECUTE && event->command != OI_MYSQL_COM_SET_OPTION &&
                        event->command != OI_MYSQL_COM_RESET_CONNECTION;
    if (of_statement)
        mysql_say(t, " of %d", (int)event->statement);
    mysql_say(t, "%s%s", event->cursor ? " cursor" : "", event->silent ? " silent" : "");
    t->sql_len = 0;
    if (event->command == OI_MYSQL_COM_STMT_BULK_EXECUTE)
        oi_mysql_parameters(&t->state, t->parameters, t->typed ? t->types : NULL);
}

static inline void mysql_piece(struct mysql_text *t, const struct oi_mysql_event *event)
{
    for (size_t i = 0; i < event->len && t->sql_len + i < sizeof t->sql; i++)
        t->sql[t->sql_len + i] = event->at[i];
    t->sql_len += event->len;
}

static inline void mysql_event(struct mysql_text *t, const struct oi_mysql_event *event)
{
    static const char *const reasons[] = {"not mysql",  "malformed", "out of turn", "unseen",
                                          "compressed", "not read",  "refused",     "quit"};
    switch ((enum oi_mysql_kind)event->kind) {
    case OI_MYSQL_MORE:
        break;
    case OI_MYSQL_GREETING:
        mysql_say(t, "greeting %.*s", (int)event->len, event->at);
        break;
    case OI_MYSQL_TLS:
        mysql_say(t, " tls");
        break;
    case OI_MYSQL_LOGIN:
        mysql_say(t, " login %.*s@%.*s", (int)event->len, event->at, (int)event->schema_len, event->schema);
        break;
    case OI_MYSQL_LOGGED_IN:
        mysql_say(t, " in");
        mysql_flags(t, event);
        break;
    case OI_MYSQL_COMMAND:
        mysql_command(t, event);
        break;
    case OI_MYSQL_TEXT:
        mysql_piece(t, event);
        break;
    case OI_MYSQL_SENT:
        if (event->command == OI_MYSQL_COM_QUERY || event->command == OI_MYSQL_COM_STMT_PREPARE ||
            event->command == OI_MYSQL_COM_INIT_DB)
            mysql_say_text(t, t->sql, t->sql_len);
        if (event->batch)
            mysql_say(t, " batch %u", event->batch);
        if (event->command == OI_MYSQL_COM_STMT_BULK_EXECUTE && oi_mysql_types(&t->state)) {
            memcpy(t->types, oi_mysql_types(&t->state), sizeof t->types);
            t->typed = true;
        }
        mysql_say(t, " sent");
        break;
    case OI_MYSQL_PREPARED:
        mysql_answer(t, event, "prepared");
        mysql_say(t, " %u(%u)", event->statement, event->parameters);
        mysql_flags(t, event);
        break;
    case OI_MYSQL_OK:
    case OI_MYSQL_ROWS:
        mysql_answer(t, event, event->kind == OI_MYSQL_OK ? "ok" : "rows");
        mysql_say(t, " %llu", (unsigned long long)event->rows);
        mysql_flags(t, event);
        break;
    case OI_MYSQL_ERROR:
        mysql_answer(t, event, "error");
        mysql_say(t, " %u %.*s", event->code, (int)event->len, event->at);
        mysql_flags(t, event);
        break;
    case OI_MYSQL_END:
        mysql_answer(t, event, "end");
        mysql_flags(t, event);
        break;
    case OI_MYSQL_OVER:
        if (!t->over)
            mysql_say(t, " over: %s", reasons[event->reason]);
        t->over = true;
        break;
    }
}

static inline void mysql_start(struct mysql_text *t, uint32_t parameters)
{
    memset(&t->state, 0, sizeof t->state);
    t->parameters = parameters;
    t->over = t->typed = false;
    t->len = t->sql_len = 0;
    t->text[0] = 0;
}

/* Gives bytes; NULL: they pass unseen. */
static inline void mysql_give(struct mysql_text *t, enum oi_mysql_side side, const char *at, size_t len)
{
    struct oi_mysql_event event;
    do {
        size_t used = oi_mysql_next(&t->state, side, at, len, &event);
        if (used > len || (event.kind == OI_MYSQL_MORE && used != len))
            abort();
        at = at ? at + used : NULL;
        len -= used;
        mysql_event(t, &event);
    } while (event.kind != OI_MYSQL_MORE && event.kind != OI_MYSQL_OVER);
}

/* --- conversations ------------------------------------------------------------------------------------------------ */

struct mysql_packet {
    enum oi_mysql_side side;
    size_t from, len; /* with its header */
};

struct mysql_talk {
    size_t packets, len, size;
    struct mysql_packet packet[256];
    unsigned char *bytes;
};

static inline void mysql_put(struct mysql_talk *talk, const void *at, size_t len)
{
    if (talk->len + len > talk->size) {
        talk->size = 2 * (talk->len + len);
        talk->bytes = realloc(talk->bytes, talk->size);
        if (!talk->bytes)
            abort();
    }
    if (at && talk->bytes)
        memcpy(talk->bytes + talk->len, at, len);
    talk->len += len;
}

static inline void mysql_put_number(struct mysql_talk *talk, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++, number >>= 8)
        mysql_put(talk, &(unsigned char){(unsigned char)number}, 1);
}

static inline void mysql_put_text(struct mysql_talk *talk, const char *text)
{
    mysql_put(talk, text, strlen(text));
}

/* `greeting/VERSION/CAPABILITIES/EXTENDED`; the last three may be left out. A server of MariaDB's that can do all. */
static inline void mysql_put_greeting(struct mysql_talk *talk, const char *item, size_t len)
{
    char version[64] = "10.11.6-MariaDB";
    unsigned can = 0xfffff7fe & ~0x20u, extended = 0x1f;
    char text[128] = "";
    memcpy(text, item, len);
    sscanf(text, "greeting/%63[^/]/%x/%x", version, &can, &extended);
    mysql_put_number(talk, 10, 1);
    mysql_put(talk, version, strlen(version) + 1);
    mysql_put_number(talk, 42, 4);
    mysql_put(talk, "12345678", 9);
    mysql_put_number(talk, can, 2);
    mysql_put_number(talk, 45, 1);
    mysql_put_number(talk, 2, 2);
    mysql_put_number(talk, can >> 16, 2);
    mysql_put_number(talk, 21, 1);
    mysql_put_number(talk, 0, 6);
    mysql_put_number(talk, extended, 4);
    mysql_put(talk, "123456789012", 13);
    mysql_put(talk, "mysql_native_password", 22);
}

/* `login/CAPABILITIES/EXTENDED`: the start of a client's answer, up to the user. */
static inline void mysql_put_login(struct mysql_talk *talk, const char *item, size_t len)
{
    unsigned can = 0, extended = 0;
    char text[128] = "";
    memcpy(text, item, len);
    sscanf(text, "login/%x/%x", &can, &extended);
    mysql_put_number(talk, can, 4);
    mysql_put_number(talk, 1 << 24, 4);
    mysql_put_number(talk, 45, 1);
    mysql_put_number(talk, 0, 16);
    mysql_put_number(talk, 0, 3);
    mysql_put_number(talk, extended, 4);
}

static inline void mysql_put_item(struct mysql_talk *talk, const char *item, size_t len)
{
    unsigned long count;
    unsigned byte;
    if (item[0] == '\'') {
        mysql_put(talk, item + 1, len - 2);
    } else if (item[0] == '"') {
        mysql_put_number(talk, len - 2, 1);
        mysql_put(talk, item + 1, len - 2);
    } else if (item[0] == 'i' && item[2] == '=') {
        mysql_put_number(talk, strtoull(item + 3, NULL, 0), item[1] - '0');
    } else if (strncmp(item, "greeting", 8) == 0) {
        mysql_put_greeting(talk, item, len);
    } else if (strncmp(item, "login", 5) == 0) {
        mysql_put_login(talk, item, len);
    } else if (memchr(item, '*', len) && sscanf(item, "%lu*%2x", &count, &byte) == 2) {
        size_t from = talk->len;
        mysql_put(talk, NULL, count);
        if (talk->bytes)
            memset(talk->bytes + from, (int)byte, count);
    } else if (len == 2 && sscanf(item, "%2x", &byte) == 1) {
        mysql_put_number(talk, byte, 1);
    } else {
        fprintf(stderr, "what is %.*s?\n", (int)len, item);
        abort();
    }
}

/* Puts headers into what begins at `from`; too much for one packet makes several. */
static inline void mysql_frame(struct mysql_talk *talk, enum oi_mysql_side side, size_t from, uint8_t *sequence)
{
    enum { LONGEST = 0xffffff };
    size_t left = talk->len - from, n;
    unsigned char *payload = malloc(left + 1);
    if (!talk->bytes || !payload)
        abort();
    memcpy(payload, talk->bytes + from, left);
    talk->len = from;
    for (size_t at = 0;; at += n, left -= n) {
        n = left < LONGEST ? left : LONGEST;
        if (talk->packets == sizeof talk->packet / sizeof *talk->packet)
            abort();
        talk->packet[talk->packets++] = (struct mysql_packet){side, talk->len, n + 4};
        mysql_put_number(talk, n, 3);
        mysql_put_number(talk, (*sequence)++, 1);
        mysql_put(talk, payload + at, n);
        if (n < LONGEST)
            break;
    }
    free(payload);
}

static inline const char *mysql_item_end(const char *at)
{
    if (*at == '\'' || *at == '"')
        return strchr(at + 1, *at) + 1;
    return at + strcspn(at, " ;\n");
}

static inline void mysql_talk_read(struct mysql_talk *talk, const char *text)
{
    uint8_t sequence = 0;
    *talk = (struct mysql_talk){.size = 64, .bytes = malloc(64)};
    while (*(text += strspn(text, " ;\n"))) {
        enum oi_mysql_side side = *text == '<' ? OI_MYSQL_CLIENT : OI_MYSQL_SERVER;
        if (text[0] == '<' && text[1] != '<')
            sequence = 0;
        text += text[0] == '<' && text[1] == '<' ? 2 : 1;
        if (*text >= '0' && *text <= '9') {
            sequence = (uint8_t)strtoul(text, (char **)&text, 10);
            text++;
        }
        size_t from = talk->len;
        while (*(text += strspn(text, " ")) && *text != ';') {
            const char *end = mysql_item_end(text);
            mysql_put_item(talk, text, (size_t)(end - text));
            text = end;
        }
        mysql_frame(talk, side, from, &sequence);
    }
}

/* How a conversation is cut: packet by packet, byte by byte, as much as one side says, or every packet in two at `at`.
 */
enum mysql_cut { WHOLE, BYTES, COALESCED, IN_TWO };

static inline void mysql_give_copy(struct mysql_text *t, const struct mysql_talk *talk, enum oi_mysql_side side,
                                   size_t from, size_t len)
{
    if (len > 0)
        mysql_give(t, side, guarded(talk->bytes + from, len), len);
}

static inline void mysql_converse(struct mysql_text *t, const struct mysql_talk *talk, enum mysql_cut cut, size_t at)
{
    for (size_t i = 0; i < talk->packets; i++) {
        struct mysql_packet packet = talk->packet[i];
        if (cut == BYTES) {
            for (size_t j = 0; j < packet.len; j++)
                mysql_give_copy(t, talk, packet.side, packet.from + j, 1);
            continue;
        }
        while (cut == COALESCED && i + 1 < talk->packets && talk->packet[i + 1].side == packet.side)
            packet.len += talk->packet[++i].len;
        size_t first = cut == IN_TWO && at < packet.len ? at : packet.len;
        mysql_give_copy(t, talk, packet.side, packet.from, first);
        mysql_give_copy(t, talk, packet.side, packet.from + first, packet.len - first);
    }
}

#endif
