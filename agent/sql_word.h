/* The keywords that SQL analysis knows: those that start statements, announce a table, end a list of tables, or stand
 * where a sign after them belongs to a number. Any other word is a name.
 */
#ifndef OI_AGENT_SQL_WORD_H
#define OI_AGENT_SQL_WORD_H

#include "agent/text.h"

/* Groups; the comment says what a group has in common. One row a word is in sql_word.c. */
enum oi_sql_word {
    OI_WORD_NAME,     /* not a keyword */
    OI_WORD_OPERATOR, /* AND, WHEN, AS …: reserved, a value or a name may follow */
    OI_WORD_SKIP,     /* INTO, IGNORE …: stands between an operation and its table */
    OI_WORD_CLAUSE,   /* WHERE, GROUP, FOR …: ends a list of tables */
    OI_WORD_BOOLEAN,  /* TRUE, FALSE: literals */
    OI_WORD_DATE,     /* DATE, TIME, TIMESTAMP: with the string after it a literal; otherwise a name */
    OI_WORD_IN,
    OI_WORD_SELECT,
    OI_WORD_INSERT, /* INSERT, REPLACE */
    OI_WORD_UPDATE,
    OI_WORD_DELETE,
    OI_WORD_WITH,
    OI_WORD_EXPLAIN, /* EXPLAIN, DESCRIBE, DESC: another operation may follow */
    OI_WORD_CALL,
    OI_WORD_USE,
    OI_WORD_LOAD,
    OI_WORD_CREATE, /* CREATE, ALTER: one object */
    OI_WORD_DROP,   /* DROP, RENAME, OPTIMIZE …: a list of objects */
    OI_WORD_TRUNCATE,
    OI_WORD_FROM,
    OI_WORD_JOIN,
    OI_WORD_INTO,
    OI_WORD_ON,
    OI_WORD_TABLE,
    OI_WORD_VIEW,    /* VIEW, SEQUENCE: objects that are used like tables */
    OI_WORD_INDEX,   /* an object on a table */
    OI_WORD_ROUTINE, /* PROCEDURE, FUNCTION, TRIGGER, EVENT: objects with statements in them */
    OI_WORD_SPACE,   /* DATABASE, SCHEMA, SERVER, TABLESPACE: other objects with a name */
    OI_WORD_ACCOUNT, /* USER, ROLE: objects whose name is a person's */
    OI_WORD_DATA,    /* DATA, XML: objects of LOAD */
};

/* The group of a word, letters compared without case. */
enum oi_sql_word oi_sql_word(const char *at, size_t len);

/* True where a + or - after such a word is a sign, not an operation. */
static inline bool oi_sql_word_before_value(enum oi_sql_word word)
{
    return word != OI_WORD_NAME && word != OI_WORD_BOOLEAN && word != OI_WORD_DATE && word < OI_WORD_TABLE;
}

/* True for words that cannot name a table without quotes. */
static inline bool oi_sql_word_reserved(enum oi_sql_word word)
{
    switch (word) {
    case OI_WORD_NAME:
    case OI_WORD_DATE:
    case OI_WORD_VIEW:
    case OI_WORD_ROUTINE:
    case OI_WORD_SPACE:
    case OI_WORD_ACCOUNT:
    case OI_WORD_DATA:
        return false;
    default:
        return true;
    }
}

#endif
