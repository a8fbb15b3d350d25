/* The commands a program gave to one connection and has not had all replies to: what is remembered of them.
 *
 * Arguments come as hiredis's format string with its values, as an argv, or as protocol bytes. They are read once,
 * before the real call, in bounded time: a value's length is never measured past ARGUMENT_MAX, and a longer argument is
 * remembered as `?`, which is what becomes of values anyway. Pure; no allocation; async-signal-safe.
 */
#ifndef OI_HOOKS_HIREDIS_ARGUMENTS_H
#define OI_HOOKS_HIREDIS_ARGUMENTS_H

#include <stdarg.h>
#include <stdint.h>

#include "agent/redact.h"
#include "hooks/redis_session.h"

enum {
    OI_HIREDIS_COMMANDS = 32,  /* remembered of a pipeline, */
    OI_HIREDIS_ARGUMENTS = 64, /* with so many arguments in all, */
    OI_HIREDIS_TEXT = 1024,    /* and so many bytes of them where they have to be copied; further ones are counted */
    OI_HIREDIS_ARGUMENT_MAX = 255,
    OI_HIREDIS_EFFECTS = 4,
};

struct oi_hiredis_effect {
    uint32_t position; /* which command of the batch */
    int database;      /* SELECT; -1: not a number */
    uint8_t kind;      /* enum oi_redis_effect */
};

/* Commands that go out together. */
struct oi_hiredis_commands {
    uint32_t total;      /* commands */
    uint16_t remembered; /* of them in `commands` */
    uint16_t argument_count;
    uint16_t text_used;
    uint8_t effect_count;
    bool effects_lost; /* more than fit */
    struct oi_hiredis_effect effects[OI_HIREDIS_EFFECTS];
    struct oi_redis_args commands[OI_HIREDIS_COMMANDS];
    struct oi_text arguments[OI_HIREDIS_ARGUMENTS];
    char text[OI_HIREDIS_TEXT];
};

/* Forgets all commands. */
void oi_hiredis_commands_clear(struct oi_hiredis_commands *commands);

/* Copies the texts that point into the caller's memory. */
void oi_hiredis_commands_keep(struct oi_hiredis_commands *commands);

/* Adds what was given. `borrow`: texts may point into the caller's memory, where they stand in one piece; else all of
 * them are copied. `argv_len` may be NULL, as for hiredis. `bytes` may hold several commands; what is not protocol
 * counts as one command without a name. */
void oi_hiredis_add_format(struct oi_hiredis_commands *commands, bool borrow, const char *format, va_list values);
void oi_hiredis_add_argv(struct oi_hiredis_commands *commands, bool borrow, int argc, const char *const *argv,
                         const size_t *argv_len);
void oi_hiredis_add_bytes(struct oi_hiredis_commands *commands, struct oi_text bytes);

#endif
