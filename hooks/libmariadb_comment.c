/* The trace context as a comment of the statement, only with OTEL_NATIVE_SQLCOMMENTER (sqlcommenter's format; semantic
 * conventions: database/database-spans.md#context-propagation).
 *
 * The longer text stands in memory beside the handle, as long as the handle is open: nothing has to be given back when
 * a call is left in the middle. A statement is left alone where it is not certain that a comment at its end is nothing
 * but one. */
#include "agent/propagation.h"
#include "agent/sql_token.h"
#include "hooks/libmariadb.h"

enum { COMMENTED_MAX = 8192 };

struct commented {
    char text[COMMENTED_MAX];
};

static struct oi_handles texts = OI_HANDLES(struct commented);

static bool is_word(const struct oi_sql_token *token, const char *word)
{
    return token->kind == OI_SQL_WORD && token->len == strlen(word) && strncasecmp(token->at, word, token->len) == 0;
}

static bool looks_commented(struct oi_text sql)
{
    return memchr(sql.at, '#', sql.len) || memmem(sql.at, sql.len, "--", 2) || memmem(sql.at, sql.len, "/*", 2);
}

/* No comment, no doubt about what is one, and nothing whose text the server keeps. */
static bool may_be_commented(struct oi_text sql)
{
    struct oi_sql_lexer lexer = oi_sql_lexer(sql);
    struct oi_sql_token token;
    bool first = true, any = false, escaped = false;
    for (oi_sql_next(&lexer, &token); token.kind != OI_SQL_END; oi_sql_next(&lexer, &token)) {
        if (token.kind == OI_SQL_COMMENT || token.kind == OI_SQL_HINT_OPEN || token.kind == OI_SQL_HINT_CLOSE ||
            (token.flags & OI_SQL_DOUBTFUL))
            return false;
        escaped = escaped || (token.flags & OI_SQL_ESCAPED);
        if (first && (is_word(&token, "CREATE") || is_word(&token, "ALTER")))
            return false;
        first = token.kind == OI_SQL_PUNCTUATION && *token.at == ';';
        any = any || !first;
    }
    return any && !(escaped && looks_commented(sql));
}

/* Where the last statement ends: before white space and semicolons. */
static size_t statement_end(struct oi_text sql)
{
    size_t end = sql.len;
    while (end > 0 &&
           (sql.at[end - 1] == ';' || sql.at[end - 1] == ' ' || (sql.at[end - 1] >= '\t' && sql.at[end - 1] <= '\r')))
        end--;
    return end;
}

static void put_encoded(struct oi_buffer *out, struct oi_text value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-_.~", c));
        if (plain) {
            oi_buffer_char(out, (char)c);
            continue;
        }
        oi_buffer_char(out, '%');
        oi_buffer_char(out, digits[c >> 4]);
        oi_buffer_char(out, digits[c & 15]);
    }
}

static void put_comment(struct oi_buffer *out, const struct oi_span *span)
{
    struct oi_context context;
    char value[OI_TRACEPARENT_LENGTH];
    oi_span_context(span, &context);
    oi_traceparent_format(&context, value);
    oi_buffer_put(out, " /*traceparent='", 16);
    oi_buffer_put(out, value, sizeof value);
    if (context.tracestate.len > 0) {
        oi_buffer_put(out, "',tracestate='", 14);
        put_encoded(out, context.tracestate);
    }
    oi_buffer_put(out, "'*/", 3);
}

static struct oi_text commented(const MYSQL *mysql, const struct oi_span *span, struct oi_text sql)
{
    if (!(oi_agent.propagators.writes & OI_HEADER_BIT(OI_HEADER_TRACEPARENT)) || sql.len >= COMMENTED_MAX ||
        !may_be_commented(sql))
        return sql;
    struct commented *memory = oi_handles_find(&texts, mysql);
    if (!memory)
        memory = oi_handles_add(&texts, mysql);
    if (!memory)
        return sql;
    struct oi_buffer out = {.at = memory->text, .size = sizeof memory->text - 1};
    size_t end = statement_end(sql);
    oi_buffer_put(&out, sql.at, end);
    put_comment(&out, span);
    oi_buffer_put(&out, sql.at + end, sql.len - end);
    if (out.truncated)
        return sql;
    out.at[out.len] = 0;
    return oi_buffer_text(&out);
}

struct oi_text oi_mysql_commented(struct oi_call *call, const MYSQL *mysql, const struct oi_span *span,
                                  struct oi_text sql)
{
    oi_call_resume(call);
    struct oi_text text = commented(mysql, span, sql);
    oi_call_pause(call);
    return text;
}

void oi_mysql_forget_comment(const MYSQL *mysql)
{
    if (oi_agent.config.sqlcommenter)
        oi_handles_remove(&texts, mysql);
}
