#include "launcher/help.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 80, COLUMN = 26 };

const struct oi_help_group oi_help_groups[] = {
    {"GENERAL", "General"},
    {"TRACES", "Traces"},
    {"OTLP", "OTLP export"},
    {"LIMITS", "Limits"},
    {"INSTRUMENTATION", "What is instrumented"},
    {"NATIVE", "This agent's own"},
    {"METRICS", "Metrics"},
    {"LOGS", "Logs"},
    {"PYTHON", "Of the Python agent alone"},
    {"OLD", "Of older versions of the Python agent"},
};
const size_t oi_help_group_count = sizeof(oi_help_groups) / sizeof(oi_help_groups[0]);

void oi_usage_print(FILE *out)
{
    fputs("usage: otel-instrument [-h] [--version] [--flag value]... [--] command [args]...\n", out);
}

void oi_version_print(FILE *out)
{
    fputs("otel-instrument " OI_VERSION "\n", out);
}

/* Prints words from column `at` on, wrapped to WIDTH and indented to `indent`. Ends the line. */
static void print_wrapped(FILE *out, const char *text, size_t at, size_t indent)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        if (at > indent && at + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, length, out);
        at += length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

/* "a|~b|c=a" as "a, c". */
static void append_names(char *to, size_t size, const char *limits)
{
    bool first = true;

    while (*limits) {
        size_t length = strcspn(limits, "|"), used = strlen(to);
        if (limits[0] != '~' && !memchr(limits, '=', length)) {
            snprintf(to + used, size - used, "%s%.*s", first ? "" : ", ", (int)length, limits);
            first = false;
        }
        limits += length + (limits[length] == '|');
    }
}

/* The variable a flag sets goes without saying where the rule of the last paragraph gives it. */
static bool by_rule(const struct oi_flag_row *row)
{
    const char *env = row->env + 5, *flag = row->flag;

    while (*flag && toupper((unsigned char)*flag) == *env)
        flag++, env++;
    return *flag == '\0' && *env == '\0';
}

void oi_help_describe(char *text, size_t size, const struct oi_flag_row *row)
{
    bool names = row->limits[0] && !strstr(row->limits, "..");

    snprintf(text, size, "%s", row->help);
#define APPEND(...) snprintf(text + strlen(text), size - strlen(text), __VA_ARGS__)
    if (row->effect[0] == '!') {
        if (row->effect[1])
            APPEND("; use %s", row->effect + 1);
        APPEND(" [no effect]");
    } else {
        if (names) {
            APPEND("; %s of ", strcmp(row->type, "LIST") == 0 ? "any" : "one");
            append_names(text, size, row->limits);
        }
        if (row->fallback[0] == '=')
            APPEND(" (default: %s)", row->fallback + 1);
        else if (row->fallback[0])
            APPEND(" (default: %s)", row->fallback);
        if (row->effect[0] == '~')
            APPEND(" [no effect yet]");
    }
#undef APPEND
}

static void print_row(FILE *out, const struct oi_flag_row *row)
{
    char text[1024], name[128];

    oi_help_describe(text, sizeof(text), row);
    if (row->flag && !by_rule(row))
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " {%s}", row->env);
    snprintf(name, sizeof(name), row->flag ? "  --%s VALUE" : "  %s", row->flag ? row->flag : row->env);
    size_t length = strlen(name);
    fputs(name, out);
    if (length + 2 > COLUMN) {
        fputc('\n', out);
        length = 0;
    }
    fprintf(out, "%*s", (int)(COLUMN - length), "");
    print_wrapped(out, text, COLUMN, COLUMN);
}

static void print_group(FILE *out, const char *group, bool flags)
{
    for (size_t i = 0; i < oi_flag_row_count; i++)
        if (strcmp(oi_flag_rows[i].group, group) == 0 && (oi_flag_rows[i].flag != NULL) == flags)
            print_row(out, &oi_flag_rows[i]);
}

void oi_help_print(FILE *out)
{
    oi_usage_print(out);
    fputc('\n', out);
    print_wrapped(out,
                  "Runs a native program, unmodified, so that it emits OpenTelemetry traces. Where they go and "
                  "what they contain is set by the flags below or by the environment variables they stand for.",
                  0, 0);
    fprintf(out, "\n%-*sshow this and exit\n%-*sshow the version and exit\n", COLUMN, "  -h, --help", COLUMN,
            "  --version");
    for (size_t i = 0; i < oi_help_group_count; i++) {
        fprintf(out, "\n%s:\n", oi_help_groups[i].title);
        print_group(out, oi_help_groups[i].name, true);
    }
    fputs("\nVariables without a flag:\n", out);
    for (size_t i = 0; i < oi_help_group_count; i++)
        print_group(out, oi_help_groups[i].name, false);
    fputc('\n', out);
    print_wrapped(
        out,
        "A flag sets the environment variable OTEL_ followed by its name in capitals, or the one in braces, for "
        "the program and everything it starts; it beats the environment. `--flag=value` works too, and so does "
        "any unique beginning of a flag's name; of several the last counts. Settings that cannot be used are "
        "named on stderr, and the program runs all the same.",
        0, 0);
}
