/* Keys hold ids that are worth seeing (user:17:cart) and secrets that are not (session:9f8e…). A key is cut at : | { }
 * / . , ; # @ and each segment that looks made by a machine becomes ?, as does one that follows a word like `session`.
 */
#include "agent/redact.h"
#include "agent/utf8.h"

#include <stdint.h>

enum class { OTHER, LOWER, UPPER, DIGIT, JOINT, COARSE, FINE };

static const uint8_t classes[256] = {
    ['0' ... '9'] = DIGIT, ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['-'] = JOINT,  ['_'] = JOINT,  ['+'] = JOINT,
    ['='] = JOINT,         [':'] = COARSE,        ['|'] = COARSE,        ['{'] = COARSE, ['}'] = COARSE, ['/'] = FINE,
    ['.'] = FINE,          [','] = FINE,          [';'] = FINE,          ['#'] = FINE,   ['@'] = FINE,
};

static enum class class_of(char c) { return (enum class)classes[(unsigned char)c]; }

/* Whether a segment may be shown at all: printable and valid UTF-8. */
static bool printable(struct oi_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == '\\')
            return false;
    }
    return oi_utf8_valid_prefix(text.at, text.len) == text.len;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

enum {
    HEX_RUN = 16,     /* hexadecimal digits without a break, or */
    HEX_DIGITS = 24,  /* with dashes among them: a UUID has 32 */
    PLAIN_RUN = 32,   /* letters and digits without a break: nobody writes such words */
    TOKEN_LENGTH = 16 /* from here on, changes between letters, capitals and digits are counted */
};

/* A run of letters, digits and joints. Words change their kind of character seldom: userProfile2 twice in twelve;
 * base64, base58 and the like every second or third time. A capital before a small letter is no change: that is how
 * words begin. */
struct run {
    uint32_t length, changes, digits, plain, hex, hex_digits;
    enum class last;
};

static bool run_add(struct run *run, char c)
{
    enum class now = class_of(c);
    bool hex = is_hex(c);
    run->length++;
    run->plain = now == JOINT ? 0 : run->plain + 1;
    run->hex = hex ? run->hex + 1 : 0;
    run->hex_digits = hex ? run->hex_digits + 1 : c == '-' ? run->hex_digits : 0;
    run->digits += now == DIGIT;
    if (now != JOINT && run->last != OTHER && run->last != JOINT)
        run->changes += now != run->last && !(run->last == UPPER && now == LOWER);
    run->last = now;
    return run->plain >= PLAIN_RUN || run->hex >= HEX_RUN || run->hex_digits >= HEX_DIGITS;
}

static bool run_random(const struct run *run)
{
    return run->length >= TOKEN_LENGTH &&
           (run->digits ? run->changes * 4 >= run->length : run->changes * 10 >= run->length * 3);
}

static bool opaque(struct oi_text segment)
{
    struct run run = {0};
    if (segment.len < TOKEN_LENGTH)
        return false;
    for (size_t i = 0; i < segment.len; i++) {
        enum class now = class_of(segment.at[i]);
        if (now >= LOWER && now <= JOINT) {
            if (run_add(&run, segment.at[i]))
                return true;
        } else {
            if (run_random(&run))
                return true;
            run = (struct run){0};
        }
    }
    return run_random(&run);
}

#define WORD(word)                                                                                                     \
    {                                                                                                                  \
        word, sizeof word - 1                                                                                          \
    }
static const struct {
    char word[9];
    unsigned char length;
} secrets[] = {
    WORD("session"), WORD("sessions"), WORD("sess"), WORD("sid"),    WORD("token"),
    WORD("tokens"),  WORD("jwt"),      WORD("otp"),  WORD("secret"), WORD("passwd"),
    WORD("apikey"),  WORD("api_key"),  WORD("csrf"), WORD("nonce"),  WORD("password"),
};

static bool equal_nocase(const char *at, const char *lower, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((at[i] | 0x20) != (lower[i] | 0x20))
            return false;
    return true;
}

/* The segment ends with such a word: `session`, `user_session`, `accessToken`. What comes next is one. */
static bool announces_secret(struct oi_text segment)
{
    if (segment.len < 3)
        return false;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        size_t length = secrets[i].length;
        if (length > segment.len)
            continue;
        const char *tail = segment.at + segment.len - length;
        if (!equal_nocase(tail, secrets[i].word, length))
            continue;
        if (length == segment.len)
            return true;
        enum class before = class_of(tail[-1]);
        if (before == JOINT || before == DIGIT || (before == LOWER && class_of(*tail) == UPPER))
            return true;
    }
    return false;
}

/* `session-17ab` and `token_x9`: word and secret in one. */
static bool holds_secret(struct oi_text segment)
{
    bool digit = false;
    for (size_t i = segment.len; i-- > 3;) {
        if (class_of(segment.at[i]) == DIGIT)
            digit = true;
        else if (digit && class_of(segment.at[i]) == JOINT && announces_secret(oi_text_of(segment.at, i)))
            return true;
    }
    return false;
}

static size_t segment_length(struct oi_text key, size_t from, enum class separators)
{
    size_t at = from;
    while (at < key.len && class_of(key.at[at]) < separators)
        at++;
    return at - from;
}

void oi_redact_key(struct oi_text key, struct oi_buffer *out)
{
    bool secret = false;
    size_t at = 0;
    while (at < key.len) {
        enum class separator = class_of(key.at[at]);
        if (separator >= COARSE) {
            oi_buffer_char(out, key.at[at++]);
            continue;
        }
        /* A secret may hold points and slashes itself. */
        size_t length = segment_length(key, at, COARSE);
        if (secret)
            while (at + length < key.len && class_of(key.at[at + length]) != COARSE)
                length++;
        struct oi_text segment = oi_text_of(key.at + at, length);
        if (secret || !printable(segment) || opaque(segment) || holds_secret(segment)) {
            oi_buffer_char(out, '?');
            secret = false;
        } else {
            oi_buffer_put(out, segment.at, segment.len);
            secret = announces_secret(segment);
        }
        at += length;
    }
}
