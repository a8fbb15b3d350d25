/* The weather, from an HTTP API. */
#ifndef BOARD_WEATHER_H
#define BOARD_WEATHER_H

#include <stddef.h>

/* Asks `api`/weather and writes its answer, one line of text. Returns 0, or -1 after a line on stderr. */
int weather_now(const char *api, char *text, size_t size);

#endif
