#include "agent/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/config_rows.h"
#include "agent/log.h"

static const struct texts {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help)                                      \
    char field##_env[sizeof(env)], field##_fallback[sizeof(fallback)], field##_limits[sizeof(limits)],                 \
        field##_note[sizeof(effect)];
#include "agent/config.def"
#undef OI_SETTING
} texts = {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help) env, fallback, limits, effect,
#include "agent/config.def"
#undef OI_SETTING
};

const struct oi_config_row oi_config_rows[OI_CONFIG_ROWS] = {
#define OI_SETTING(field_, type_, env_, flag_, fallback_, limits_, group_, effect_, help_)                             \
    {.env = offsetof(struct texts, field_##_env),                                                                      \
     .fallback = offsetof(struct texts, field_##_fallback),                                                            \
     .limits = offsetof(struct texts, field_##_limits),                                                                \
     .note = offsetof(struct texts, field_##_note),                                                                    \
     .field = offsetof(struct oi_config, field_),                                                                      \
     .set = offsetof(struct oi_config, set.field_),                                                                    \
     .env_len = sizeof(env_) - 1,                                                                                      \
     .type = OI_TYPE_##type_},
#include "agent/config.def"
#undef OI_SETTING
};
_Static_assert(sizeof(struct texts) <= UINT16_MAX && sizeof(struct oi_config) <= UINT16_MAX, "offsets fit their type");

const char *oi_row_text(uint16_t offset)
{
    return (const char *)&texts + offset;
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

/* Strings may be secrets (headers, passwords, keys): a complaint names the variable and not the value, but for
 * endpoints without a user. */
static bool may_show(const struct oi_config_row *row, const char *entry)
{
    static const char endpoint[] = "ENDPOINT";
    size_t length = sizeof(endpoint) - 1;

    if (row->type == OI_TYPE_STRING)
        return row->env_len > length && strcmp(oi_row_text(row->env) + row->env_len - length, endpoint) == 0 &&
               !strchr(entry, '@');
    return row->type != OI_TYPE_LIST || oi_row_text(row->limits)[0];
}

static void put_printable(struct oi_buffer *out, const char *text, size_t limit)
{
    for (size_t i = 0; i < limit && text[i]; i++)
        oi_buffer_char(out, text[i] >= ' ' && text[i] != 0x7f ? text[i] : '?');
}

/* NAME or NAME=VALUE as given, cut and made printable. */
static void put_entry(struct oi_buffer *out, const struct oi_config_row *row, const char *entry)
{
    bool shown = may_show(row, entry);
    size_t limit = shown ? 160 : strcspn(entry, "=");

    put_printable(out, entry, limit);
    if (shown && strlen(entry) > limit)
        oi_buffer_put(out, "...", 3);
}

void oi_config_say(struct oi_config_reader *reader, enum oi_config_index index, const char *format, ...)
{
    char sentence[640];
    struct oi_buffer out = {.at = sentence, .size = sizeof(sentence) - 1};
    va_list values;

    if (!reader->complain)
        return;
    if (reader->given[index])
        put_entry(&out, &oi_config_rows[index], reader->given[index]);
    va_start(values, format);
    int length = vsnprintf(sentence + out.len, sizeof(sentence) - out.len, format, values);
    va_end(values);
    if (length >= 0)
        reader->complain(reader->user, sentence);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The row whose variable is called `prefix` + `rest`, or OI_CONFIG_ROWS. */
static enum oi_config_index find_row(struct oi_text prefix, struct oi_text rest)
{
    unsigned index = 0;

    for (; index < OI_CONFIG_ROWS; index++) {
        const struct oi_config_row *row = &oi_config_rows[index];
        const char *env = oi_row_text(row->env);
        if (row->env_len == prefix.len + rest.len && memcmp(env + prefix.len, rest.at, rest.len) == 0 &&
            memcmp(env, prefix.at, prefix.len) == 0)
            break;
    }
    return (enum oi_config_index)index;
}

/* An entry OTEL_…=value that is not empty. The Python agent's names stand for ours where it has no row of its own. */
static void note_entry(struct oi_config_reader *reader, const char *entry, bool python_names)
{
    static const struct oi_text others[] = {OI_TEXT("OTEL_NATIVE_"), OI_TEXT("OTEL_")};
    size_t length = strcspn(entry, "=");
    struct oi_text name = oi_text_of(entry, length), python = OI_TEXT("OTEL_PYTHON_");

    if (entry[length] != '=' || !oi_text_trim(oi_text_from(entry + length + 1)).len)
        return;
    enum oi_config_index index = find_row(OI_TEXT(""), name);
    if (python_names) {
        if (index != OI_CONFIG_ROWS || length <= python.len || memcmp(entry, python.at, python.len) != 0)
            return;
        for (int i = 0; i < 2 && index == OI_CONFIG_ROWS; i++)
            index = find_row(others[i], oi_text_of(entry + python.len, length - python.len));
    }
    if (index != OI_CONFIG_ROWS && !reader->given[index])
        reader->given[index] = entry;
}

/* The default, or what the earlier row says that the default names. */
static void use_fallback(struct oi_config_reader *reader, enum oi_config_index index)
{
    const struct oi_config_row *row = &oi_config_rows[index];
    const char *fallback = oi_row_text(row->fallback);
    void *field = oi_config_field(reader, row);
    struct oi_buffer none = {0};

    if (fallback[0] == '=') {
        const struct oi_config_row *other = &oi_config_rows[find_row(OI_TEXT(""), oi_text_from(fallback + 1))];
        static const uint8_t sizes[] = {sizeof(bool),         sizeof(uint32_t),     sizeof(uint32_t), sizeof(double),
                                        sizeof(const char *), sizeof(const char *), sizeof(int)};
        memcpy(field, oi_config_field(reader, other), sizes[row->type]);
    } else if (row->type == OI_TYPE_STRING || row->type == OI_TYPE_LIST) {
        *(const char **)field = fallback[0] ? fallback : NULL;
    } else if (fallback[0]) {
        oi_config_read(reader, index, oi_text_from(fallback), &none);
    } else {
        *(uint32_t *)field = UINT32_MAX;
    }
}

static void read_row(struct oi_config_reader *reader, enum oi_config_index index)
{
    const struct oi_config_row *row = &oi_config_rows[index];
    const char *note = oi_row_text(row->note), *entry = reader->given[index];
    char said[400], used[120];
    struct oi_buffer problem = {.at = said, .size = sizeof(said)}, instead = {.at = used, .size = sizeof(used)};

    use_fallback(reader, index);
    if (!entry)
        return;
    struct oi_text value = oi_text_trim(oi_text_from(entry + strcspn(entry, "=") + 1));
    enum oi_config_verdict verdict = oi_config_read(reader, index, value, &problem);
    *((bool *)reader->config + row->set) = verdict != OI_CONFIG_BAD;

    if (note[0] == '~') {
        /* What is off anyway is what was asked for. */
        bool off =
            row->type == OI_TYPE_BOOL ? oi_text_same(value, OI_TEXT("false")) : oi_text_same(value, OI_TEXT("none"));
        if (!off)
            oi_config_say(reader, index, " has no effect yet");
    } else if (note[0] == '!') {
        oi_config_say(reader, index, note[1] ? " has no effect; use %s instead" : " has no effect on native programs",
                      note + 1);
    } else if (verdict != OI_CONFIG_GOOD) {
        oi_config_put_value(&instead, reader, row);
        oi_config_say(reader, index, "%.*s; using %.*s", (int)problem.len, said, (int)instead.len, used);
    }
}

/* A name of our own that we do not know is a slip of the pen. Other OTEL_* names may be some other program's business.
 */
static void name_unknown(struct oi_config_reader *reader, const char *entry)
{
    size_t length = strcspn(entry, "=");
    char sentence[160];
    struct oi_buffer out = {.at = sentence, .size = 100};

    if (strncmp(entry, "OTEL_NATIVE_", 12) != 0 || find_row(OI_TEXT(""), oi_text_of(entry, length)) != OI_CONFIG_ROWS ||
        strncmp(entry, OI_CONFIG_ANNOUNCED "=", sizeof(OI_CONFIG_ANNOUNCED)) == 0)
        return;
    put_printable(&out, entry, length);
    strcpy(sentence + out.len, " is not a setting; ignored");
    reader->complain(reader->user, sentence);
}

void oi_config_parse(struct oi_config *config, char *const *environment, char *arena, size_t arena_size,
                     oi_config_complain *complain, void *user)
{
    struct oi_config_reader reader = {
        .config = config, .arena = {.at = arena, .size = arena_size}, .complain = complain, .user = user};

    memset(config, 0, sizeof(*config));
    for (int python_names = 0; python_names < 2; python_names++)
        for (char *const *entry = environment; entry && *entry; entry++)
            if (strncmp(*entry, "OTEL_", 5) == 0)
                note_entry(&reader, *entry, python_names);

    /* How much is said comes first; its own complaint is made when its turn comes. */
    reader.complain = NULL;
    read_row(&reader, OI_ROW_log_level);
    if (config->log_level >= OI_LOG_WARN)
        reader.complain = complain;
    for (int index = 0; index < OI_CONFIG_ROWS; index++)
        read_row(&reader, (enum oi_config_index)index);
    for (char *const *entry = environment; reader.complain && entry && *entry; entry++)
        name_unknown(&reader, *entry);
    oi_config_derive(&reader);
}

/* --- the mark ----------------------------------------------------------------------------------------------------- */

/* A sum over the entries, so that their order does not matter: FNV-1a of each, finished as in MurmurHash3 lest sums of
 * similar entries meet. */
void oi_config_mark(char *const *environment, char mark[OI_CONFIG_MARK])
{
    uint64_t sum = 0;

    for (char *const *entry = environment; entry && *entry; entry++) {
        uint64_t hash = 0xcbf29ce484222325;
        if (strncmp(*entry, "OTEL_", 5) != 0 ||
            strncmp(*entry, OI_CONFIG_ANNOUNCED "=", sizeof(OI_CONFIG_ANNOUNCED)) == 0)
            continue;
        for (const char *c = *entry; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
        hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
        sum += hash ^ hash >> 29;
    }
    for (int i = 0; i < 16; i++)
        mark[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
    mark[16] = '\0';
}

bool oi_config_announced(char *const *environment)
{
    char mark[OI_CONFIG_MARK];

    for (char *const *entry = environment; entry && *entry; entry++)
        if (strncmp(*entry, OI_CONFIG_ANNOUNCED "=", sizeof(OI_CONFIG_ANNOUNCED)) == 0) {
            oi_config_mark(environment, mark);
            return strcmp(*entry + sizeof(OI_CONFIG_ANNOUNCED), mark) == 0;
        }
    return false;
}
