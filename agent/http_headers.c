#include "agent/http_headers.h"

#include "agent/agent.h"
#include "agent/pattern.h"
#include "agent/redact.h"
#include "agent/utf8.h"

enum { ROOM = 16 * 1024 };

static struct oi_patterns wanted[OI_MESSAGES], masked;

void oi_http_headers_init(const struct oi_config *config)
{
    static uint32_t room[ROOM / sizeof(uint32_t)];
    struct oi_buffer buffer = {.at = (char *)room, .size = sizeof room};
    oi_patterns_compile(&wanted[OI_CLIENT_REQUEST], config->capture_headers_client_request, true, &buffer);
    oi_patterns_compile(&wanted[OI_CLIENT_RESPONSE], config->capture_headers_client_response, true, &buffer);
    oi_patterns_compile(&wanted[OI_SERVER_REQUEST], config->capture_headers_server_request, true, &buffer);
    oi_patterns_compile(&wanted[OI_SERVER_RESPONSE], config->capture_headers_server_response, true, &buffer);
    for (size_t i = 0; i < OI_MESSAGES; i++) /* else the memory stays untouched */
        if (wanted[i].count > 0) {
            oi_patterns_compile(&masked, config->capture_headers_sanitize, true, &buffer);
            break;
        }
}

bool oi_http_headers_wanted(enum oi_message message)
{
    return wanted[message].count > 0;
}

/* --- keeping: for each header the two lengths, its name in lower case, its value --------------------------------- */

struct entry {
    uint16_t name;
    uint16_t value;
};

/* False: no name. */
static bool lower_name(struct oi_text name, char lower[static OI_HEADER_NAME_MAX])
{
    if (name.len == 0 || name.len > OI_HEADER_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return true;
}

static bool contains(struct oi_text text, struct oi_text part)
{
    return memmem(text.at, text.len, part.at, part.len) != NULL;
}

static bool is_masked(struct oi_text name)
{
    return contains(name, OI_TEXT("authorization")) || oi_patterns_search(&masked, name);
}

static bool is_url(struct oi_text name)
{
    return oi_text_equal(name, OI_TEXT("location")) || oi_text_equal(name, OI_TEXT("content-location")) ||
           oi_text_equal(name, OI_TEXT("referer"));
}

void oi_http_headers_keep(struct oi_buffer *kept, enum oi_message message, struct oi_text name, struct oi_text value)
{
    char lower[OI_HEADER_NAME_MAX];
    if (!lower_name(name, lower))
        return;
    name.at = lower;
    if (!oi_patterns_match(&wanted[message], name))
        return;
    if (is_masked(name))
        value = OI_TEXT("[REDACTED]");
    struct oi_buffer mark = *kept;
    struct entry entry = {(uint16_t)name.len, 0};
    kept->truncated = false;
    oi_buffer_put(kept, (const char *)&entry, sizeof entry);
    oi_buffer_put(kept, name.at, name.len);
    size_t start = kept->len;
    if (is_url(name))
        oi_redact_url(value, oi_agent.config.redact_query, kept);
    else
        oi_buffer_put(kept, value.at, oi_utf8_cut_bytes(value.at, value.len, OI_HEADER_VALUE_MAX));
    size_t length = oi_utf8_cut_bytes(kept->at + start, kept->len - start, OI_HEADER_VALUE_MAX);
    if (kept->truncated) {
        *kept = mark;
        kept->truncated = true;
        return;
    }
    kept->len = start + length;
    kept->truncated = mark.truncated;
    entry.value = (uint16_t)length;
    memcpy(kept->at + mark.len, &entry, sizeof entry);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* The header at `*at` in what was kept, and the place behind it. False: the end. */
static bool next_header(struct oi_text kept, size_t *at, struct oi_text *name, struct oi_text *value)
{
    struct entry entry;
    if (kept.len - *at < sizeof entry)
        return false;
    memcpy(&entry, kept.at + *at, sizeof entry);
    *name = oi_text_of(kept.at + *at + sizeof entry, entry.name);
    *value = oi_text_of(name->at + name->len, entry.value);
    *at += sizeof entry + name->len + value->len;
    return true;
}

/* Whether the name has stood before `end`. */
static bool stood_before(struct oi_text kept, size_t end, struct oi_text name)
{
    struct oi_text other, value;
    kept.len = end;
    for (size_t at = 0; next_header(kept, &at, &other, &value);)
        if (oi_text_equal(other, name))
            return true;
    return false;
}

/* All values of a name, from the first one at `from` on. */
static struct oi_text values_of(struct oi_record *record, struct oi_text kept, size_t from, struct oi_text name)
{
    struct oi_text other, value;
    size_t room = 0;
    for (size_t at = from; next_header(kept, &at, &other, &value);)
        if (oi_text_equal(other, name))
            room += value.len + OI_STRINGS_EACH;
    struct oi_buffer buffer = oi_record_text_begin(record, room);
    for (size_t at = from; next_header(kept, &at, &other, &value);)
        if (oi_text_equal(other, name))
            oi_record_strings_add(&buffer, value);
    return oi_record_text_end(record, &buffer);
}

static void put_under(struct oi_record *record, struct oi_text prefix, struct oi_text name, bool underscores,
                      struct oi_text values)
{
    struct oi_buffer key = oi_record_text_begin(record, prefix.len + name.len);
    oi_buffer_put(&key, prefix.at, prefix.len);
    for (size_t i = 0; i < name.len; i++)
        oi_buffer_char(&key, underscores && name.at[i] == '-' ? '_' : name.at[i]);
    bool whole = !key.truncated;
    struct oi_text kept = oi_record_text_end(record, &key);
    if (whole)
        oi_record_put_strings_owned(record, kept.at, kept.len, values);
}

void oi_http_headers_put(struct oi_record *record, enum oi_semconv sets, enum oi_message message, struct oi_text kept)
{
    static const struct oi_text request = {"http.request.header.", 20}, response = {"http.response.header.", 21};
    struct oi_text prefix = message == OI_CLIENT_REQUEST || message == OI_SERVER_REQUEST ? request : response;
    struct oi_text name, value;
    if (!record || !oi_text_present(kept))
        return;
    for (size_t at = 0, start = 0; next_header(kept, &at, &name, &value); start = at) {
        if (stood_before(kept, start, name))
            continue;
        struct oi_text values = values_of(record, kept, start, name);
        bool two_names = memchr(name.at, '-', name.len) != NULL;
        if (sets & OI_SEMCONV_OLD)
            put_under(record, prefix, name, true, values);
        if ((sets & OI_SEMCONV_NEW) && (two_names || !(sets & OI_SEMCONV_OLD)))
            put_under(record, prefix, name, false, values);
    }
}
