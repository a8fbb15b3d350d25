/* The text of a statement that is written in pieces, put together in little memory: of long strings in it only the
 * beginning and the end are kept, which is all that can be seen of them once they are masked. Pure.
 *
 * Quotes are read as agent/sql_token.h reads them by default. Behind a quote that ends no string by that reading, but
 * does by another one, nothing is left out any more: it is for the lexer to tell whether the text can be trusted. Where
 * a statement is shown as it is (OTEL_NATIVE_DB_STATEMENT=raw), its strings are shortened so, too.
 */
#ifndef OI_HOOKS_MYSQL_PIECES_H
#define OI_HOOKS_MYSQL_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OI_MYSQL_STRING_KEPT = 64 }; /* bytes of a string */

struct oi_mysql_pieces {
    char *at;
    size_t size, length;
    uint32_t string;   /* bytes of the string that goes on */
    char inside;       /* a quote: in a string or name that ends with it; `-`, `*`: in a comment; 0: in none */
    char last, before; /* the bytes in front of the next one */
    bool escapes;      /* the last byte is a backslash that gives the next one another meaning; it was kept: `kept` */
    bool kept;
    bool doubtful; /* a server may see other strings than we: from here on all is kept */
    char lead;     /* the byte in front of that backslash, where it may be half of a character; 0: it cannot */
    bool lead_kept;
};

/* The next piece. What there is no room for is cut off. */
void oi_mysql_piece(struct oi_mysql_pieces *pieces, const char *at, size_t length);

#endif
