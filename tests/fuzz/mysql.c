/* Fuzz target for what reads MySQL's protocol: the parser, and what decides that a connection speaks it.
 *
 * The input is what both sides say by turns: a byte that tells the side, whether a true beginning comes first, and how
 * many bytes follow. Besides reads out of bounds it looks for a difference: however the bytes are cut, the same is
 * told. Build and run: make fuzz, then tests/fuzz/mysql -max_total_time=60
 */
#include "tests/fuzz/exact.h"
#include "tests/unit/mysql_text.h"

static struct mysql_text whole, cut;

static void give(struct mysql_text *text, enum oi_mysql_side side, const uint8_t *at, size_t len)
{
    char *copy = exact_copy(at, len);
    mysql_give(text, side, copy, len);
    free(copy);
}

/* So that not every input has to find out how a connection begins. */
static void begin(struct mysql_text *text, uint8_t how)
{
    static const char *const beginnings[] = {
        "",
        "> greeting; << login/01288200 'app' 00 00; > 00 00 00 i2=2 i2=0",
        "> greeting; << login/00a88200 'app' 00 00; > 00 00 00 i2=2 i2=0",
        "> greeting/8.0.36/ffffffff; << login/0ba88200 'app' 00 00; > 00 00 00 i2=2 i2=0",
    };
    struct mysql_talk talk;
    mysql_start(text, 2);
    mysql_talk_read(&talk, beginnings[how & 3]);
    mysql_converse(text, &talk, WHOLE, 0);
    free(talk.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
        return 0;
    begin(&whole, data[0]);
    begin(&cut, data[0]);
    size_t piece = 1u + data[0] / 4u;
    for (size_t at = 1; at < size;) {
        enum oi_mysql_side side = data[at] & 1 ? OI_MYSQL_CLIENT : OI_MYSQL_SERVER;
        size_t len = data[at] / 2u, left = size - at - 1;
        len = len < left ? len : left;
        at++;
        give(&whole, side, data + at, len);
        for (size_t from = 0; from < len; from += piece)
            give(&cut, side, data + at + from, len - from < piece ? len - from : piece);
        at += len;
    }
    exact_same(whole.text, cut.text);
    exact_detect(OI_WIRE_SERVER, (const char *)data + 1, size - 1);
    return 0;
}
