#include "agent/address.h"

#include <sys/socket.h>

static char *put_byte(char *to, unsigned value)
{
    if (value >= 100)
        *to++ = (char)('0' + value / 100);
    if (value >= 10)
        *to++ = (char)('0' + value / 10 % 10);
    *to++ = (char)('0' + value % 10);
    return to;
}

static char *put_ipv4(char *to, const uint8_t address[4])
{
    for (int i = 0; i < 4; i++) {
        to = put_byte(to, address[i]);
        if (i < 3)
            *to++ = '.';
    }
    return to;
}

struct oi_text oi_address_ipv4(const uint8_t address[4], char room[OI_ADDRESS_TEXT])
{
    return oi_text_of(room, (size_t)(put_ipv4(room, address) - room));
}

/* Sixteen bits, without zeros in front. */
static char *put_group(char *to, unsigned value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0; shift >= 0; shift -= 4)
        *to++ = digits[value >> shift & 15];
    return to;
}

/* The longest run of zero groups, the first of equal ones; a single one is none. Returns its length. */
static int longest_zeros(const unsigned groups[8], int *start)
{
    int best = 1;
    *start = -1;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - i > best) {
            best = end - i;
            *start = i;
        }
        if (end > i)
            i = end;
    }
    return *start < 0 ? 0 : best;
}

struct oi_text oi_address_ipv6(const uint8_t address[16], char room[OI_ADDRESS_TEXT])
{
    unsigned groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)(address[2 * i] << 8 | address[2 * i + 1]);
    int start, length = longest_zeros(groups, &start);
    bool embeds = start == 0 && (length == 6 || (length == 5 && groups[5] == 0xffff));
    char *to = room;
    for (int i = 0; i < (embeds ? 6 : 8); i++) {
        if (i == start) {
            *to++ = ':';
            i += length - 1;
            if (i == 7)
                *to++ = ':';
            continue;
        }
        if (i > 0)
            *to++ = ':';
        to = put_group(to, groups[i]);
    }
    if (embeds) {
        *to++ = ':';
        to = put_ipv4(to, address + 12);
    }
    return oi_text_of(room, (size_t)(to - room));
}

struct oi_text oi_address_text(const struct oi_address *address, char room[OI_ADDRESS_TEXT])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool v4 = address->family == AF_INET6 && memcmp(address->ip, mapped, sizeof mapped) == 0;
    if (address->family != AF_INET && address->family != AF_INET6)
        return (struct oi_text){NULL, 0};
    if (address->family == AF_INET || v4)
        return oi_address_ipv4(address->ip + (v4 ? 12 : 0), room);
    return oi_address_ipv6(address->ip, room);
}
