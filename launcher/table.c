/* Prints the table of settings for the documentation, from agent/config.def: `table markdown`, `table roff`. Run when
 * the table changes (make update-docs); a test compares what it prints with what is in docs/. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "launcher/flags.h"
#include "launcher/help.h"

static void print_markdown(const struct oi_flag_row *row)
{
    char text[1024];

    oi_help_describe(text, sizeof(text), row);
    printf("| `%s` | %s%s%s | ", row->env, row->flag ? "`--" : "", row->flag ? row->flag : "–", row->flag ? "`" : "");
    for (const char *c = text; *c; c++)
        printf(*c == '|' || *c == '<' || *c == '*' ? "\\%c" : "%c", *c);
    puts(" |");
}

/* A dash is a minus sign for roff unless it is escaped; a dot or quote at the start of a line is a request. */
static void print_roff_text(const char *text)
{
    for (const char *c = text; *c; c++)
        printf(*c == '-' ? "\\-" : *c == '\\' ? "\\e" : "%c", *c);
}

static void print_roff(const struct oi_flag_row *row)
{
    char text[1024];

    oi_help_describe(text, sizeof(text), row);
    printf(".TP\n");
    if (row->flag) {
        printf(".BI \\-\\-");
        print_roff_text(row->flag);
        printf(" \" value\"\n.RB ( %s )\n.br\n", row->env);
    } else {
        printf(".B %s\n", row->env);
    }
    print_roff_text(text);
    putchar('\n');
}

int main(int argc, char **argv)
{
    bool roff = argc > 1 && strcmp(argv[1], "roff") == 0;

    for (size_t group = 0; group < oi_help_group_count; group++) {
        printf(roff ? ".SS %s\n" : "### %s\n\n| variable | flag | meaning |\n|---|---|---|\n",
               oi_help_groups[group].title);
        for (int without_flag = 0; without_flag < 2; without_flag++)
            for (size_t i = 0; i < oi_flag_row_count; i++)
                if (strcmp(oi_flag_rows[i].group, oi_help_groups[group].name) == 0 &&
                    (oi_flag_rows[i].flag == NULL) == without_flag) {
                    if (roff)
                        print_roff(&oi_flag_rows[i]);
                    else
                        print_markdown(&oi_flag_rows[i]);
                }
        if (!roff && group + 1 < oi_help_group_count)
            putchar('\n');
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
