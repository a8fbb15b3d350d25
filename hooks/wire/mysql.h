/* MySQL's and MariaDB's client/server protocol as a stream: the bytes of both directions of a connection go in, in
 * pieces of any size and in the order in which they passed, events come out.
 *
 * dev.mysql.com/doc/dev/mysql-server (Client/Server Protocol), mariadb.com/kb/en/clientserver-protocol. Pure: no I/O,
 * no allocation, no globals, no clock; async-signal-safe; less than 512 bytes of stack; the time is linear in the bytes
 * given. The state is plain data without a pointer in it. Rows and values are passed over unread.
 *
 * A wrong count is worse than none: what is not certain (a sequence number out of turn, a packet that is none of this
 * answer's, an answer that nobody asked for) is OI_MYSQL_OVER, and nothing is said from there on.
 *
 *     struct oi_mysql_event event;
 *     do {
 *         size_t used = oi_mysql_next(&state, side, at, len, &event);
 *         at += used, len -= used;
 *         switch (event.kind) { … }
 *     } while (event.kind != OI_MYSQL_MORE && event.kind != OI_MYSQL_OVER);
 *
 * Events, of the server (>) and of the client (<):
 *
 *     >GREETING  (<TLS)?  <LOGIN  >LOGGED_IN | >ERROR OVER
 *     <COMMAND  <TEXT*  <SENT  (>OK | >ROWS)* (>OK | >ROWS | >ERROR | >END)         the last one has `last`
 *     <COMMAND  <TEXT*  <SENT  >PREPARED  >END
 *     <COMMAND  <SENT                                                               `silent`: has no answer
 *     <COMMAND  <LOGIN  (>OK | >ERROR)                                              CHANGE_USER
 *
 * Several commands may be under way; they are answered in their order.
 */
#ifndef OI_HOOKS_WIRE_MYSQL_H
#define OI_HOOKS_WIRE_MYSQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oi_mysql_side { OI_MYSQL_CLIENT, OI_MYSQL_SERVER };

enum oi_mysql_kind {
    OI_MYSQL_MORE,      /* everything given has been used; there is nothing to say */
    OI_MYSQL_GREETING,  /* text: the server's version, as `10.11.6-MariaDB` */
    OI_MYSQL_TLS,       /* from here on the client speaks TLS: what is given next are the bytes inside of it */
    OI_MYSQL_LOGIN,     /* text: the user; schema. Also in place of a CHANGE_USER's SENT */
    OI_MYSQL_LOGGED_IN, /* commands may follow; schema as with OK */
    OI_MYSQL_COMMAND,   /* begins: command, slot, silent; statement and cursor of those that have one. Of BULK_EXECUTE
                         * now is the time for oi_mysql_parameters */
    OI_MYSQL_TEXT,      /* at, len: a piece of a statement or name; rest. `last` where it is known to be the last one */
    OI_MYSQL_SENT,      /* the command has been sent as a whole: batch */
    OI_MYSQL_PREPARED,  /* statement, parameters */
    OI_MYSQL_OK,        /* a result without rows: rows are those affected; schema */
    OI_MYSQL_ROWS,      /* the end of a result's rows: rows are those that passed; cursor, fetched, out_parameters */
    OI_MYSQL_ERROR,     /* code, text: the message, without the SQLSTATE */
    OI_MYSQL_END,       /* the answer ends, of which nothing else is to be said */
    OI_MYSQL_OVER,      /* reason; everything from here on is used up without another event than this one */
};

enum oi_mysql_reason {
    OI_MYSQL_NOT_MYSQL,   /* no greeting of protocol 10, or an answer to it that is none */
    OI_MYSQL_MALFORMED,   /* not what the protocol says */
    OI_MYSQL_OUT_OF_TURN, /* a sequence number, or an answer that was not asked for */
    OI_MYSQL_UNSEEN,      /* bytes passed unseen where they had to be read */
    OI_MYSQL_COMPRESSED,  /* both sides have agreed to compress */
    OI_MYSQL_NOT_READ,    /* something that is not read: replication, a command nobody knows, too many at once */
    OI_MYSQL_REFUSED,     /* the server has not let the client in */
    OI_MYSQL_QUIT,        /* the client has said that it goes */
};

/* Numbers of the protocol. */
enum oi_mysql_command {
    OI_MYSQL_COM_QUIT = 0x01,
    OI_MYSQL_COM_INIT_DB = 0x02,
    OI_MYSQL_COM_QUERY = 0x03,
    OI_MYSQL_COM_FIELD_LIST = 0x04,
    OI_MYSQL_COM_CREATE_DB = 0x05,
    OI_MYSQL_COM_DROP_DB = 0x06,
    OI_MYSQL_COM_REFRESH = 0x07,
    OI_MYSQL_COM_SHUTDOWN = 0x08,
    OI_MYSQL_COM_STATISTICS = 0x09,
    OI_MYSQL_COM_PROCESS_INFO = 0x0a,
    OI_MYSQL_COM_PROCESS_KILL = 0x0c,
    OI_MYSQL_COM_DEBUG = 0x0d,
    OI_MYSQL_COM_PING = 0x0e,
    OI_MYSQL_COM_CHANGE_USER = 0x11,
    OI_MYSQL_COM_REGISTER_SLAVE = 0x15,
    OI_MYSQL_COM_STMT_PREPARE = 0x16,
    OI_MYSQL_COM_STMT_EXECUTE = 0x17,
    OI_MYSQL_COM_STMT_SEND_LONG_DATA = 0x18,
    OI_MYSQL_COM_STMT_CLOSE = 0x19,
    OI_MYSQL_COM_STMT_RESET = 0x1a,
    OI_MYSQL_COM_SET_OPTION = 0x1b,
    OI_MYSQL_COM_STMT_FETCH = 0x1c,
    OI_MYSQL_COM_RESET_CONNECTION = 0x1f,
    OI_MYSQL_COM_STMT_BULK_EXECUTE = 0xfa, /* MariaDB */
};

enum {
    OI_MYSQL_WAITING = 128, /* commands that may wait for their answers; more are OVER */
    OI_MYSQL_KEPT = 1024,   /* of a packet that is read, the rest is passed over */
    OI_MYSQL_VALUES = 64,   /* of a command's parameters that can be passed over */
};

/* The statement that was prepared last (MariaDB), where its number is not known yet. */
#define OI_MYSQL_LAST_STATEMENT UINT32_C(0xffffffff)

struct oi_mysql_event {
    uint8_t kind;    /* enum oi_mysql_kind */
    uint8_t reason;  /* enum oi_mysql_reason */
    uint8_t command; /* COMMAND, TEXT, SENT: the one being sent; PREPARED to END: the one that is answered */
    uint8_t slot;    /* the same: which of the commands that wait, below OI_MYSQL_WAITING; 0 where none else waits */
    bool silent;
    bool last;
    bool more;           /* TEXT: the packet is not the last one of it */
    bool cursor;         /* COMMAND: one is asked for. ROWS: the rows are to be fetched from one */
    bool fetched;        /* ROWS: the last ones of a cursor */
    bool out_parameters; /* ROWS: what a procedure gives back, not its data */
    bool schema_told;    /* the text of `schema`, which may be NULL: a new one that is not known */
    uint16_t code;
    uint32_t statement;
    uint32_t parameters; /* PREPARED: how many the statement has */
    uint32_t batch;      /* SENT: rows of a bulk execution; 0: not known */
    uint64_t rows;
    uint64_t
        rest; /* TEXT: bytes of it that follow these in the packet; they stand behind them where the caller has more */
    /* Into the bytes that were given to this call, or into the state: valid until the next call. */
    const char *at;
    size_t len;
    const char *schema;
    size_t schema_len;
};

/* One direction. */
struct oi_mysql_stream {
    uint32_t
        length; /* of the packet, without its header; a longer one is several of the greatest length and one more */
    uint32_t left;
    uint16_t kept; /* bytes in text */
    uint8_t headed;
    uint8_t head[4];
    uint8_t mode;
    bool continued; /* the packet goes on with one that was of the greatest length */
    bool odd;       /* its sequence number is not the expected one */
    char text[OI_MYSQL_KEPT];
};

/* Passing over the values of parameters. */
struct oi_mysql_values {
    uint64_t nulls; /* bit i: there is no value i */
    uint64_t number;
    uint64_t skip;
    uint32_t rows;
    uint16_t count, at;
    uint8_t state, digits, shift;
    bool bulk;  /* rows, and a byte in front of each value */
    bool known; /* what is counted can be relied on */
    bool typed; /* the types have been sent with it */
    uint8_t types[OI_MYSQL_VALUES];
};

struct oi_mysql_waiting {
    uint32_t statement;
    uint8_t command, sequence;
    bool sent, cursor;
};

/* All zeros is the start of a connection; the server speaks first. */
struct oi_mysql {
    uint32_t server_can, can;           /* capabilities: the server's, and those of both */
    uint32_t server_extended, extended; /* MariaDB's further ones */
    uint8_t phase, reason;
    uint8_t expected, sent; /* sequence numbers: of the next packet of a conversation; of the client's last one */
    uint8_t answer;         /* how far the oldest command's answer is */
    bool answering;         /* it has begun */
    bool out_parameters;
    uint8_t first, waiting, sending; /* of the ring below: the oldest, how many, the one being sent */
    uint8_t silent;                  /* what is being sent has no answer: its command; 0: it has one */
    uint8_t heading;                 /* the command whose head is being read */
    uint32_t definitions;            /* still to come */
    uint64_t rows;
    struct oi_mysql_waiting ring[OI_MYSQL_WAITING];
    struct oi_mysql_values values;
    struct oi_mysql_stream streams[2];
};

/* Takes bytes of one side until there is something to say. Returns how many of `len` were used; call again with the
 * rest, and once more when there is none, until event->kind is MORE. `at` NULL: `len` bytes have passed that nobody has
 * seen; that is fine where they are not read anyway. */
size_t oi_mysql_next(struct oi_mysql *state, enum oi_mysql_side side, const char *at, size_t len,
                     struct oi_mysql_event *event);

/* After COMMAND: how many parameters its statement has, and their types where they were sent before (NULL: not known).
 * Without that the rows of a bulk execution are not counted. */
void oi_mysql_parameters(struct oi_mysql *state, uint32_t parameters, const uint8_t *types);

/* After SENT: the types that it has sent, of as many parameters as it has; NULL: none. */
const uint8_t *oi_mysql_types(const struct oi_mysql *state);

#endif
