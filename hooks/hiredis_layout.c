#include "hooks/hiredis_layout.h"

#include <hiredis/hiredis.h>

/* hiredis 0.14.0, 0.14.1 (Debian 12) */
static const struct oi_hiredis_layout layout_0_14 = {
    .error = 0,
    .error_text = 4,
    .flags = 136,
    .reader = 152,
    .reader_make = 544,
    .reply_type = 0,
    .reply_length = 16,
    .reply_string = 24,
    .reply_count = 32,
    .reply_first = 40,
};

/* hiredis 1.0.0 to 1.4.0: a function table came first, and replies got a double before their length */
static const struct oi_hiredis_layout layout_1 = {
    .error = 8,
    .error_text = 12,
    .flags = 144,
    .reader = 160,
    .reader_make = 200,
    .reply_type = 0,
    .reply_length = 24,
    .reply_string = 32,
    .reply_count = 48,
    .reply_first = 56,
    .options_host = 32,
    .options_port = 40,
    .options_path = 24,
};

#define PLACE(layout, type, member, entry) _Static_assert(offsetof(type, member) == entry, #layout " " #member)
#if HIREDIS_MAJOR == 0 && HIREDIS_MINOR == 14
PLACE(0_14, redisContext, err, 0);
PLACE(0_14, redisContext, errstr, 4);
PLACE(0_14, redisContext, flags, 136);
PLACE(0_14, redisContext, reader, 152);
PLACE(0_14, redisReader, fn, 544);
PLACE(0_14, redisReply, type, 0);
PLACE(0_14, redisReply, len, 16);
PLACE(0_14, redisReply, str, 24);
PLACE(0_14, redisReply, elements, 32);
PLACE(0_14, redisReply, element, 40);
#elif HIREDIS_MAJOR == 1 && HIREDIS_MINOR <= 4
PLACE(1, redisContext, err, 8);
PLACE(1, redisContext, errstr, 12);
PLACE(1, redisContext, flags, 144);
PLACE(1, redisContext, reader, 160);
PLACE(1, redisReader, fn, 200);
PLACE(1, redisReply, type, 0);
PLACE(1, redisReply, len, 24);
PLACE(1, redisReply, str, 32);
PLACE(1, redisReply, elements, 48);
PLACE(1, redisReply, element, 56);
PLACE(1, redisOptions, type, 0);
PLACE(1, redisOptions, endpoint.tcp.ip, 32);
PLACE(1, redisOptions, endpoint.tcp.port, 40);
PLACE(1, redisOptions, endpoint.unix_socket, 24);
#endif

static const struct {
    const char *soname;
    const struct oi_hiredis_layout *layout;
} known[] = {
    {"libhiredis.so.0.14", &layout_0_14}, {"libhiredis.so.1.0.0", &layout_1}, {"libhiredis.so.1.1.0", &layout_1},
    {"libhiredis.so.1.3.0", &layout_1},   {"libhiredis.so.1.4.0", &layout_1},
};

const struct oi_hiredis_layout *oi_hiredis_layout(const struct oi_provider *provider)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(provider->soname, known[i].soname) == 0)
            return known[i].layout;
    return NULL;
}

struct oi_text oi_hiredis_first_word(const struct oi_hiredis_layout *layout, const void *reply)
{
    const void *first =
        oi_hiredis_size(reply, layout->reply_count) > 0 ? oi_hiredis_reply_element(layout, reply, 0) : NULL;
    bool is_text = first && oi_hiredis_int(first, layout->reply_type) == REDIS_REPLY_STRING;
    return is_text ? oi_hiredis_reply_text(layout, first) : (struct oi_text){NULL, 0};
}
