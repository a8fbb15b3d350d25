#include "hooks/mysql_pieces.h"

static void keep(struct oi_mysql_pieces *p, char c)
{
    if (p->length < p->size)
        p->at[p->length++] = c;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Outside of strings and comments. */
static void plain(struct oi_mysql_pieces *p, char c)
{
    keep(p, c);
    if (c == '\'' || c == '"' || c == '`')
        p->inside = c;
    else if (c == '#' || (is_blank(c) && c != '\n' && p->last == '-' && p->before == '-'))
        p->inside = '-';
    else if (c == '*' && p->last == '/')
        p->inside = '*';
    p->string = 0;
    p->before = p->inside ? 0 : p->last;
    p->last = p->inside ? 0 : c;
}

static void in_comment(struct oi_mysql_pieces *p, char c)
{
    keep(p, c);
    if (p->inside == '*' ? c == '/' && p->last == '*' : c == '\n')
        p->inside = 0;
    p->last = p->inside ? c : 0;
}

/* A quote that is doubled ends a string and begins the next, which is as good. */
static void in_string(struct oi_mysql_pieces *p, char c)
{
    bool escaped = p->escapes, ends = c == p->inside && !escaped;
    bool kept = ends || p->inside == '`' || (escaped ? p->kept : p->string < OI_MYSQL_STRING_KEPT);
    if (kept) {
        keep(p, c);
        p->string++;
    }
    p->kept = kept;
    p->escapes = c == '\\' && !escaped && p->inside != '`';
    if (ends)
        p->inside = 0;
}

void oi_mysql_piece(struct oi_mysql_pieces *p, const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (p->inside == 0)
            plain(p, at[i]);
        else if (p->inside == '-' || p->inside == '*')
            in_comment(p, at[i]);
        else
            in_string(p, at[i]);
    }
}
