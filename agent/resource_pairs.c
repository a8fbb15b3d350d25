#include <stdint.h>
#include <stdio.h>

#include "agent/resource.h"
#include "agent/utf8.h"

enum { PAIR_MAX = 4096, SHOWN = 64 };

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL, or what is wrong. */
static const char *decode(struct oi_text in, struct oi_buffer *out)
{
    out->len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i];
        if (c == '%') {
            int high = i + 2 < in.len ? digit_of(in.at[i + 1]) : -1;
            int low = i + 2 < in.len ? digit_of(in.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return "has a % that two hexadecimal digits do not follow";
            c = (char)(high << 4 | low);
            i += 2;
        }
        oi_buffer_char(out, c);
    }
    if (out->truncated)
        return "is longer than 4096 bytes";
    if (oi_utf8_valid_prefix(out->at, out->len) != out->len)
        return "is not UTF-8";
    return NULL;
}

static struct oi_text trim(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return oi_text_of(at, (size_t)(end - at));
}

/* NULL, or what is wrong. */
static const char *decode_pair(struct oi_text pair, struct oi_buffer *key, struct oi_buffer *value)
{
    const char *equals = memchr(pair.at, '=', pair.len), *end = pair.at + pair.len;
    if (!equals)
        return "has no =";
    struct oi_text name = trim(pair.at, equals);
    if (name.len == 0)
        return "has no key";
    const char *wrong = decode(name, key);
    if (!wrong && memchr(key->at, '\0', key->len))
        wrong = "has a NUL in its key";
    return wrong ? wrong : decode(trim(equals + 1, end), value);
}

static void say(struct oi_text pair, const char *wrong, oi_config_complain *complain, void *user)
{
    char sentence[256];
    size_t shown = oi_utf8_cut_bytes(pair.at, pair.len, SHOWN);
    snprintf(sentence, sizeof sentence, "OTEL_RESOURCE_ATTRIBUTES: \"%.*s%s\" %s; none of its attributes are used",
             (int)shown, pair.at, shown < pair.len ? "..." : "", wrong);
    complain(user, sentence);
}

bool oi_resource_pairs(const char *value, oi_resource_pair *each, void *each_user, oi_config_complain *complain,
                       void *complain_user)
{
    char key_text[PAIR_MAX], value_text[PAIR_MAX];
    const char *end = value ? value + strlen(value) : NULL;
    for (int pass = 0; pass < (each ? 2 : 1); pass++)
        for (const char *at = value; at && at < end;) {
            const char *comma = memchr(at, ',', (size_t)(end - at));
            struct oi_text pair = trim(at, comma ? comma : end);
            at = comma ? comma + 1 : end;
            if (pair.len == 0)
                continue;
            struct oi_buffer key = {key_text, sizeof key_text, 0, false};
            struct oi_buffer text = {value_text, sizeof value_text, 0, false};
            const char *wrong = decode_pair(pair, &key, &text);
            if (wrong) {
                if (complain)
                    say(pair, wrong, complain, complain_user);
                return false;
            }
            if (pass == 1)
                each(each_user, oi_buffer_text(&key), oi_buffer_text(&text));
        }
    return true;
}
