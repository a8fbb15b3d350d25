/* The table of agent/config.def as data, for the parser's own files.
 *
 * The preloaded object is mapped into every process: its table holds offsets into one block of text instead of
 * pointers, which costs the dynamic loader no relocation and each process no private page.
 */
#ifndef OI_AGENT_CONFIG_ROWS_H
#define OI_AGENT_CONFIG_ROWS_H

#include "agent/config.h"
#include "agent/text.h"

enum oi_config_type {
    OI_TYPE_BOOL,
    OI_TYPE_UINT,
    OI_TYPE_MILLIS,
    OI_TYPE_RATIO,
    OI_TYPE_STRING,
    OI_TYPE_LIST,
    OI_TYPE_CHOICE
};

enum oi_config_index {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help) OI_ROW_##field,
#include "agent/config.def"
#undef OI_SETTING
    OI_CONFIG_ROWS
};

struct oi_config_row {
    uint16_t env, fallback, limits, note; /* offsets, see oi_row_text */
    uint16_t field, set;                  /* offsets in struct oi_config */
    uint8_t env_len, type;
};

extern const struct oi_config_row oi_config_rows[OI_CONFIG_ROWS] __attribute__((visibility("hidden")));

/* A row's text by its offset. */
const char *oi_row_text(uint16_t offset);

/* A row's note: "" has an effect now, "~" later, "!" followed by what replaced it. */
#define OI_NOW ""
#define OI_LATER "~"
#define OI_REPLACED(instead) "!" instead

/* One reading of the environment. */
struct oi_config_reader {
    struct oi_config *config;
    struct oi_buffer arena;
    oi_config_complain *complain; /* or NULL */
    void *user;
    const char *given[OI_CONFIG_ROWS]; /* the environment's entry, NAME=VALUE, for what is set and not empty */
};

/* Complains: NAME=VALUE (cut, made printable) of `row`, then the rest. */
void oi_config_say(struct oi_config_reader *reader, enum oi_config_index row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads one value into its field. GOOD; PARTLY: usable, but `problem` says what was left out; BAD: the field is as it
 * was and `problem` says why. `problem` reads on after NAME=VALUE. */
enum oi_config_verdict { OI_CONFIG_GOOD, OI_CONFIG_PARTLY, OI_CONFIG_BAD };
enum oi_config_verdict oi_config_read(struct oi_config_reader *reader, enum oi_config_index index, struct oi_text text,
                                      struct oi_buffer *problem);

/* What a row's field holds, as one would write it. */
void oi_config_put_value(struct oi_buffer *out, struct oi_config_reader *reader, const struct oi_config_row *row);

static inline void *oi_config_field(struct oi_config_reader *reader, const struct oi_config_row *row)
{
    return (char *)reader->config + row->field;
}

/* Copies a text to the arena. NULL if there is no room. */
const char *oi_config_keep(struct oi_config_reader *reader, struct oi_text text);

/* The next item of a list separated by `separator`, without the spaces around it. False at the end. */
bool oi_list_next(struct oi_text *rest, char separator, struct oi_text *item);

/* oi_list_has for texts; `*` is a name like any other. */
bool oi_list_has_text(struct oi_text list, struct oi_text name);

/* Equal but for the case of ASCII letters. */
bool oi_text_same(struct oi_text a, struct oi_text b);

/* Without white space at either end. */
struct oi_text oi_text_trim(struct oi_text text);

/* What follows from several settings together: cross-checks and effective values. agent/config_derive.c. */
void oi_config_derive(struct oi_config_reader *reader);

/* Values that are taken apart later, agent/config_otlp.c. An endpoint that is no URL becomes NULL; the result is what
 * is wrong with it, as the end of a sentence, or NULL. Unusable headers and resource attributes are left out and
 * complained about. */
const char *oi_config_drop_endpoint(const char **endpoint);
void oi_config_drop_headers(struct oi_config_reader *reader, enum oi_config_index index, const char **list);
void oi_config_check_resource(struct oi_config_reader *reader);

/* The instrumentations here that a name of the Python agent stands for, as a comma list: "" for one that has none here,
 * NULL for a name the Python agent does not know. */
const char *oi_config_python_instrumentation(struct oi_text name);

#endif
