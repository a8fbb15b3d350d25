/* Internet addresses as text: what inet_ntop writes (RFC 5952), which takes two thousand instructions for it, being
 * printf's. Pure; async-signal-safe. */
#ifndef OI_AGENT_ADDRESS_H
#define OI_AGENT_ADDRESS_H

#include <stdint.h>

#include "agent/text.h"

enum { OI_ADDRESS_TEXT = 45 }; /* the longest */

/* Of the 4 or 16 bytes of an address, as the network has them. The text stands in `room`. */
struct oi_text oi_address_ipv4(const uint8_t address[4], char room[OI_ADDRESS_TEXT]);
struct oi_text oi_address_ipv6(const uint8_t address[16], char room[OI_ADDRESS_TEXT]);

/* An end of a connection. */
struct oi_address {
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX; 0: unknown */
    uint16_t port;
    uint8_t ip[16];
};

/* Without the port; absent: it is none of the internet. The text stands in `room`. */
struct oi_text oi_address_text(const struct oi_address *address, char room[OI_ADDRESS_TEXT]);

#endif
