#include "agent/redact.h"

#include "agent/redis_command.h"
#include "agent/utf8.h"

/* Where in a command's pattern (agent/redis_command.h) we are. */
struct walk {
    const char *pattern;
    const char *repeat; /* what to go on with at its end, or NULL */
    size_t index;       /* of the argument */
    size_t total;
    size_t keys;   /* keys still to come, counted by an argument */
    bool trimming; /* XADD: inside MAXLEN or MINID */
    bool limit;    /* XADD: behind LIMIT */
};

static bool is_word(struct oi_text text, const char *upper)
{
    size_t i = 0;
    for (; i < text.len && upper[i]; i++)
        if ((text.at[i] & ~0x20) != upper[i])
            return false;
    return i == text.len && !upper[i];
}

static bool has_only(struct oi_text text, size_t longest, const char *set)
{
    if (text.len == 0 || text.len > longest)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c == '\0' || !strchr(set, c)))
            return false;
    }
    return true;
}

static bool is_procedure(struct oi_text text)
{
    return has_only(text, 64, "0123456789_.-");
}

static void step(struct walk *walk)
{
    walk->pattern++;
    if (*walk->pattern == '*')
        walk->repeat = ++walk->pattern;
    else if (*walk->pattern == '\0' && walk->repeat)
        walk->pattern = walk->repeat;
}

/* XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] id field value …: everything before the fields is
 * ?. */
static void stream_option(struct walk *walk, struct oi_text argument)
{
    bool approximate = argument.len == 1 && (*argument.at == '=' || *argument.at == '~');
    if (walk->limit || (walk->trimming && !approximate))
        walk->limit = walk->trimming = false;
    else if (is_word(argument, "MAXLEN") || is_word(argument, "MINID"))
        walk->trimming = true;
    else if (is_word(argument, "LIMIT"))
        walk->limit = true;
    else if (!walk->trimming && !is_word(argument, "NOMKSTREAM") && !is_word(argument, "KEEPREF") &&
             !is_word(argument, "DELREF") && !is_word(argument, "ACKED"))
        walk->pattern = walk->repeat = "fv";
}

static bool key_count(struct walk *walk, struct oi_text argument)
{
    size_t keys = 0;
    if (argument.len == 0 || argument.len > 4)
        return false;
    for (size_t i = 0; i < argument.len; i++) {
        if (argument.at[i] < '0' || argument.at[i] > '9')
            return false;
        keys = keys * 10 + (size_t)(argument.at[i] - '0');
    }
    if (keys >= walk->total - walk->index)
        return false;
    walk->keys = keys;
    return true;
}

/* What the next argument is: k (shown, masked), c (shown as it is) or v. */
static char kind(struct walk *walk, struct oi_text argument)
{
    if (walk->keys > 0) {
        walk->keys--;
        return 'k';
    }
    switch (*walk->pattern) {
    case 'k':
    case 'f':
        step(walk);
        return 'k';
    case 'c':
        step(walk);
        return has_only(argument, 20, "-") ? 'c' : 'v';
    case 'p':
        step(walk);
        return is_procedure(argument) ? 'c' : 'v';
    case 'n':
        step(walk);
        return key_count(walk, argument) ? 'c' : 'v';
    case 'l':
        return walk->index + 1 < walk->total ? 'k' : 'v';
    case 's':
        if (!is_word(argument, "STREAMS"))
            return 'v';
        step(walk);
        walk->keys = (walk->total - walk->index - 1) / 2;
        return 'c';
    case 'i':
        stream_option(walk, argument);
        return 'v';
    case 'v':
        step(walk);
        return 'v';
    default:
        return 'v';
    }
}

static void arguments(struct oi_redis_args args, size_t total, const char *pattern, struct oi_buffer *out)
{
    struct walk walk = {.pattern = pattern ? pattern : "", .index = 1, .total = total};
    if (*walk.pattern == '*')
        walk.repeat = ++walk.pattern;
    for (; walk.index < total && !out->truncated; walk.index++) {
        if (walk.index >= args.count || (*walk.pattern == '\0' && walk.keys == 0)) {
            oi_buffer_put(out, " ?", 2);
            continue;
        }
        struct oi_text argument = args.at[walk.index];
        char what = kind(&walk, argument);
        oi_buffer_char(out, ' ');
        if (what == 'k')
            oi_redact_key(argument, out);
        else if (what == 'c')
            oi_buffer_put(out, argument.at, argument.len);
        else
            oi_buffer_char(out, '?');
    }
}

struct oi_text oi_redis_command(struct oi_redis_args args)
{
    if (args.count == 0 || !has_only(args.at[0], 32, "0123456789._-"))
        return (struct oi_text){NULL, 0};
    return args.at[0];
}

struct oi_text oi_redis_procedure(struct oi_redis_args args)
{
    const char *pattern = args.count > 1 ? oi_redis_pattern(args.at[0]) : NULL;
    if (!pattern || *pattern != 'p' || !is_procedure(args.at[1]))
        return (struct oi_text){NULL, 0};
    return args.at[1];
}

void oi_redact_redis(struct oi_redis_args args, bool keys, struct oi_buffer *out)
{
    size_t room = out->size - out->len, total = args.total > args.count ? args.total : args.count;
    struct oi_buffer part = {.at = out->at + out->len, .size = room < OI_REDIS_TEXT_MAX ? room : OI_REDIS_TEXT_MAX};
    if (total == 0)
        return;
    struct oi_text command = oi_redis_command(args);
    if (oi_text_present(command))
        oi_buffer_put(&part, command.at, command.len);
    else
        oi_buffer_char(&part, '?');
    arguments(args, total, keys && oi_text_present(command) ? oi_redis_pattern(command) : NULL, &part);
    if (part.truncated) {
        if (part.size >= 3) {
            part.len = oi_utf8_cut_bytes(part.at, part.len, part.size - 3);
            oi_buffer_put(&part, "...", 3);
        }
        out->truncated |= room < OI_REDIS_TEXT_MAX;
    }
    out->len += part.len;
}
