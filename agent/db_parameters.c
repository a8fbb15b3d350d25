/* Parameters of prepared statements: database/database-spans.md (db.query.parameter.<key>), and the one text the Python
 * agent writes (db.statement.parameters). */
#include "agent/db_span_common.h"
#include "agent/utf8.h"

/* clang-format off */
#define KEYS(X)                                                                                                        \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)                              \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define KEY(i) {"db.query.parameter." #i, sizeof "db.query.parameter." #i - 1},
/* clang-format on */

static const struct {
    const char *name;
    size_t length;
} keys[] = {KEYS(KEY)};

_Static_assert(sizeof keys / sizeof *keys == OI_SQL_PARAMETERS_MAX, "a key for each parameter");

static struct oi_sql_parameter parameter(oi_sql_parameter_at *at, const void *user, size_t i, char *scratch)
{
    struct oi_sql_parameter value = at(user, i, scratch);
    if (value.kind == OI_SQL_PARAMETER_NULL)
        value.text = OI_TEXT("NULL");
    value.text.len = oi_utf8_cut_bytes(value.text.at, value.text.len, OI_SQL_PARAMETER_TEXT_MAX);
    return value;
}

static void put_quoted(struct oi_buffer *out, struct oi_text text)
{
    oi_buffer_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'' || text.at[i] == '\\')
            oi_buffer_char(out, '\\');
        oi_buffer_char(out, text.at[i]);
    }
    oi_buffer_char(out, '\'');
}

/* As Python writes a tuple: ('x', 1, None). What is not known is a question mark. */
static void put_old(struct oi_buffer *out, const struct oi_sql_parameter *value)
{
    switch (value->kind) {
    case OI_SQL_PARAMETER_UNKNOWN:
        oi_buffer_char(out, '?');
        break;
    case OI_SQL_PARAMETER_NULL:
        oi_buffer_put(out, "None", 4);
        break;
    case OI_SQL_PARAMETER_NUMBER:
        oi_buffer_put(out, value->text.at, value->text.len);
        break;
    case OI_SQL_PARAMETER_TEXT:
        put_quoted(out, value->text);
        break;
    }
}

static void put_all_old(struct oi_record *record, size_t count, oi_sql_parameter_at *at, const void *user)
{
    char scratch[OI_SQL_PARAMETER_SCRATCH];
    size_t wanted = 4;
    for (size_t i = 0; i < count; i++)
        wanted += 4 + 2 * parameter(at, user, i, scratch).text.len;
    struct oi_buffer out = oi_record_text_begin(record, wanted);
    oi_buffer_char(&out, '(');
    for (size_t i = 0; i < count; i++) {
        struct oi_sql_parameter value = parameter(at, user, i, scratch);
        put_old(&out, &value);
        oi_buffer_put(&out, ", ", i + 1 < count ? 2 : count == 1);
    }
    oi_buffer_char(&out, ')');
    oi_record_str_owned(record, "db.statement.parameters", oi_record_text_end(record, &out));
}

void oi_db_sql_parameters(struct oi_record *record, size_t count, oi_sql_parameter_at *at, const void *user)
{
    if (!record || count == 0)
        return;
    if (count > OI_SQL_PARAMETERS_MAX)
        count = OI_SQL_PARAMETERS_MAX;
    if (oi_db_old())
        put_all_old(record, count, at, user);
    if (!oi_db_new())
        return;
    for (size_t i = 0; i < count; i++) {
        char scratch[OI_SQL_PARAMETER_SCRATCH];
        struct oi_sql_parameter value = parameter(at, user, i, scratch);
        if (value.kind != OI_SQL_PARAMETER_UNKNOWN)
            oi_record_put_str(record, keys[i].name, keys[i].length, value.text);
    }
}
