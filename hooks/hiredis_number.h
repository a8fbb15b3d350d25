/* printf's integer conversions, as hiredis's command formats know them, without stdio (which locks and may allocate).
 * Pure; async-signal-safe. */
#ifndef OI_HOOKS_HIREDIS_NUMBER_H
#define OI_HOOKS_HIREDIS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum oi_number_size { OI_SIZE_INT, OI_SIZE_CHAR, OI_SIZE_SHORT, OI_SIZE_LONG, OI_SIZE_LONG_LONG };

struct oi_number_format {
    size_t length; /* of the conversion, with its % */
    bool real;     /* a floating-point conversion: takes a double, cannot be printed here */
    bool overlong; /* longer than hiredis can hold: it takes the value and prints nothing */
    char conversion;
    enum oi_number_size size;
    bool alternate, zero, left, space, plus;
    int width;
    int precision; /* -1: none */
};

/* Reads the conversion at `at`, which points to its `%`. False: hiredis refuses it. */
bool oi_number_format(const char *at, struct oi_number_format *out);

/* Prints `value` (sign-extended or not, as va_arg gave it). Returns the number of bytes, at most OI_NUMBER_MAX; what is
 * longer is cut. */
enum { OI_NUMBER_MAX = 256 };
size_t oi_number_print(const struct oi_number_format *format, unsigned long long value, char out[OI_NUMBER_MAX]);

#endif
