/* Uses libevent_fake. */
#include <stddef.h>
#include <stdio.h>

struct large {
    double of[4];
};
double event_new(double a, int b, float c, long d, double e, int f, long g, int h, int i, int j, double k);
struct large event_loop(const struct large *from, double times);
int event_set(char *text, size_t size, const char *format, ...);
const char *event_once(int fd, short events, const char *text, float times);

int main(void)
{
    char text[200];
    struct large from = {{1, 2, 3, 4}}, result = event_loop(&from, 2.5);
    printf("%g\n", event_new(0.5, 1, 2.25F, 3, 4.125, 5, 6, 7, 8, 9, 10.0625));
    printf("%g %g %g %g\n", result.of[0], result.of[1], result.of[2], result.of[3]);
    event_set(text, sizeof text, "%s %d %g %d %d %g %s", "a", 1, 1.5, 2, 3, 2.5, "b");
    puts(text);
    puts(event_once(3, 2, "once", 0.5F));
    return 0;
}
