// build: -lhiredis
/* A server of one thread that does what it is told, letter by letter: http_turns REDIS-PORT WORDS.
 *
 *   + another connection is accepted: a, b, c …
 *   a reads from the first connection, once          A answers its next request
 *   (a begins to answer it, with half of the answer  )a ends that
 *   1 to 9: GET turnN of Redis
 */
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"

int main(int argc, char **argv)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    enum { WHOLE = sizeof answer - 1, HALF = WHOLE / 2 };
    char text[4096];
    int fds[8], count = 0;
    if (argc != 3)
        return 2;
    redisContext *redis = redisConnect("127.0.0.1", atoi(argv[1]));
    int listener = listening(0, 16);
    say_port(listener);
    for (const char *word = argv[2]; *word; word++) {
        if (*word == '+')
            fds[count++] = accept(listener, NULL, NULL);
        else if (*word == '(')
            printf("%zd\n", write(fds[*++word - 'a'], answer, HALF));
        else if (*word == ')')
            printf("%zd\n", write(fds[*++word - 'a'], answer + HALF, WHOLE - HALF));
        else if (islower(*word))
            printf("%zd\n", read(fds[*word - 'a'], text, sizeof text));
        else if (isupper(*word))
            printf("%zd\n", write(fds[*word - 'A'], answer, WHOLE));
        else
            freeReplyObject(redisCommand(redis, "GET turn%c", *word));
    }
    redisFree(redis);
    return 0;
}
