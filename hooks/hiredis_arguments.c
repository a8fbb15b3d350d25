#include "hooks/hiredis_arguments.h"

#include "hooks/hiredis_number.h"

/* One command while it is read. */
struct reading {
    struct oi_hiredis_commands *to;
    struct oi_redis_args *command; /* NULL: no room to remember it */
    bool borrow;
    size_t arguments;
    enum oi_redis_effect effect;
    int database;
    /* The argument at hand: one piece of the caller's memory, or several put together in `scratch`. */
    struct oi_text piece;
    size_t len; /* may go on past what is kept */
    bool together;
    char scratch[OI_HIREDIS_ARGUMENT_MAX];
};

void oi_hiredis_commands_clear(struct oi_hiredis_commands *commands)
{
    memset(commands, 0, offsetof(struct oi_hiredis_commands, effects));
}

static void append(struct reading *reading, const char *at, size_t len)
{
    size_t room = reading->len < sizeof reading->scratch ? sizeof reading->scratch - reading->len : 0;
    if (len > 0 && room > 0)
        memcpy(reading->scratch + reading->len, at, len < room ? len : room);
    reading->len += len;
}

static void add_piece(struct reading *reading, const char *at, size_t len)
{
    if (len == 0)
        return;
    if (reading->together) {
        append(reading, at, len);
    } else if (reading->len == 0) {
        reading->piece = oi_text_of(at, len);
        reading->len = len;
    } else {
        reading->len = 0;
        reading->together = true;
        append(reading, reading->piece.at, reading->piece.len);
        append(reading, at, len);
    }
}

/* What does not stay where it is (digits just made). */
static void add_temporary(struct reading *reading, const char *at, size_t len)
{
    if (!reading->together) {
        struct oi_text piece = reading->piece;
        reading->together = true;
        reading->len = 0;
        append(reading, piece.at, piece.len);
    }
    append(reading, at, len);
}

/* A copy that stays until the reply; `?` if there is no room. */
static struct oi_text copied(struct oi_hiredis_commands *to, struct oi_text text)
{
    if (text.len > sizeof to->text - to->text_used)
        return OI_TEXT("?");
    char *at = to->text + to->text_used;
    if (text.len > 0)
        memcpy(at, text.at, text.len);
    to->text_used = (uint16_t)(to->text_used + text.len);
    return oi_text_of(at, text.len);
}

void oi_hiredis_commands_keep(struct oi_hiredis_commands *commands)
{
    for (size_t i = 0; i < commands->argument_count; i++) {
        struct oi_text *argument = &commands->arguments[i];
        if ((uintptr_t)argument->at - (uintptr_t)commands->text >= sizeof commands->text)
            *argument = copied(commands, *argument);
    }
}

static void end_argument(struct reading *reading)
{
    struct oi_hiredis_commands *to = reading->to;
    struct oi_text text = reading->together ? oi_text_of(reading->scratch, reading->len) : reading->piece;
    if (reading->len == 0)
        text = OI_TEXT("");
    bool too_long = reading->len > OI_HIREDIS_ARGUMENT_MAX;
    if (reading->arguments == 0 && !too_long)
        reading->effect = oi_redis_effect_of(text);
    else if (reading->arguments == 1 && reading->effect == OI_EFFECT_SELECT)
        reading->database = too_long ? -1 : oi_redis_index(text);
    reading->arguments++;
    if (reading->command && to->argument_count < OI_HIREDIS_ARGUMENTS) {
        to->arguments[to->argument_count++] = too_long                                ? OI_TEXT("?")
                                              : reading->borrow && !reading->together ? text
                                                                                      : copied(to, text);
        reading->command->count++;
    }
    reading->piece = (struct oi_text){NULL, 0};
    reading->len = 0;
    reading->together = false;
}

static void begin_command(struct reading *reading, struct oi_hiredis_commands *to, bool borrow)
{
    reading->to = to;
    reading->borrow = borrow;
    reading->arguments = 0;
    reading->effect = OI_EFFECT_NONE;
    reading->database = -1;
    reading->piece = (struct oi_text){NULL, 0};
    reading->len = 0;
    reading->together = false;
    reading->command = NULL;
    if (to->remembered < OI_HIREDIS_COMMANDS && to->argument_count < OI_HIREDIS_ARGUMENTS) {
        reading->command = &to->commands[to->remembered++];
        *reading->command = (struct oi_redis_args){&to->arguments[to->argument_count], 0, 0};
    }
}

static void end_command(struct reading *reading)
{
    struct oi_hiredis_commands *to = reading->to;
    if (reading->command)
        reading->command->total = reading->arguments;
    if (reading->effect != OI_EFFECT_NONE) {
        if (to->effect_count < OI_HIREDIS_EFFECTS)
            to->effects[to->effect_count++] =
                (struct oi_hiredis_effect){to->total, reading->database, (uint8_t)reading->effect};
        else
            to->effects_lost = true;
    }
    to->total++;
}

/* --- argv and bytes -------------------------------------------------------------------------------------------------
 */

void oi_hiredis_add_argv(struct oi_hiredis_commands *commands, bool borrow, int argc, const char *const *argv,
                         const size_t *argv_len)
{
    struct reading reading;
    begin_command(&reading, commands, borrow);
    for (int i = 0; i < argc; i++) {
        bool full = !reading.command || commands->argument_count == OI_HIREDIS_ARGUMENTS;
        if (full && i > 1) {
            reading.arguments = (size_t)argc;
            break;
        }
        if (argv[i])
            add_piece(&reading, argv[i], argv_len ? argv_len[i] : strnlen(argv[i], OI_HIREDIS_ARGUMENT_MAX + 1));
        end_argument(&reading);
    }
    end_command(&reading);
}

/* `<mark><number>\r\n` at the start of *rest. -1: something else. */
static long take_header(struct oi_text *rest, char mark)
{
    long number = 0;
    size_t i = 1;
    if (rest->len == 0 || rest->at[0] != mark)
        return -1;
    for (; i < rest->len && i < 12 && rest->at[i] >= '0' && rest->at[i] <= '9'; i++)
        number = number * 10 + (rest->at[i] - '0');
    if (i == 1 || i + 2 > rest->len || rest->at[i] != '\r' || rest->at[i + 1] != '\n')
        return -1;
    *rest = oi_text_of(rest->at + i + 2, rest->len - i - 2);
    return number;
}

/* False: not protocol; nothing was added. */
static bool add_one(struct oi_hiredis_commands *commands, struct oi_text *rest)
{
    struct oi_text at = *rest;
    struct oi_hiredis_commands *to = commands;
    uint16_t remembered = to->remembered, arguments = to->argument_count, text = to->text_used;
    struct reading reading;
    long count = take_header(&at, '*');
    begin_command(&reading, commands, false);
    for (long i = 0; i < count; i++) {
        long len = take_header(&at, '$');
        if (len < 0 || (size_t)len + 2 > at.len) {
            count = -1;
            break;
        }
        add_piece(&reading, at.at, (size_t)len);
        end_argument(&reading);
        at = oi_text_of(at.at + len + 2, at.len - (size_t)len - 2);
    }
    if (count > 0) {
        end_command(&reading);
    } else {
        to->remembered = remembered;
        to->argument_count = arguments;
        to->text_used = text;
    }
    if (count >= 0)
        *rest = at; /* `*0` gets no reply */
    return count >= 0;
}

void oi_hiredis_add_bytes(struct oi_hiredis_commands *commands, struct oi_text bytes)
{
    struct reading reading;
    while (bytes.len > 0 && add_one(commands, &bytes)) {
    }
    if (bytes.len == 0)
        return;
    begin_command(&reading, commands, false);
    end_command(&reading);
}

/* --- hiredis's format: %s %b %% and printf's numbers; spaces outside of them separate arguments ----------------------
 */

static bool add_conversion(struct reading *reading, const char **at, va_list *values)
{
    struct oi_number_format number;
    char digits[OI_NUMBER_MAX];
    if (!oi_number_format(*at, &number))
        return false;
    unsigned long long value = 0;
    if (number.real)
        (void)va_arg(*values, double);
    else if (number.size == OI_SIZE_LONG_LONG)
        value = va_arg(*values, unsigned long long);
    else if (number.size == OI_SIZE_LONG)
        value = va_arg(*values, unsigned long);
    else
        value = va_arg(*values, unsigned);
    /* hiredis then drops the value and goes on behind two bytes. A floating-point number is a value, and printing one
     * may allocate. */
    if (number.real && !number.overlong)
        add_temporary(reading, "?", 1);
    else if (!number.overlong)
        add_temporary(reading, digits, oi_number_print(&number, value, digits));
    *at += number.overlong ? 2 : number.length;
    return true;
}

/* Conversion at *at (its `%`); false: the format is invalid, and hiredis will say so. */
static bool add_value(struct reading *reading, const char **at, va_list *values)
{
    const char *value;
    size_t len;
    switch ((*at)[1]) {
    case 's':
        value = va_arg(*values, const char *);
        len = value ? strnlen(value, OI_HIREDIS_ARGUMENT_MAX + 1) : 0;
        break;
    case 'b':
        value = va_arg(*values, const char *);
        len = va_arg(*values, size_t);
        break;
    case '%':
        value = "%";
        len = 1;
        break;
    default:
        return add_conversion(reading, at, values);
    }
    add_piece(reading, value, len);
    *at += 2;
    return true;
}

void oi_hiredis_add_format(struct oi_hiredis_commands *commands, bool borrow, const char *format, va_list values)
{
    struct reading reading;
    bool touched = false;
    va_list copy;
    begin_command(&reading, commands, borrow);
    va_copy(copy, values);
    for (const char *at = format; at && *at;) {
        if (*at == ' ') {
            if (touched)
                end_argument(&reading);
            touched = false;
            at++;
        } else if (*at == '%' && at[1] != '\0') {
            if (!add_value(&reading, &at, &copy))
                break;
            touched = true;
        } else {
            size_t len = 1 + strcspn(at + 1, " %");
            add_piece(&reading, at, len);
            touched = true;
            at += len;
        }
    }
    va_end(copy);
    if (touched)
        end_argument(&reading);
    end_command(&reading);
}
