#include "agent/sql_token.h"

enum class { OTHER, BLANK, CONTROL, LETTER, DIGIT };

/* 256 bytes instead of a chain of comparisons: this is looked at once a byte. */
static const uint8_t classes[256] = {
    [0 ... 8] = CONTROL,    ['\t' ... '\r'] = BLANK, [14 ... 31] = CONTROL,  [' '] = BLANK,
    ['0' ... '9'] = DIGIT,  ['A' ... 'Z'] = LETTER,  ['_'] = LETTER,         ['$'] = LETTER,
    ['a' ... 'z'] = LETTER, [127] = CONTROL,         [128 ... 255] = LETTER,
};

static enum class class_of(char c) { return (enum class)classes[(unsigned char)c]; }

/* The first of two bytes in [at, end), or end. Eight at a time: strings may be megabytes. */
static const char *find_either(const char *at, const char *end, char a, char b)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    const uint64_t all_a = ones * (unsigned char)a, all_b = ones * (unsigned char)b;
    for (; end - at >= 8; at += 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t x = eight ^ all_a, y = eight ^ all_b;
        if ((((x - ones) & ~x) | ((y - ones) & ~y)) & tops)
            break;
    }
    while (at < end && *at != a && *at != b)
        at++;
    return at;
}

static const char *skip_name(const char *at, const char *end)
{
    while (at < end && class_of(*at) >= LETTER)
        at++;
    return at;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && class_of(*at) == DIGIT)
        at++;
    return at;
}

/* Whether the two bytes that end a comment stand in [at, end). */
static bool holds_comment_end(const char *at, const char *end)
{
    while (end - at >= 2 && (at = memchr(at, '*', (size_t)(end - at - 1)))) {
        if (at[1] == '/')
            return true;
        at++;
    }
    return false;
}

static bool is_lead(const char *at, const char *end)
{
    return (unsigned char)at[0] > 0x80 && end - at >= 2 && (unsigned char)at[1] >= 0x40;
}

/* The same where characters of two bytes hide some. */
static __attribute__((noinline)) const char *find_either_multibyte(const char *at, const char *end, char a, char b)
{
    while (at < end && *at != a && *at != b)
        at += is_lead(at, end) ? 2 : 1;
    return at;
}

/* At the closing quote of a string: whether it is one in GBK too. */
static __attribute__((noinline)) bool multibyte_matters(const char *start, const char *at, char quote)
{
    if (quote != '`') {
        if (at[-1] != '\\')
            return false;
        while (at > start && at[-1] == '\\')
            at--;
    }
    return at > start && (unsigned char)at[-1] > 0x80;
}

/* From the opening quote at `at` to past the closing one. Backslash escapes and doubled quotes; in backticks only the
 * latter. */
static const char *quoted(const struct oi_sql_lexer *lexer, const char *at, uint8_t *flags)
{
    const char quote = *at, *start = at++, *end = lexer->end;
    bool plain = quote == '`' || (lexer->reading & (quote == '\'' ? OI_SQL_PLAIN_SINGLE : OI_SQL_PLAIN_DOUBLE));
    const char escape = plain ? quote : '\\';
    for (;;) {
        at = lexer->reading & OI_SQL_MULTIBYTE ? find_either_multibyte(at, end, quote, escape)
                                               : find_either(at, end, quote, escape);
        if (end - at >= 2 && *at != quote) {
            if (at[1] == quote)
                *flags |= OI_SQL_ESCAPED;
            at += 2;
            continue;
        }
        if (at == end || *at != quote) {
            *flags |= OI_SQL_DOUBTFUL;
            return end;
        }
        if (multibyte_matters(start + 1, at, quote))
            *flags |= OI_SQL_ESCAPED;
        at++;
        if (at == end || *at != quote)
            break;
        at++;
    }
    /* A server that skips this comment would see it end inside our string. */
    if (lexer->hints && holds_comment_end(start, at))
        *flags |= OI_SQL_DOUBTFUL;
    return at;
}

static const char *line_comment(const struct oi_sql_lexer *lexer, const char *at, uint8_t *flags)
{
    const char *stop = find_either(at, lexer->end, '\n', '\n');
    if (lexer->hints && holds_comment_end(at, stop))
        *flags |= OI_SQL_DOUBTFUL;
    return stop;
}

/* At a slash and a star. */
static const char *block_comment(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    const char *start = lexer->at + 2, *at = start, *end = lexer->end;
    if (at < end && *at == 'M')
        at++;
    if (at < end && (*at == '!' || (*at == '+' && at == start))) {
        token->kind = OI_SQL_HINT_OPEN;
        if (lexer->hints == UINT16_MAX)
            token->flags = OI_SQL_DOUBTFUL;
        else
            lexer->hints++;
        return *at == '!' ? skip_digits(at + 1, end) : at + 1;
    }
    token->kind = OI_SQL_COMMENT;
    for (at = start; at < end && (at = memchr(at, '*', (size_t)(end - at))); at++)
        if (end - at >= 2 && at[1] == '/')
            return at + 2;
    token->flags = OI_SQL_DOUBTFUL;
    return end;
}

/* A token that starts with a digit, or with a point before one. */
static const char *number(const char *at, const char *end, uint8_t *kind)
{
    const char *start = at;
    *kind = OI_SQL_NUMBER;
    at = skip_digits(at, end);
    if (at < end && *at == '.') {
        at = skip_digits(at + 1, end);
    } else if (at < end && class_of(*at) == LETTER) {
        const char *word = skip_name(at, end);
        bool exponent = (*at | 0x20) == 'e';
        if (exponent && word == at + 1 && end - word >= 2 && (*word == '-' || *word == '+') &&
            class_of(word[1]) == DIGIT)
            return skip_name(word + 1, end);
        if (exponent && word > at + 1 && skip_digits(at + 1, end) == word)
            return word;
        if (at == start + 1 && *start == '0' && (*at == 'x' || *at == 'b'))
            return word;
        *kind = OI_SQL_DIGITS_WORD;
        return word;
    }
    if (at < end && (*at | 0x20) == 'e') {
        const char *power = at + 1;
        if (end - power >= 2 && (*power == '-' || *power == '+') && class_of(power[1]) == DIGIT)
            power++;
        at = power;
    }
    /* What hangs on to it is taken for a part of the value. */
    return skip_name(at, end);
}

static const char *word(const struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    const char *start = lexer->at, *end = lexer->end, *at = skip_name(start, end);
    token->kind = OI_SQL_WORD;
    if (at < end && (*at == '\'' || (*at == '"' && *start == '_'))) {
        char letter = (char)(*start | 0x20);
        if (*start == '_' || (at == start + 1 && (letter == 'n' || letter == 'x' || letter == 'b'))) {
            token->kind = OI_SQL_STRING;
            at = quoted(lexer, at, &token->flags);
        }
    }
    return at;
}

static const char *variable(const char *at, const char *end, uint8_t *kind)
{
    const char *name = at + 1;
    if (name < end && *name == '@')
        name++;
    at = name;
    while (at < end && (class_of(*at) >= LETTER || *at == '.'))
        at++;
    *kind = at > name ? OI_SQL_VARIABLE : OI_SQL_PUNCTUATION;
    return at;
}

/* Everything that starts neither a name nor white space. Sets kind and flags, returns where it ends. */
static const char *symbol(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    uint8_t *kind = &token->kind, *flags = &token->flags;
    const char *at = lexer->at, *end = lexer->end;
    char next = end - at >= 2 ? at[1] : ' ';
    *kind = OI_SQL_PUNCTUATION;
    switch (*at) {
    case '\'':
    case '"':
        *kind = OI_SQL_STRING;
        return quoted(lexer, at, flags);
    case '`':
        *kind = OI_SQL_QUOTED;
        return quoted(lexer, at, flags);
    case '#':
        *kind = OI_SQL_COMMENT;
        return line_comment(lexer, at, flags);
    case '-':
        /* Two dashes alone are two minus signs. */
        if (next != '-' || (end - at >= 3 && class_of(at[2]) != BLANK && class_of(at[2]) != CONTROL))
            break;
        *kind = OI_SQL_COMMENT;
        return line_comment(lexer, at, flags);
    case '/':
        if (next == '*')
            return block_comment(lexer, token);
        break;
    case '*':
        if (next != '/')
            break;
        *kind = OI_SQL_HINT_CLOSE;
        if (lexer->hints)
            lexer->hints--;
        else
            *flags |= OI_SQL_DOUBTFUL;
        return at + 2;
    case '.':
        /* t.5 is a column, .5 a number. */
        if (class_of(next) == DIGIT && lexer->last_kind != OI_SQL_WORD && lexer->last_kind != OI_SQL_QUOTED)
            return number(at, end, kind);
        break;
    case '?':
        *kind = OI_SQL_PLACEHOLDER;
        break;
    case '@':
        return variable(at, end, kind);
    case '\\':
        if (next != 'N') /* \N is NULL */
            *flags |= OI_SQL_DOUBTFUL;
        else
            *kind = OI_SQL_WORD;
        return at + (next == 'N' ? 2 : 1);
    default:
        if (class_of(*at) == CONTROL)
            *flags |= OI_SQL_DOUBTFUL;
    }
    return at + 1;
}

void oi_sql_next(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    const char *at = lexer->at, *end = lexer->end;
    while (at < end && class_of(*at) == BLANK)
        at++;
    if (at > lexer->at) {
        lexer->last_kind = OI_SQL_SPACE;
        lexer->at = at;
    }
    token->at = at;
    token->len = 0;
    token->kind = OI_SQL_END;
    token->flags = 0;
    if (at == end)
        return;
    switch (class_of(*at)) {
    case LETTER:
        at = word(lexer, token);
        break;
    case DIGIT:
        at = number(at, end, &token->kind);
        /* t.2fa is a column; t.5 could be one as well, but is more likely a value in a wrong place. */
        if (token->kind == OI_SQL_DIGITS_WORD && lexer->last_kind == OI_SQL_PUNCTUATION && lexer->last_char == '.')
            token->kind = OI_SQL_WORD;
        break;
    default:
        at = symbol(lexer, token);
    }
    token->len = (size_t)(at - token->at);
    lexer->at = at;
    lexer->last_kind = token->kind;
    lexer->last_char = at[-1];
}
