/* Servers quote in their errors what they could not digest: the statement from where it went wrong, the key that was
 * there already, a command's arguments. What such an error means is in the rest of it. */
#include "agent/redact.h"

/* Behind `start` a value begins; it ends before the last `end` of the message (NULL: with the message). */
static const struct quote {
    const char *start;
    const char *end;
} quotes[] = {
    {" near '", "' at line"},           /* 1064: syntax */
    {" near \"", "\" at line"},         /* likewise under ANSI_QUOTES */
    {"Duplicate entry '", "' for key"}, /* 1062, 1586 */
    {" value: '", "'"},                 /* 1292, 1366, 1411: incorrect … value: 'x' for column … */
    {" value: \"", "\""},
    {"to the value of '", "'"},       /* 1231: variable can't be set */
    {" out of range in '", "'"},      /* 1690: the expression */
    {"partition for value ", NULL},   /* 1526 */
    {"character string: '", "'"},     /* 1300 */
    {" illegal value '", "' when"},   /* 1918 */
    {"XPATH syntax error: '", "'"},   /* 1105: shows what was put together */
    {"File '", "' "},                 /* 29, 1086: … not found, … already exists */
    {" args beginning with: ", NULL}, /* Redis: unknown command */
};

static const char *find(struct oi_text in, const char *what, bool last)
{
    size_t length = strlen(what);
    const char *found = NULL;
    for (const char *at = in.at; at && (size_t)(in.at + in.len - at) >= length; at++) {
        at = memmem(at, (size_t)(in.at + in.len - at), what, length);
        if (!at)
            break;
        found = at;
        if (!last)
            break;
    }
    return found;
}

/* `' for column` and the like would be taken for a part of the value by the last quote: prefer what follows it. */
static const char *value_end(struct oi_text rest, const char *end)
{
    const char *column = find(rest, "' for column ", true);
    return column && end[1] == '\0' ? column : find(rest, end, true);
}

bool oi_redact_message(struct oi_text message, struct oi_buffer *out)
{
    for (size_t i = 0; oi_text_present(message) && i < sizeof quotes / sizeof *quotes; i++) {
        const char *start = find(message, quotes[i].start, false);
        if (!start)
            continue;
        start += strlen(quotes[i].start);
        const char *stop = message.at + message.len;
        struct oi_text rest = oi_text_of(start, (size_t)(stop - start));
        const char *end = quotes[i].end ? value_end(rest, quotes[i].end) : NULL;
        oi_buffer_put(out, message.at, (size_t)(start - message.at));
        oi_buffer_char(out, '?');
        if (end)
            oi_buffer_put(out, end, (size_t)(stop - end));
        return true;
    }
    return false;
}
