// build: -shared -fPIC
/* A library that has nothing to do with libevent, but functions of such names: with more arguments, of other types. */
#include <stdarg.h>
#include <stdio.h>

struct large {
    double of[4];
};

double event_new(double a, int b, float c, long d, double e, int f, long g, int h, int i, int j, double k)
{
    return a + b + (double)c + (double)d + e + f + (double)g + h + i + j + k;
}

struct large event_loop(const struct large *from, double times)
{
    struct large result;
    for (int i = 0; i < 4; i++)
        result.of[i] = from->of[i] * times;
    return result;
}

int event_set(char *text, size_t size, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, size, format, values);
    va_end(values);
    return length;
}

const char *event_once(int fd, short events, const char *text, float times)
{
    return fd + events + (int)times ? text : NULL;
}
