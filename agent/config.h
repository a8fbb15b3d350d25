/* Every setting, from agent/config.def (one row a setting), and the parser.
 *
 * Follows specification/configuration/sdk-environment-variables.md and common.md: an empty value is unset; only `true`
 * (any case) is true; integers are 0..2^31-1, durations milliseconds; what cannot be used is complained about once,
 * naming variable, value and what is used instead, and never keeps a program from starting.
 *
 * Pure: reads the environment array it is given, nothing else. Used by the agent and by the launcher.
 */
#ifndef OI_AGENT_CONFIG_H
#define OI_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/text.h"

/* Generated fields: bool / uint32_t (numbers, milliseconds) / double (ratio) / const char * (strings and lists; NULL:
 * unset) / int (choices: index into the row's list). Defined in terms of config.def below. */
#define OI_FIELD_BOOL bool
#define OI_FIELD_UINT uint32_t
#define OI_FIELD_MILLIS uint32_t
#define OI_FIELD_RATIO double
#define OI_FIELD_STRING const char *
#define OI_FIELD_LIST const char *
#define OI_FIELD_CHOICE int

struct oi_config {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help) OI_FIELD_##type field;
#include "agent/config.def"
#undef OI_SETTING
    /* Which settings were given a usable value (as against their default), by the same names. */
    struct {
#define OI_SETTING(field, type, env, flag, fallback, limits, group, effect, help) bool field;
#include "agent/config.def"
#undef OI_SETTING
    } set;
};

/* Choices whose index the code needs; the order is that of the row's list in config.def. */
enum oi_protocol { OI_PROTOCOL_GRPC, OI_PROTOCOL_HTTP_PROTOBUF, OI_PROTOCOL_HTTP_JSON };
enum oi_sampler_kind {
    OI_SAMPLER_ALWAYS_ON,
    OI_SAMPLER_ALWAYS_OFF,
    OI_SAMPLER_RATIO,
    OI_SAMPLER_PARENT_ALWAYS_ON,
    OI_SAMPLER_PARENT_ALWAYS_OFF,
    OI_SAMPLER_PARENT_RATIO,
};
enum oi_statement_mode { OI_STATEMENT_SANITIZED, OI_STATEMENT_RAW, OI_STATEMENT_OFF };

/* What OTEL_SEMCONV_STABILITY_OPT_IN says for one area: which attribute sets to write. */
enum oi_semconv { OI_SEMCONV_OLD = 1, OI_SEMCONV_NEW = 2, OI_SEMCONV_DUP = 3 };
enum oi_semconv oi_config_semconv_http(const struct oi_config *config);
enum oi_semconv oi_config_semconv_database(const struct oi_config *config);

/* Called with one finished sentence for each complaint (no prefix, no newline). */
typedef void oi_config_complain(void *user, const char *sentence);

/* Reads every setting from `environment` (NULL-terminated, as environ). Strings are copied into `arena`, which must
 * outlive the configuration; OI_CONFIG_ARENA bytes always suffice for what is kept (longer values are cut and
 * complained about). `complain` may be NULL. Never fails. */
enum { OI_CONFIG_ARENA = 64 * 1024 };
void oi_config_parse(struct oi_config *config, char *const *environment, char *arena, size_t arena_size,
                     oi_config_complain *complain, void *user);

/* A launcher that has complained about the settings says so to what it starts: this variable holds a hash of every
 * OTEL_* variable. Whoever changes one of them gets the complaints about the new settings. */
#define OI_CONFIG_ANNOUNCED "OTEL_NATIVE_CONFIG_ANNOUNCED"
enum { OI_CONFIG_MARK = 17 }; /* 16 hexadecimal digits and a NUL */
void oi_config_mark(char *const *environment, char mark[OI_CONFIG_MARK]);

/* True if the settings in `environment` have been complained about already: no need to do it again. */
bool oi_config_announced(char *const *environment);

/* True if `name` is an item of a comma list (spaces around items and case ignored); `*` matches everything. */
bool oi_list_has(const char *list, const char *name);

/* True if `path` or its last component matches one of the globs in the list (fnmatch-like: * ? [...]). */
bool oi_list_matches_program(const char *list, const char *path);

/* True if a host matches one of the globs in the list, whatever the case; an item `host:port` asks for that port too
 * (a glob as well), one without a port matches any. IPv6 addresses are written without brackets, or in brackets where
 * a port follows; `host` comes without them. Takes 0.5 KiB of stack. */
bool oi_list_matches_host(const char *list, struct oi_text host, uint16_t port);

#endif
