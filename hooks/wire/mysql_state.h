/* What the parts of the MySQL parser share; nobody else includes this. */
#ifndef OI_HOOKS_WIRE_MYSQL_STATE_H
#define OI_HOOKS_WIRE_MYSQL_STATE_H

#include <string.h>

#include "hooks/wire/mysql.h"

/* The longest packet; one of this length is not the last of its kind. */
enum { HEADER = 4, LONGEST = 0xffffff };

enum phase { GREETING, LOGIN, AUTHENTICATION, COMMANDS, OVER };

/* What becomes of a packet's bytes. */
enum mode {
    FIRST, /* its first byte tells */
    SKIP,
    KEEP,   /* read as a whole */
    HEADED, /* a few bytes in front are read */
    TEXT,
    ATTRIBUTES, /* in front of a text */
    VALUES,
};

/* Where the oldest command's answer is. */
enum answer {
    HEAD,        /* nothing of a result yet */
    COLUMNS,     /* their definitions */
    COLUMNS_END, /* the EOF behind them */
    ROWS,
    INFILE,      /* the client sends a file */
    DEFINITIONS, /* of a prepared statement's parameters and columns, with their EOFs */
};

/* Capabilities (CLIENT_…). */
enum capability {
    CAN_CONNECT_WITH_DB = 1 << 3,
    CAN_COMPRESS = 1 << 5,
    CAN_PROTOCOL_41 = 1 << 9,
    CAN_SSL = 1 << 11,
    CAN_SECURE_CONNECTION = 1 << 15,
    CAN_PLUGIN_AUTH = 1 << 19,
    CAN_LENENC_AUTH = 1 << 21,
    CAN_SESSION_TRACK = 1 << 23,
    CAN_DEPRECATE_EOF = 1 << 24,
    CAN_OPTIONAL_METADATA = 1 << 25,
    CAN_ZSTD = 1 << 26,
    CAN_QUERY_ATTRIBUTES = 1 << 27,
    IS_MYSQL = 1,                /* CLIENT_MYSQL, which a server of MariaDB's does not set */
    CAN_CACHE_METADATA = 1 << 4, /* of MariaDB's further ones */
};

/* Status flags (SERVER_…). */
enum status {
    MORE_RESULTS = 0x0008,
    CURSOR_EXISTS = 0x0040,
    LAST_ROW_SENT = 0x0080,
    PS_OUT_PARAMS = 0x1000,
    STATE_CHANGED = 0x4000,
};

/* Reading a packet. Behind its end everything is 0, and `bad`. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool bad;
};

static inline const unsigned char *read_bytes(struct reader *r, uint64_t n)
{
    const unsigned char *at = r->at;
    if (n > r->left) {
        r->bad = true;
        r->left = 0;
        return at;
    }
    r->at += n;
    r->left -= (size_t)n;
    return at;
}

static inline uint64_t read_number(struct reader *r, unsigned bytes)
{
    uint64_t number = 0;
    const unsigned char *at = read_bytes(r, bytes);
    for (unsigned i = 0; i < bytes && !r->bad; i++)
        number |= (uint64_t)at[i] << 8 * i;
    return number;
}

/* int<lenenc> */
static inline uint64_t read_length(struct reader *r)
{
    uint64_t first = read_number(r, 1);
    switch (first) {
    case 0xfc:
        return read_number(r, 2);
    case 0xfd:
        return read_number(r, 3);
    case 0xfe:
        return read_number(r, 8);
    case 0xfb:
    case 0xff:
        r->bad = true;
        return 0;
    default:
        return first;
    }
}

/* Up to a NUL, which is taken too. */
static inline size_t read_string(struct reader *r, const char **at)
{
    const void *end = r->left > 0 ? memchr(r->at, 0, r->left) : NULL;
    *at = (const char *)r->at;
    size_t len = end ? (size_t)((const unsigned char *)end - r->at) : r->left;
    read_bytes(r, len + 1);
    return len;
}

/* Ends it: from now on OVER is all there is. */
static inline void mysql_over(struct oi_mysql *s, enum oi_mysql_reason reason)
{
    s->phase = OVER;
    s->reason = (uint8_t)reason;
}

/* The oldest command; there is one. */
static inline struct oi_mysql_waiting *oldest(struct oi_mysql *s)
{
    return &s->ring[s->first];
}

static inline bool is_longest(const struct oi_mysql_stream *stream)
{
    return stream->length == LONGEST;
}

/* While the server asks the client for more (a file, a password), the sequence goes back and forth. */
static inline bool in_conversation(struct oi_mysql *s)
{
    return s->waiting > 0 && s->answering && (s->answer == INFILE || oldest(s)->command == OI_MYSQL_COM_CHANGE_USER);
}

/* mysql_client.c, mysql_server.c. `first`: by its first byte, what becomes of a packet; `packet`: one that was kept,
 * `whole` or what there was room for; `passed`: one that was not has ended. */
size_t oi_mysql_client_first(struct oi_mysql *s, unsigned char first, struct oi_mysql_event *event);
size_t oi_mysql_client_headed(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event);
size_t oi_mysql_client_text(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event);
void oi_mysql_client_packet(struct oi_mysql *s, const char *at, size_t len, struct oi_mysql_event *event);
void oi_mysql_client_passed(struct oi_mysql *s, struct oi_mysql_event *event);
void oi_mysql_server_first(struct oi_mysql *s, unsigned char first);
void oi_mysql_server_packet(struct oi_mysql *s, const char *at, size_t len, bool whole, struct oi_mysql_event *event);
void oi_mysql_server_passed(struct oi_mysql *s, struct oi_mysql_event *event);

/* mysql_values.c. Query attributes, in front of a statement's text: how many bytes are theirs. */
void oi_mysql_attributes_begin(struct oi_mysql_values *v);
size_t oi_mysql_attributes(struct oi_mysql_values *v, const char *at, size_t len);
bool oi_mysql_attributes_over(const struct oi_mysql_values *v);

/* The rows of a bulk execution; how many, 0: not known. */
void oi_mysql_bulk_begin(struct oi_mysql_values *v, bool has_types);
void oi_mysql_bulk_of(struct oi_mysql_values *v, uint32_t parameters, const uint8_t *types);
void oi_mysql_bulk(struct oi_mysql_values *v, const char *at, size_t len);
uint32_t oi_mysql_bulk_rows(const struct oi_mysql_values *v);

#endif
