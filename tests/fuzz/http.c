/* Fuzz target for what reads HTTP/1: the parser, and what decides that a connection speaks it.
 *
 * The first byte chooses the side and the headers that are wanted, the second how the bytes are cut. Besides reads out
 * of bounds it looks for a difference: however the bytes are cut, and whether or not the parser knows what is wanted,
 * the same is told as of single bytes, and no message ends that was not certain. Build and run: make fuzz, then
 * tests/fuzz/http -max_total_time=60
 */
#include "agent/http_forwarded.h"
#include "agent/http_name.h"
#include "agent/http_route.h"
#include "tests/fuzz/exact.h"
#include "tests/unit/http1_text.h"

static struct http1_text whole, cut;

static void give(struct http1_text *text, const char *at, size_t len)
{
    char *copy = exact_copy(at, len);
    http1_give(text, copy, len);
    free(copy);
}

/* `told`: the parser is told which headers are wanted, and leaves the others out. */
static void parse(struct http1_text *text, uint8_t how, const char *at, size_t len, size_t piece, bool told)
{
    static const struct oi_http1_wanted sets[] = {{0xffff, UINT64_MAX, false},
                                                  {0xffff, UINT64_MAX, true},
                                                  {0, 0, false},
                                                  {0, 0, true},
                                                  {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONNECTION, 0x5555, false},
                                                  {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONNECTION, 0x5555, true}};
    http1_start(text, how & 1 ? OI_HTTP1_ANSWERS : OI_HTTP1_REQUESTS, (enum oi_http1_method)(how >> 1 & 1));
    text->only = &sets[(how >> 2 & 31) % (sizeof sets / sizeof *sets)];
    text->told = told;
    for (size_t from = 0; from < len; from += piece)
        give(text, at + from, len - from < piece ? len - from : piece);
    http1_end(text);
    if (text->state.offset > len)
        abort();
}

/* With what was said of the single bytes. */
static void compare(uint8_t how, const char *at, size_t len, size_t piece, bool told)
{
    parse(&cut, how, at, len, piece, told);
    exact_same(whole.text, cut.text);
}

/* Texts that end with their allocations: the input's lines. */
static void headers(const char *at, size_t len)
{
    static struct oi_http_names names;
    enum { LINES = 7 };
    struct oi_text lines[LINES] = {{0}};
    for (size_t i = 0; i < LINES && len > 0; i++) {
        const char *end = memchr(at, '\n', len);
        size_t n = end ? (size_t)(end - at) : len;
        bool list = i == LINES - 1; /* the routes: a string */
        char *copy = calloc(1, n + list + (n == 0));
        memcpy(copy, at, n);
        lines[i] = oi_text_of(copy, n);
        at += n + (end != NULL);
        len -= n + (end != NULL);
    }
    struct oi_http_forwarded forwarded = {lines[0], lines[1], lines[2], lines[3], lines[4]};
    struct oi_http_origin origin = oi_http_forwarded_read(&forwarded);
    if ((origin.address.at && (origin.address.len < 2 || origin.address.len > 45)) || origin.host.len > 255)
        abort();
    char room[80];
    struct oi_buffer out = {.at = room, .size = sizeof room};
    struct oi_http_server_name name = {.method = OI_TEXT("GET"), .path = lines[5], .guess = true};
    name.route = oi_http_route(lines[6].at, lines[5]);
    oi_http_server_name(&name, &names, &out);
    if (out.len > out.size || names.count > OI_HTTP_NAMES)
        abort();
    for (size_t i = 0; i < LINES; i++)
        free((char *)lines[i].at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    const char *at = (const char *)data + 2;
    size_t len = size - 2;
    if (data[0] & 0x80) {
        headers(at, len);
        return 0;
    }
    parse(&whole, data[0], at, len, 1, false);
    compare(data[0], at, len, len ? len : 1, false);
    compare(data[0], at, len, 1u + data[1] % 40u, false);
    compare(data[0], at, len, len ? len : 1, true);
    compare(data[0], at, len, 1u + data[1], true);
    exact_detect(OI_WIRE_CLIENT, at, len);
    return 0;
}
