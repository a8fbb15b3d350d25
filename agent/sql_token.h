/* The words of SQL as MySQL and MariaDB cut them: one token a call.
 *
 * MySQL reference manual, "Language Structure" and "Comment Syntax"; MariaDB knowledge base, "Comment Syntax" (M!
 * comments). Every byte belongs to exactly one token. No allocation, never reads past the end, time linear in the text.
 * Pure.
 */
#ifndef OI_AGENT_SQL_TOKEN_H
#define OI_AGENT_SQL_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/text.h"

enum oi_sql_kind {
    OI_SQL_END,
    OI_SQL_SPACE,       /* not given out; what last_kind says behind white space */
    OI_SQL_COMMENT,     /* a block comment, or -- or # up to the end of the line (without it) */
    OI_SQL_HINT_OPEN,   /* the opening of a comment whose content is code, with its version number: !40101, M!, + */
    OI_SQL_HINT_CLOSE,  /* the end of such a comment */
    OI_SQL_WORD,        /* keyword or unquoted name */
    OI_SQL_DIGITS_WORD, /* 2fa: a name to the server where one may stand; anywhere else taken for a value */
    OI_SQL_QUOTED,      /* `name` */
    OI_SQL_STRING,      /* '..' "..", with the prefix that belongs to it: N'' X'' B'' _utf8'' */
    OI_SQL_NUMBER,      /* without sign */
    OI_SQL_VARIABLE,    /* @a @@b (not @'a', which is @ and a string) */
    OI_SQL_PLACEHOLDER, /* ? */
    OI_SQL_PUNCTUATION, /* one byte of anything else */
};

enum oi_sql_token_flags {
    /* The text cannot be right, or could be read in another way by a server with other settings: unterminated, a
     * backslash or control character outside strings, an end of a comment that was not open. What follows must not be
     * trusted. */
    OI_SQL_DOUBTFUL = 1,
    /* Where this token ends depends on settings of the server: see enum oi_sql_reading. */
    OI_SQL_ESCAPED = 2,
};

/* What the text does not say and the server knows. 0 is the default: backslash escapes, "strings", UTF-8. */
enum oi_sql_reading {
    OI_SQL_PLAIN_SINGLE = 1, /* in '…' a backslash is a character: NO_BACKSLASH_ESCAPES */
    OI_SQL_PLAIN_DOUBLE = 2, /* in "…": likewise, or these are names: ANSI_QUOTES */
    OI_SQL_MULTIBYTE = 4,    /* GBK, Shift-JIS, Big5: a character's second byte may be a backslash or backtick */
};

struct oi_sql_token {
    const char *at;
    size_t len;
    uint8_t kind; /* enum oi_sql_kind */
    uint8_t flags;
};

struct oi_sql_lexer {
    const char *at; /* the next token starts here */
    const char *end;
    uint16_t hints;    /* comments with code in them that are open */
    uint8_t reading;   /* enum oi_sql_reading, or several */
    uint8_t last_kind; /* enum oi_sql_kind of what stands before `at` */
    char last_char;    /* its last byte */
};

static inline struct oi_sql_lexer oi_sql_lexer(struct oi_text sql)
{
    const char *at = sql.at ? sql.at : "";
    return (struct oi_sql_lexer){.at = at, .end = at + sql.len, .last_kind = OI_SQL_SPACE};
}

/* The next token; white space before it is skipped. */
void oi_sql_next(struct oi_sql_lexer *lexer, struct oi_sql_token *token);

#endif
