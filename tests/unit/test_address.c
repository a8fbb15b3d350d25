#include "agent/address.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "tests/unit/run.h"

static void assert_same(int family, const uint8_t *address)
{
    char ours[OI_ADDRESS_TEXT], theirs[INET6_ADDRSTRLEN];
    struct oi_text text = family == AF_INET ? oi_address_ipv4(address, ours) : oi_address_ipv6(address, ours);
    ck_assert_ptr_nonnull(inet_ntop(family, address, theirs, sizeof theirs));
    ck_assert_msg(oi_text_equal(text, oi_text_from(theirs)), "%.*s, but %s", (int)text.len, text.at, theirs);
}

START_TEST(addresses_are_written_as_inet_ntop_does)
{
    static const char *const texts[] = {
        "::",          "::1",          "1::",        "::ffff:192.0.2.1",   "::192.0.2.1",     "::0.0.0.5",
        "2001:db8::1", "2001:0:0:1::", "1:0:2::",    "1:2:3:4:5:6:7:8",    "0:0:1::",         "::1:0:0:1",
        "fe80::1:0:0", "::5:6:7:8",    "1:2:3::8",   "0:2:3:4:5:6:7:8",    "1:2:3:4:5:6:7::", "1:0:3:0:5:0:7:0",
        "64:ff9b::1",  "::ffff:0:0",   "::fffe:0:1", "0:0:0:0:0:ffff:1::", "::a:b",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t address[16];
        if (inet_pton(AF_INET6, texts[i], address) == 1)
            assert_same(AF_INET6, address);
    }
}
END_TEST

START_TEST(any_address_is_written_as_inet_ntop_does)
{
    srandom(5952);
    for (int n = 0; n < 20000; n++) {
        uint8_t address[16];
        long zeros = random();
        for (int i = 0; i < 16; i++) {
            long byte = random();
            address[i] = (uint8_t)(zeros >> i / 2 & 1 ? 0 : byte & 0x100 ? byte & 15 : byte);
        }
        assert_same(AF_INET6, address);
        assert_same(AF_INET, address);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, addresses_are_written_as_inet_ntop_does);
    tcase_add_test(tests, any_address_is_written_as_inet_ntop_does);
    return run_suite("address", tests);
}
