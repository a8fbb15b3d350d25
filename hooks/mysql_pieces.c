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
    p->lead = 0;
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

/* Behind a backslash that may be none: in front of a quote that may end the string, or half of a character. */
static void doubt(struct oi_mysql_pieces *p)
{
    p->doubtful = true;
    if (p->lead && !p->lead_kept)
        keep(p, p->lead);
    if (!p->kept)
        keep(p, '\\');
}

/* A quote that is doubled ends a string and begins the next, which is as good. */
static void in_string(struct oi_mysql_pieces *p, char c)
{
    bool escaped = p->escapes, ends = c == p->inside && !escaped;
    if (escaped && (c == p->inside || (c == '\\' && p->lead)))
        doubt(p);
    bool kept = ends || p->inside == '`' || p->doubtful || (escaped ? p->kept : p->string < OI_MYSQL_STRING_KEPT);
    if (kept) {
        keep(p, c);
        p->string++;
    }
    p->kept = kept;
    p->escapes = c == '\\' && !escaped && p->inside != '`';
    if (!p->escapes)
        p->lead = (unsigned char)c > 0x80 ? c : 0;
    if (!p->escapes)
        p->lead_kept = kept;
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
