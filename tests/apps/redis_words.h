/* What the scripted programs share: a call as words, `call|argument|argument…`, in which `\r`, `\n`, `\0` and `\\`
 * stand for these bytes; and replies as text. */
#ifndef REDIS_WORDS_H
#define REDIS_WORDS_H

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *words[64];
static size_t lengths[64];
static int count;

static inline void split(char *line)
{
    static const char escapes[] = "rn0\\", bytes[] = "\r\n\0\\";
    char *to = line;
    count = 1;
    words[0] = line;
    for (char *at = line; *at; at++) {
        if (*at == '|') {
            lengths[count - 1] = (size_t)(to - words[count - 1]);
            *to++ = '\0';
            words[count++] = to;
        } else if (*at == '\\' && at[1] && strchr(escapes, at[1])) {
            *to++ = bytes[strchr(escapes, *++at) - escapes];
        } else {
            *to++ = *at;
        }
    }
    lengths[count - 1] = (size_t)(to - words[count - 1]);
    *to = '\0';
}

/* Leaves the first word out. */
static inline void shift(void)
{
    count--;
    memmove(words, words + 1, (size_t)count * sizeof *words);
    memmove(lengths, lengths + 1, (size_t)count * sizeof *lengths);
}

static inline int number(int i)
{
    return i < count ? atoi(words[i]) : 0;
}

static inline const char *word(int i)
{
    return i < count ? words[i] : NULL;
}

static inline void print_bytes(const char *at, size_t len)
{
    if (len > 100) {
        unsigned long sum = 5381;
        for (size_t i = 0; i < len; i++)
            sum = sum * 33 + (unsigned char)at[i];
        printf("(%zu bytes, %lx)", len, sum);
        return;
    }
    for (size_t i = 0; i < len; i++)
        printf(at[i] >= ' ' && at[i] < 127 ? "%c" : "\\x%02x", (unsigned char)at[i]);
}

static inline void print_reply(const redisReply *reply)
{
    if (!reply) {
        printf("none");
        return;
    }
    printf("%d ", reply->type);
    if (reply->type == REDIS_REPLY_INTEGER)
        printf("%lld", reply->integer);
    if (reply->str)
        print_bytes(reply->str, reply->len);
    for (size_t i = 0; i < reply->elements; i++) {
        printf("%s", i ? ", " : "[");
        print_reply(reply->element[i]);
    }
}

#endif
