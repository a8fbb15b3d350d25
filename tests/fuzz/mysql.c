/* Fuzz target for what reads MySQL's protocol: the parser, and what decides that a connection speaks it.
 *
 * The input is what both sides say by turns: a byte that tells the side, whether a true beginning comes first, and how
 * many bytes follow. Besides reads out of bounds it looks for a difference: however the bytes are cut, the same is
 * told. Build and run: make fuzz, then tests/fuzz/mysql -max_total_time=60
 */
#include "hooks/wire/detect.h"
#include "tests/unit/mysql_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mysql_text whole, cut;

/* From an allocation that ends with the bytes: the sanitizer sees a read past them. */
static void give(struct mysql_text *text, enum oi_mysql_side side, const uint8_t *at, size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, at, len);
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

static void detect(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    struct oi_wire_detector once = {0}, bytes = {0};
    enum oi_wire verdict = oi_wire_detect(&once, OI_WIRE_SERVER, at, size), last = OI_WIRE_MORE;
    for (size_t i = 0; i < size; i++)
        last = oi_wire_detect(&bytes, OI_WIRE_SERVER, at + i, 1);
    if (verdict != last || (size >= OI_WIRE_FIRST && verdict == OI_WIRE_MORE))
        abort();
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
    if (strcmp(whole.text, cut.text) != 0) {
        fprintf(stderr, "%s\n---\n%s\n", whole.text, cut.text);
        abort();
    }
    detect(data + 1, size - 1);
    return 0;
}
