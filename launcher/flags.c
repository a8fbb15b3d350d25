#include "launcher/flags.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OI_NOW ""
#define OI_LATER "~"
#define OI_REPLACED(instead) "!" instead

const struct oi_flag_row oi_flag_rows[] = {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help)                                      \
    {env, flag, fallback, limits, #type, #group, effect, help},
#include "agent/config.def"
#undef OI_SETTING
};
const size_t oi_flag_row_count = sizeof(oi_flag_rows) / sizeof(oi_flag_rows[0]);

/* What a name on the command line stands for besides a row. */
enum { NOT_FOUND = -1, AMBIGUOUS = -2, HELP = -3, VERSION = -4 };

static enum oi_flags_wish wrong(struct oi_flags *flags, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum oi_flags_wish wrong(struct oi_flags *flags, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vsnprintf(flags->error, sizeof(flags->error), format, values);
    va_end(values);
    return OI_FLAGS_WRONG;
}

/* Adds a candidate to the message about an ambiguous prefix. */
static void add_candidate(struct oi_flags *flags, const char *name, int count)
{
    size_t used = strlen(flags->error);

    snprintf(flags->error + used, sizeof(flags->error) - used, "%s--%s", count ? ", " : "", name);
}

/* Flags that the Python agent does not have (any more). They must not make a beginning ambiguous that is unique there.
 */
static bool is_extra(const struct oi_flag_row *row)
{
    return strcmp(row->group, "OLD") == 0 ||
           (strncmp(row->env, "OTEL_NATIVE_", 12) == 0 && strcmp(row->flag, "disabled_instrumentations") != 0);
}

/* The row a name means: exactly, or as the only one that begins so. */
static int find_flag(struct oi_flags *flags, const char *name, size_t length)
{
    int found[2] = {NOT_FOUND, NOT_FOUND}, count[2] = {0, 0};
    static const char *const own[] = {"help", "version"};

    snprintf(flags->error, sizeof(flags->error), "ambiguous option: --%.*s could match ", (int)length, name);
    for (size_t i = 0; i < 2 + oi_flag_row_count; i++) {
        const char *flag = i < 2 ? own[i] : oi_flag_rows[i - 2].flag;
        int value = i < 2 ? HELP - (int)i : (int)i - 2;
        if (!flag || strncmp(flag, name, length) != 0)
            continue;
        if (flag[length] == '\0')
            return value;
        bool extra = i >= 2 && is_extra(&oi_flag_rows[i - 2]);
        add_candidate(flags, flag, count[0] + count[1]);
        count[extra]++;
        found[extra] = value;
    }
    bool extra = count[0] == 0;
    return count[extra] > 1 ? AMBIGUOUS : found[extra];
}

static bool is_negative_number(const char *text)
{
    size_t digits = strspn(text + 1, "0123456789"), more;

    if (text[1 + digits] == '\0')
        return digits > 0;
    more = text[1 + digits] == '.' ? strspn(text + 2 + digits, "0123456789") : 0;
    return more > 0 && text[2 + digits + more] == '\0';
}

/* argparse takes what looks like an option for one, unless it is a number, a lone dash, or has a space in it. */
static bool may_be_value(const char *text)
{
    return text[0] != '-' || text[1] == '\0' || is_negative_number(text) || strchr(text, ' ');
}

/* People write --service-name. */
static enum oi_flags_wish unknown(struct oi_flags *flags, const char *argument, size_t length)
{
    char name[64];

    for (size_t i = 0; i < length && length < sizeof(name); i++)
        name[i] = argument[2 + i] == '-' ? '_' : argument[2 + i];
    if (length > 0 && length < sizeof(name) && memchr(argument + 2, '-', length)) {
        int row = find_flag(flags, name, length);
        if (row >= 0)
            return wrong(flags, "unrecognized arguments: %s (did you mean --%s?)", argument, oi_flag_rows[row].flag);
    }
    return wrong(flags, "unrecognized arguments: %s", argument);
}

/* argv[*at] begins with two dashes. */
static enum oi_flags_wish take_flag(struct oi_flags *flags, int argc, char *const *argv, int *at)
{
    const char *argument = argv[*at], *equals = strchr(argument, '=');
    size_t length = (equals ? (size_t)(equals - argument) : strlen(argument)) - 2;
    int row = find_flag(flags, argument + 2, length);

    switch (row) {
    case AMBIGUOUS:
        return OI_FLAGS_WRONG;
    case NOT_FOUND:
        return unknown(flags, argument, length);
    case HELP:
    case VERSION:
        if (equals)
            return wrong(flags, "argument --%s: ignored explicit argument '%s'", row == HELP ? "help" : "version",
                         equals + 1);
        return row == HELP ? OI_FLAGS_HELP : OI_FLAGS_VERSION;
    default:
        if (!equals && (*at + 1 >= argc || !may_be_value(argv[*at + 1])))
            return wrong(flags, "argument --%s: expected one argument", oi_flag_rows[row].flag);
        flags->values[row] = equals ? equals + 1 : argv[++*at];
        return OI_FLAGS_RUN;
    }
}

enum oi_flags_wish oi_flags_parse(struct oi_flags *flags, int argc, char *const *argv)
{
    int at = 1;

    flags->error[0] = '\0';
    for (; at < argc; at++) {
        const char *argument = argv[at];
        if (strcmp(argument, "--") == 0) {
            at++;
            break;
        }
        if (argument[0] != '-' || argument[1] == '\0')
            break;
        if (strcmp(argument, "-h") == 0)
            return OI_FLAGS_HELP;
        if (argument[1] != '-')
            return wrong(flags, "unrecognized arguments: %s", argument);
        enum oi_flags_wish wish = take_flag(flags, argc, argv, &at);
        if (wish != OI_FLAGS_RUN)
            return wish;
    }
    flags->command = at;
    return at < argc ? OI_FLAGS_RUN : wrong(flags, "the following arguments are required: command");
}
