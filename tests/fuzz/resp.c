/* Fuzz target for what reads Redis's protocol.
 *
 * The first byte chooses the side, the second how the bytes are cut. Besides reads out of bounds it looks for a
 * difference: however the bytes are cut, the same is told. Build and run: make fuzz, then
 * tests/fuzz/resp -max_total_time=60
 */
#include "tests/fuzz/exact.h"
#include "tests/unit/resp_text.h"

static struct resp_text whole, cut;

static void give(struct resp_text *text, const char *at, size_t len)
{
    char *copy = exact_copy(at, len);
    resp_give(text, copy, len);
    free(copy);
}

static void parse(struct resp_text *text, uint8_t how, const char *at, size_t len, size_t piece)
{
    resp_start(text, how & 1 ? OI_RESP_REPLIES : OI_RESP_COMMANDS);
    for (size_t from = 0; from < len; from += piece)
        give(text, at + from, len - from < piece ? len - from : piece);
    resp_end(text);
    if (text->state.offset > len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    const char *at = (const char *)data + 2;
    size_t len = size - 2;
    parse(&whole, data[0], at, len, len ? len : 1);
    parse(&cut, data[0], at, len, 1u + data[1] % 40u);
    exact_same(whole.text, cut.text);
    return 0;
}
