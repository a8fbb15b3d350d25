#include "hooks/wire/detect.h"

#include <stdbool.h>
#include <string.h>

enum {
    METHOD = 24,     /* longest method that is looked for */
    BLANK_LINES = 4, /* in front of a first request */
    GREETING = 1024, /* longest first packet of a MySQL server that is believed */
};

/* MORE: so far, all of the bytes are the beginning of `expected`. */
static enum oi_wire starts(const char *at, size_t len, const char *expected, size_t expected_len, enum oi_wire verdict)
{
    size_t n = len < expected_len ? len : expected_len;
    if (memcmp(at, expected, n) != 0)
        return OI_WIRE_NONE;
    return len < expected_len ? OI_WIRE_MORE : verdict;
}

#define STARTS(at, len, literal, verdict) starts(at, len, "" literal, sizeof(literal) - 1, verdict)

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 §5.6.2 */
static bool is_token(char c)
{
    return is_letter(c) || is_digit(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

/* `scheme://` */
static enum oi_wire absolute(const char *at, size_t len)
{
    size_t i = 0;
    while (i < len && (is_letter(at[i]) || is_digit(at[i]) || at[i] == '+' || at[i] == '-' || at[i] == '.'))
        i++;
    return i > 0 && is_letter(at[0]) ? STARTS(at + i, len - i, "://", OI_WIRE_HTTP1) : OI_WIRE_NONE;
}

static enum oi_wire request(const char *at, size_t len)
{
    size_t i = 0;
    while (i < len && i <= METHOD && is_token(at[i]))
        i++;
    if (i == len && i <= METHOD)
        return OI_WIRE_MORE;
    if (i == 0 || i > METHOD || at[i] != ' ')
        return OI_WIRE_NONE;
    const char *target = at + i + 1;
    size_t target_len = len - i - 1;
    if (target_len == 0)
        return OI_WIRE_MORE;
    if (target[0] == '/')
        return OI_WIRE_HTTP1;
    if (target[0] == '*')
        return STARTS(target, target_len, "* HTTP/1.", OI_WIRE_HTTP1);
    if (i == 7 && memcmp(at, "CONNECT", 7) == 0)
        return is_letter(target[0]) || is_digit(target[0]) || target[0] == '[' ? OI_WIRE_HTTP1 : OI_WIRE_NONE;
    return absolute(target, target_len);
}

static enum oi_wire command(const char *at, size_t len)
{
    size_t i = 1;
    while (i < len && i < 8 && is_digit(at[i]))
        i++;
    if (i == len)
        return OI_WIRE_MORE;
    return i > 1 ? STARTS(at + i, len - i, "\r\n$", OI_WIRE_RESP) : OI_WIRE_NONE;
}

/* Somebody types a command, or a script does. Which words are taken for one: the server's reply is the other half of
 * the proof. */
static enum oi_wire typed(const char *at, size_t len)
{
    static const char words[] =
        " append auth client command config dbsize decr del echo exists expire flushall flushdb get "
        "hello hget hgetall hset incr incrby info keys lpop lpush lrange mget monitor mset ping "
        "psubscribe publish quit rpush sadd select set setex smembers subscribe time ttl type ";
    char word[16] = " ";
    size_t i = 0;
    while (i < len && i < sizeof word - 3 && is_letter(at[i])) {
        word[i + 1] = (char)(at[i] | 0x20);
        i++;
    }
    if (i == len || i == 0)
        return i == 0 ? OI_WIRE_NONE : OI_WIRE_MORE;
    word[i + 1] = ' ';
    return (at[i] == ' ' || at[i] == '\r' || at[i] == '\n') && strstr(words, word) ? OI_WIRE_MORE : OI_WIRE_NONE;
}

/* The server's answer to what may have been such a command. */
static enum oi_wire reply(const char *command, size_t command_len, char first)
{
    bool line = command[command_len - 1] == '\n' && is_letter(command[0]);
    return line && first != 0 && strchr("+-:$*", first) ? OI_WIRE_RESP : OI_WIRE_NONE;
}

static enum oi_wire record(const char *at, size_t len)
{
    if ((len > 1 && at[1] != 3) || (len > 2 && (unsigned char)at[2] > 4))
        return OI_WIRE_NONE;
    return len > 2 ? OI_WIRE_TLS : OI_WIRE_MORE;
}

/* The first of several that does not say no. */
static enum oi_wire from_client(const char *at, size_t len)
{
    enum oi_wire verdict;
    if (at[0] == 0x16)
        return record(at, len);
    if (at[0] == 'P') {
        if ((verdict = STARTS(at, len, "PROXY ", OI_WIRE_PROXY)) != OI_WIRE_NONE)
            return verdict;
        if ((verdict = STARTS(at, len, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", OI_WIRE_HTTP2)) != OI_WIRE_NONE)
            return verdict;
    }
    if ((verdict = STARTS(at, len, "\r\n\r\n\0\r\nQUIT\n", OI_WIRE_PROXY)) != OI_WIRE_NONE)
        return verdict;
    if (at[0] == '*')
        return command(at, len);
    size_t blank = 0;
    for (int lines = 0; blank < len && lines < BLANK_LINES && (at[blank] == '\r' || at[blank] == '\n'); lines++) {
        size_t n = at[blank] == '\r' ? 2 : 1;
        if (blank + n > len)
            return OI_WIRE_MORE;
        if (at[blank + n - 1] != '\n')
            return OI_WIRE_NONE;
        blank += n;
    }
    if (blank == len)
        return OI_WIRE_MORE;
    verdict = request(at + blank, len - blank);
    return verdict == OI_WIRE_NONE && blank == 0 ? typed(at, len) : verdict;
}

/* `8.0`, `10.11`, `5.5`: how a version begins. */
static enum oi_wire version(const char *at, size_t len)
{
    size_t i = 0;
    while (i < len && i < 2 && is_digit(at[i]))
        i++;
    if (i < len && (i == 0 || at[i] != '.'))
        return OI_WIRE_NONE;
    if (i + 1 >= len)
        return OI_WIRE_MORE;
    return is_digit(at[i + 1]) ? OI_WIRE_MYSQL : OI_WIRE_NONE;
}

/* The number of an error (1040 too many connections, 1129 blocked, 1130 not allowed …), and what it says. */
static enum oi_wire refusal(const unsigned char *at, size_t len)
{
    if (len < 3)
        return OI_WIRE_MORE;
    int error = at[0] | at[1] << 8;
    bool text = at[2] == '#' || is_letter((char)at[2]);
    return error >= 1000 && error < 2000 && text ? OI_WIRE_MYSQL : OI_WIRE_NONE;
}

/* A server that speaks first. MySQL: three bytes of length, packet number 0, then protocol 10 and the version's text,
 * or 0xff and an error. */
static enum oi_wire from_server(const char *at, size_t len)
{
    const unsigned char *u = (const unsigned char *)at;
    enum { HEAD = 5, SHORTEST = 30, SHORTEST_REFUSAL = 4 };
    if ((len > 1 && u[1] > GREETING >> 8) || (len > 2 && u[2] != 0) || (len > 3 && u[3] != 0) ||
        (len >= HEAD && u[4] != 10 && u[4] != 0xff))
        return OI_WIRE_NONE;
    if (len < HEAD)
        return OI_WIRE_MORE;
    int length = u[0] | u[1] << 8;
    if (length <= (u[4] == 10 ? SHORTEST : SHORTEST_REFUSAL))
        return OI_WIRE_NONE;
    return u[4] == 10 ? version(at + HEAD, len - HEAD) : refusal(u + HEAD, len - HEAD);
}

static enum oi_wire look(enum oi_wire_side side, const char *at, size_t len)
{
    enum oi_wire verdict = side == OI_WIRE_CLIENT ? from_client(at, len) : from_server(at, len);
    return verdict == OI_WIRE_MORE && len >= OI_WIRE_FIRST ? OI_WIRE_NONE : verdict;
}

enum oi_wire oi_wire_detect(struct oi_wire_detector *d, enum oi_wire_side side, const char *at, size_t len)
{
    if (d->verdict != OI_WIRE_MORE || len == 0)
        return (enum oi_wire)d->verdict;
    enum oi_wire verdict = OI_WIRE_NONE;
    size_t room = (size_t)OI_WIRE_FIRST - d->kept, n = len < room ? len : room;
    if (at && (d->kept == 0 || d->side == side)) {
        if (d->kept > 0)
            memcpy(d->bytes + d->kept, at, n);
        verdict = d->kept > 0 ? look(side, d->bytes, d->kept + n) : look(side, at, n);
    }
    if (at && d->kept > 0 && d->side == OI_WIRE_CLIENT && side == OI_WIRE_SERVER)
        verdict = reply(d->bytes, d->kept, at[0]);
    if (verdict == OI_WIRE_MORE) { /* then len == n: at OI_WIRE_FIRST it is over */
        memcpy(d->bytes + d->kept, at, n);
        d->kept = (uint8_t)(d->kept + n);
        d->side = (uint8_t)side;
    }
    d->verdict = (uint8_t)verdict;
    return verdict;
}
