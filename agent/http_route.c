#include "agent/http_route.h"

#include <stdint.h>

enum {
    DEPTH = 8,       /* segments that are named */
    LONG = 32,       /* a segment from this length on is a value */
    DIGITS = 4,      /* in one word of a segment: a year, a number; not v1, oauth2, utf8, sha256 */
    HASH = 8,        /* hexadecimal digits, one of them 0 to 9 */
    LETTER_HASH = 16 /* all of them a to f */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static struct oi_text without_query(struct oi_text path)
{
    size_t len = 0;
    while (len < path.len && path.at[len] != '?' && path.at[len] != '#')
        len++;
    return oi_text_of(path.at, len);
}

/* --- templates -----------------------------------------------------------------------------------------------------
 */

/* Length of the wildcard at the start of `template`, 0 if there is none. A brace that is not closed is itself. */
static size_t wildcard(struct oi_text template)
{
    if (template.len > 0 && template.at[0] == '*')
        return 1;
    const char *end = template.len > 0 && template.at[0] == '{' ? memchr(template.at, '}', template.len) : NULL;
    return end && !memchr(template.at, '/', (size_t)(end - template.at)) ? (size_t)(end - template.at) + 1 : 0;
}

/* Of a segment without slashes. Only the last wildcard is ever tried again, with one character more. */
static bool segment_matches(struct oi_text template, struct oi_text segment)
{
    size_t t = 0, s = 0, again_t = 0, again_s = 0;
    bool may_grow = false;
    while (s < segment.len) {
        size_t wild = wildcard(oi_text_of(template.at + t, template.len - t));
        if (wild > 0) {
            s += template.at[t] == '{';
            t += wild;
            again_t = t;
            again_s = s;
            may_grow = true;
        } else if (t < template.len && template.at[t] == segment.at[s]) {
            t++;
            s++;
        } else if (may_grow) {
            t = again_t;
            s = ++again_s;
        } else {
            return false;
        }
    }
    while (t < template.len && template.at[t] == '*')
        t++;
    return t == template.len;
}

/* Takes the part up to the next slash off the front. False: there is no slash, it was the last one. */
static bool next_segment(struct oi_text *rest, struct oi_text *segment)
{
    const char *slash = rest->len > 0 ? memchr(rest->at, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->at) : rest->len;
    *segment = oi_text_of(rest->at, len);
    len += slash != NULL;
    *rest = oi_text_of(rest->at + len, rest->len - len);
    return slash != NULL;
}

/* False: they differ in front of the first wildcard, as most templates of a long list do. */
static bool may_match(struct oi_text template, struct oi_text path)
{
    size_t i = 0;
    for (; i < template.len && template.at[i] != '*' && template.at[i] != '{'; i++)
        if (i == path.len || template.at[i] != path.at[i])
            return false;
    return i < template.len || i == path.len;
}

static bool matches(struct oi_text template, struct oi_text path)
{
    struct oi_text expected, segment;
    if (!may_match(template, path))
        return false;
    for (;;) {
        bool more_expected = next_segment(&template, &expected), more = next_segment(&path, &segment);
        if (!segment_matches(expected, segment))
            return false;
        if (!more_expected && expected.len > 0 && expected.at[expected.len - 1] == '*')
            return true;
        if (!more_expected || !more)
            return more_expected == more;
    }
}

struct oi_text oi_http_route(const char *list, struct oi_text path)
{
    if (!list || !*list)
        return (struct oi_text){NULL, 0};
    path = without_query(path);
    while (*list) {
        while (*list == ' ' || *list == '\t' || *list == ',')
            list++;
        size_t len = (size_t)(strchrnul(list, ',') - list);
        struct oi_text template = {list, len};
        while (template.len > 0 && (template.at[template.len - 1] == ' ' || template.at[template.len - 1] == '\t'))
            template.len--;
        if (template.len > 0 && matches(template, path))
            return template;
        list += len;
    }
    return (struct oi_text){NULL, 0};
}

/* --- the guess ------------------------------------------------------------------------------------------------------
 */

/* What a segment, or a word of it, is made of. */
struct made_of {
    size_t digits, hexadecimal, upper, lower, len;
    size_t changes; /* between letter and digit */
};

static void count(struct made_of *of, char c, char before)
{
    bool letter = is_upper(c) || is_lower(c), letter_before = is_upper(before) || is_lower(before);
    of->digits += is_digit(c);
    of->upper += is_upper(c);
    of->lower += is_lower(c);
    of->hexadecimal += is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    of->changes += (letter && is_digit(before)) || (is_digit(c) && letter_before);
    of->len++;
}

static bool word_is_value(const struct made_of *word)
{
    bool hexadecimal = word->hexadecimal == word->len;
    return word->digits >= DIGITS || word->changes >= 4 ||
           (hexadecimal && word->len >= (word->digits > 0 ? (size_t)HASH : (size_t)LETTER_HASH));
}

/* `index.html`, `api`: so few letters, small and none but those, are never a value. */
static bool is_plain(struct oi_text segment)
{
    static const uint32_t characters[8] = {0, 0x00006000, 0x80000000, 0x07fffffe}; /* a bit each: . - _ a to z */
    bool plain = segment.len < LETTER_HASH;
    for (size_t i = 0; plain && i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.at[i];
        plain = characters[c >> 5] >> (c & 31) & 1;
    }
    return plain;
}

static bool is_value(struct oi_text segment)
{
    if (is_plain(segment))
        return false;
    struct made_of all = {0}, word = {0};
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.at[i];
        if (c == '.' || c == '-' || c == '_') {
            if (word_is_value(&word))
                return true;
            word = (struct made_of){0};
            continue;
        }
        if (!is_digit(c) && !is_upper(c) && !is_lower(c))
            return true;
        count(&all, c, 0);
        count(&word, c, word.len > 0 ? segment.at[i - 1] : 0);
    }
    bool no_letters = all.digits > 0 && all.digits == all.len;
    bool mixed = all.digits > 0 && all.upper > 0 && all.lower > 0 && all.len >= HASH;
    return segment.len >= LONG || no_letters || mixed || word_is_value(&word);
}

static bool steps(struct oi_text segment)
{
    return oi_text_equal(segment, OI_TEXT(".")) || oi_text_equal(segment, OI_TEXT(".."));
}

bool oi_http_route_guess(struct oi_text path, struct oi_buffer *out)
{
    struct oi_buffer guess = *out;
    struct oi_text rest = without_query(path), segment;
    bool more = rest.len > 0 && rest.at[0] == '/' && next_segment(&rest, &segment);
    if (!more)
        return false;
    guess.truncated = false;
    for (size_t depth = 0; more; depth++) {
        more = next_segment(&rest, &segment);
        if (steps(segment))
            return false;
        oi_buffer_char(&guess, '/');
        if (depth == DEPTH)
            segment = OI_TEXT("*");
        else if (is_value(segment))
            segment = OI_TEXT("{id}");
        oi_buffer_put(&guess, segment.at, segment.len);
        more = more && depth < DEPTH;
    }
    if (guess.truncated)
        return false;
    out->len = guess.len;
    return true;
}
