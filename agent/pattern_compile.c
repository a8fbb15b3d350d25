#include "agent/config_rows.h"
#include "agent/pattern_steps.h"

enum { DEPTH = 16 };

struct compiler {
    struct oi_text rest;
    struct step steps[STEPS];
    struct set sets[SETS];
    int count, set_count, depth;
    bool fold;
    bool failed;
};

static bool more(const struct compiler *c)
{
    return c->rest.len > 0 && !c->failed;
}

static char peek(const struct compiler *c)
{
    return more(c) ? c->rest.at[0] : '\0';
}

/* The next character; at the end it fails. */
static char take(struct compiler *c)
{
    char next = peek(c);
    if (!more(c) || next <= 0) {
        c->failed = true;
        return '\0';
    }
    c->rest.at++;
    c->rest.len--;
    return next;
}

static bool took(struct compiler *c, char wanted)
{
    if (peek(c) != wanted || !more(c))
        return false;
    take(c);
    return true;
}

/* Puts a step in at `at`. */
static void insert(struct compiler *c, int at, enum op op, int arg, int to)
{
    if (c->count == STEPS) {
        c->failed = true;
        return;
    }
    memmove(&c->steps[at + 1], &c->steps[at], (size_t)(c->count - at) * sizeof *c->steps);
    c->steps[at] = (struct step){(uint8_t)op, (uint8_t)arg, (int16_t)to};
    c->count++;
}

static void emit(struct compiler *c, enum op op, int arg, int to)
{
    insert(c, c->count, op, arg, to);
}

static void set_add(struct set *set, char byte)
{
    set->bits[(uint8_t)byte / 8] |= (uint8_t)(1 << (uint8_t)byte % 8);
}

static void set_invert(struct set *set)
{
    for (size_t i = 0; i < sizeof set->bits; i++)
        set->bits[i] = (uint8_t)~set->bits[i];
}

/* Adds what \d, \w, \s or their opposites stand for. False: another letter. */
static bool set_add_class(struct set *set, char letter)
{
    struct set class = {0};
    for (int byte = 0; byte < 128; byte++) {
        char b = (char)byte;
        bool in = lower(letter) == 'd'   ? is_digit(b)
                  : lower(letter) == 'w' ? is_word(b)
                                         : b == ' ' || (b >= '\t' && b <= '\r');
        if (in)
            set_add(&class, b);
    }
    if (!letter || !strchr("dwsDWS", letter))
        return false;
    if (!(letter & 0x20))
        set_invert(&class);
    for (size_t i = 0; i < sizeof set->bits; i++)
        set->bits[i] |= class.bits[i];
    return true;
}

/* What a backslash and `letter` mean where that is one character. */
static char escaped(struct compiler *c, char letter)
{
    static const char letters[] = "tnrfv", bytes[] = "\t\n\r\f\v";
    const char *at = letter ? strchr(letters, letter) : NULL;
    if (at)
        return bytes[at - letters];
    if (is_word(letter) && letter != '_')
        c->failed = true; /* back references, and what we do not know */
    return letter;
}

static void emit_set(struct compiler *c, const struct set *set)
{
    if (c->set_count == SETS) {
        c->failed = true;
        return;
    }
    c->sets[c->set_count] = *set;
    emit(c, OP_SET, c->set_count++, 0);
}

/* From the lower to the higher, and in both cases of letters where they are alike. */
static void set_add_range(struct compiler *c, struct set *set, char low, char high)
{
    if (low > high)
        c->failed = true;
    for (char byte = low; !c->failed; byte++) {
        set_add(set, byte);
        if (c->fold && is_letter(byte))
            set_add(set, (char)(byte ^ 0x20));
        if (byte == high)
            break;
    }
}

/* The classes of POSIX, as pairs of what they reach from and to. */
static const struct {
    char name[8], ranges[12];
} classes[] = {
    {"alpha", "AZaz"},     {"digit", "09"},      {"alnum", "09AZaz"}, {"upper", "AZ"},
    {"lower", "az"},       {"xdigit", "09AFaf"}, {"space", "\t\r  "}, {"blank", "\t\t  "},
    {"punct", "!/:@[`{~"}, {"print", " ~"},      {"graph", "!~"},     {"cntrl", "\1\37\177\177"},
};

/* `[:digit:]` in a set, behind its bracket. False: it is none, and nothing was taken. */
static bool take_class(struct compiler *c, struct set *set)
{
    const char *end = peek(c) == ':' ? memmem(c->rest.at, c->rest.len, ":]", 2) : NULL;
    if (!end || end == c->rest.at)
        return false;
    struct oi_text name = oi_text_of(c->rest.at + 1, (size_t)(end - c->rest.at) - 1);
    bool known = false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes && !known; i++) {
        known = oi_text_equal(name, oi_text_from(classes[i].name));
        for (const char *range = classes[i].ranges; known && *range; range += 2)
            set_add_range(c, set, range[0], range[1]);
    }
    c->failed |= !known;
    c->rest = oi_text_of(end + 2, c->rest.len - (size_t)(end + 2 - c->rest.at));
    return true;
}

/* Behind the opening bracket. */
static void parse_set(struct compiler *c)
{
    struct set set = {0};
    bool inverted = took(c, '^'), first = true;
    for (; !c->failed && (first || peek(c) != ']'); first = false) {
        char low = take(c);
        if (low == '[' && take_class(c, &set))
            continue;
        if (low == '\\') {
            char letter = take(c);
            if (set_add_class(&set, letter))
                continue;
            low = escaped(c, letter);
        }
        char high = low;
        if (peek(c) == '-' && c->rest.len > 1 && c->rest.at[1] != ']') {
            take(c);
            high = take(c);
            if (high == '\\')
                high = escaped(c, take(c));
        }
        set_add_range(c, &set, low, high);
    }
    take(c);
    if (inverted)
        set_invert(&set);
    emit_set(c, &set);
}

static void parse_escape(struct compiler *c)
{
    struct set set = {0};
    char letter = take(c);
    if (letter == 'b' || letter == 'B')
        emit(c, letter == 'b' ? OP_EDGE : OP_NO_EDGE, 0, 0);
    else if (letter == 'A' || letter == 'Z')
        emit(c, letter == 'A' ? OP_BEGIN : OP_END, 0, 0);
    else if (set_add_class(&set, letter))
        emit_set(c, &set);
    else
        emit(c, OP_BYTE, c->fold ? lower(escaped(c, letter)) : escaped(c, letter), 0);
}

static void parse_alternatives(struct compiler *c);

/* Behind the opening parenthesis. */
static void parse_group(struct compiler *c)
{
    if (took(c, '?') && take(c) != ':')
        c->failed = true;
    if (c->depth++ == DEPTH)
        c->failed = true;
    parse_alternatives(c);
    c->depth--;
    if (take(c) != ')')
        c->failed = true;
}

static void parse_atom(struct compiler *c)
{
    char next = take(c);
    switch (next) {
    case '(':
        parse_group(c);
        break;
    case '[':
        parse_set(c);
        break;
    case '\\':
        parse_escape(c);
        break;
    case '.':
        emit(c, OP_ANY, 0, 0);
        break;
    case '^':
        emit(c, OP_BEGIN, 0, 0);
        break;
    case '$':
        emit(c, OP_END, 0, 0);
        break;
    case '*':
    case '+':
    case '?':
        c->failed = true; /* nothing to repeat */
        break;
    default:
        emit(c, OP_BYTE, c->fold ? lower(next) : next, 0);
    }
}

/* The number in `{n}`, taken; -1: there is none, the brace is a character like any other. */
static int take_times(struct compiler *c)
{
    int times = 0;
    size_t i = 1;
    if (peek(c) != '{')
        return -1;
    for (; i < c->rest.len && i < 5 && is_digit(c->rest.at[i]); i++)
        times = times * 10 + (c->rest.at[i] - '0');
    if (i == 1 || i == c->rest.len || c->rest.at[i] != '}')
        return -1;
    c->rest.at += i + 1;
    c->rest.len -= i + 1;
    return times;
}

static void repeat(struct compiler *c, int start, int times)
{
    int length = c->count - start;
    c->count = start;
    for (int i = 0; i < times && !c->failed; i++) {
        c->failed = c->count + length > STEPS;
        if (!c->failed && i > 0)
            memcpy(&c->steps[c->count], &c->steps[start], (size_t)length * sizeof *c->steps);
        c->count += c->failed ? 0 : length;
    }
}

static void parse_repeated(struct compiler *c)
{
    int start = c->count, times;
    parse_atom(c);
    int length = c->count - start;
    if (took(c, '*')) {
        insert(c, start, OP_SPLIT, 0, length + 2);
        emit(c, OP_JUMP, 0, -length - 1);
    } else if (took(c, '+')) {
        emit(c, OP_SPLIT, 0, -length);
    } else if (took(c, '?')) {
        insert(c, start, OP_SPLIT, 0, length + 1);
    } else if ((times = take_times(c)) >= 0) {
        repeat(c, start, times);
    } else {
        return;
    }
    took(c, '?'); /* as little as possible: the same texts match */
    if (more(c) && (strchr("*+?", peek(c)) || take_times(c) >= 0))
        c->failed = true;
}

static void parse_alternatives(struct compiler *c)
{
    int start = c->count;
    while (more(c) && peek(c) != '|' && peek(c) != ')')
        parse_repeated(c);
    if (!took(c, '|'))
        return;
    insert(c, start, OP_SPLIT, 0, c->count - start + 2);
    emit(c, OP_JUMP, 0, 0);
    int jump = c->count - 1;
    parse_alternatives(c);
    if (!c->failed)
        c->steps[jump].to = (int16_t)(c->count - jump);
}

static bool compile(struct compiler *c, struct oi_text expression, bool fold)
{
    c->rest = expression;
    c->count = c->set_count = c->depth = 0;
    c->fold = fold;
    c->failed = false;
    parse_alternatives(c);
    emit(c, OP_MATCH, 0, 0);
    return !c->failed && c->rest.len == 0;
}

bool oi_pattern_valid(struct oi_text expression)
{
    struct compiler compiler;
    return compile(&compiler, expression, true);
}

void oi_patterns_compile(struct oi_patterns *out, const char *list, bool fold, struct oi_buffer *room)
{
    struct oi_text rest = oi_text_from(list), item;
    struct compiler c;
    *out = (struct oi_patterns){NULL, 0};
    while (oi_list_next(&rest, ',', &item)) {
        if (!compile(&c, item, fold))
            continue;
        struct oi_pattern head = {(uint8_t)c.count, (uint8_t)c.set_count, fold, 0};
        size_t steps = (size_t)c.count * sizeof *c.steps, sets = (size_t)c.set_count * sizeof *c.sets;
        if (room->size - room->len < sizeof head + steps + sets)
            continue;
        if (out->count++ == 0)
            out->first = (const struct oi_pattern *)(const void *)(room->at + room->len);
        oi_buffer_put(room, (const char *)&head, sizeof head);
        oi_buffer_put(room, (const char *)c.steps, steps);
        oi_buffer_put(room, (const char *)c.sets, sets);
    }
}
