#include "hooks/hiredis_number.h"

#include <string.h>

enum { HIREDIS_HOLDS = 14, LARGEST = 99999 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *read_number(const char *at, int *out)
{
    int number = 0;
    for (; is_digit(*at); at++)
        number = number < LARGEST ? number * 10 + (*at - '0') : number;
    *out = number;
    return at;
}

static const char *read_flags(const char *at, struct oi_number_format *out)
{
    for (;; at++) {
        switch (*at) {
        case '#':
            out->alternate = true;
            break;
        case '0':
            out->zero = true;
            break;
        case '-':
            out->left = true;
            break;
        case ' ':
            out->space = true;
            break;
        case '+':
            out->plus = true;
            break;
        default:
            return at;
        }
    }
}

static const char *read_size(const char *at, struct oi_number_format *out)
{
    if (*at != 'h' && *at != 'l')
        return at;
    bool twice = at[1] == *at;
    if (*at == 'h')
        out->size = twice ? OI_SIZE_CHAR : OI_SIZE_SHORT;
    else
        out->size = twice ? OI_SIZE_LONG_LONG : OI_SIZE_LONG;
    return at + (twice ? 2 : 1);
}

bool oi_number_format(const char *at, struct oi_number_format *out)
{
    const char *start = at;
    *out = (struct oi_number_format){.precision = -1};
    at = read_flags(at + 1, out);
    at = read_number(at, &out->width);
    if (*at == '.')
        at = read_number(at + 1, &out->precision);
    at = read_size(at, out);
    out->conversion = *at;
    out->real = *at != '\0' && out->size == OI_SIZE_INT && strchr("eEfFgGaA", *at) != NULL;
    if (*at == '\0' || (!out->real && !strchr("diouxX", *at)))
        return false;
    out->length = (size_t)(at + 1 - start);
    out->overlong = out->length >= HIREDIS_HOLDS;
    return true;
}

static long long signed_value(enum oi_number_size size, unsigned long long value)
{
    switch (size) {
    case OI_SIZE_CHAR:
        return (signed char)value;
    case OI_SIZE_SHORT:
        return (short)value;
    case OI_SIZE_INT:
        return (int)value;
    default:
        return (long long)value;
    }
}

static unsigned long long unsigned_value(enum oi_number_size size, unsigned long long value)
{
    switch (size) {
    case OI_SIZE_CHAR:
        return (unsigned char)value;
    case OI_SIZE_SHORT:
        return (unsigned short)value;
    case OI_SIZE_INT:
        return (unsigned)value;
    default:
        return value;
    }
}

struct output {
    char *at;
    size_t len;
};

static void put(struct output *output, char c, int times)
{
    for (; times > 0 && output->len < OI_NUMBER_MAX; times--)
        output->at[output->len++] = c;
}

/* Sign or 0x. */
static const char *prefix_of(const struct oi_number_format *format, bool negative, unsigned long long value)
{
    switch (format->conversion) {
    case 'd':
    case 'i':
        return negative ? "-" : format->plus ? "+" : format->space ? " " : "";
    case 'x':
        return format->alternate && value ? "0x" : "";
    case 'X':
        return format->alternate && value ? "0X" : "";
    default:
        return "";
    }
}

size_t oi_number_print(const struct oi_number_format *format, unsigned long long value, char out[OI_NUMBER_MAX])
{
    struct output output = {out, 0};
    char digits[24];
    const char *names = format->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = format->conversion == 'o' ? 8 : format->conversion == 'x' || format->conversion == 'X' ? 16 : 10;
    bool is_signed = format->conversion == 'd' || format->conversion == 'i', negative = false;
    if (is_signed) {
        long long number = signed_value(format->size, value);
        negative = number < 0;
        value = negative ? 0 - (unsigned long long)number : (unsigned long long)number;
    } else {
        value = unsigned_value(format->size, value);
    }
    const char *prefix = prefix_of(format, negative, value);
    int count = 0;
    for (unsigned long long rest = value; rest > 0; rest /= base)
        digits[count++] = names[rest % base];
    int minimum = format->precision >= 0 ? format->precision : 1;
    if (base == 8 && format->alternate && minimum <= count)
        minimum = count + 1;
    int length = (int)strlen(prefix) + (count > minimum ? count : minimum);
    if (format->zero && !format->left && format->precision < 0 && format->width > length) {
        minimum += format->width - length + (count > minimum ? count - minimum : 0);
        length = format->width;
    }
    if (!format->left)
        put(&output, ' ', format->width - length);
    for (; *prefix; prefix++)
        put(&output, *prefix, 1);
    put(&output, '0', minimum - count);
    while (count > 0)
        put(&output, digits[--count], 1);
    if (format->left)
        put(&output, ' ', format->width - length);
    return output.len;
}
