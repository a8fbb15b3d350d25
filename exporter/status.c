#include "exporter/status.h"

/* A protobuf message being read, and the field that was read last. */
struct reader {
    const uint8_t *at, *end;
    uint32_t field;
    uint64_t number;       /* of varint fields */
    struct oi_text string; /* of length-delimited fields */
};

static bool read_varint(struct reader *reader, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct reader *reader, uint64_t len)
{
    if (len > (uint64_t)(reader->end - reader->at))
        return false;
    reader->at += len;
    return true;
}

/* False at the end, and where the bytes are not a message. */
static bool next_field(struct reader *reader)
{
    uint64_t tag, len;
    reader->string = (struct oi_text){0};
    reader->number = 0;
    if (!read_varint(reader, &tag))
        return false;
    reader->field = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case 0:
        return read_varint(reader, &reader->number);
    case 1:
        return skip(reader, 8);
    case 2:
        if (!read_varint(reader, &len) || !skip(reader, len))
            return false;
        reader->string = oi_text_of((const char *)reader->at - len, (size_t)len);
        return true;
    case 5:
        return skip(reader, 4);
    default:
        return false;
    }
}

static struct reader reader_of(struct oi_text text)
{
    return (struct reader){.at = (const uint8_t *)text.at, .end = (const uint8_t *)text.at + text.len};
}

struct oi_text oi_status_message(const uint8_t *at, size_t len)
{
    struct reader status = reader_of(oi_text_of((const char *)at, len));
    struct oi_text message = {0};
    while (next_field(&status))
        if (status.field == 2 && oi_text_present(status.string))
            message = status.string;
    return status.at == status.end ? message : (struct oi_text){0};
}

/* google.protobuf.Duration, in whole milliseconds, never negative. */
static int64_t duration_ms(struct oi_text text)
{
    struct reader duration = reader_of(text);
    uint64_t seconds = 0, nanos = 0;
    while (next_field(&duration)) {
        if (duration.field == 1)
            seconds = duration.number;
        if (duration.field == 2)
            nanos = duration.number;
    }
    if ((int64_t)seconds < 0 || nanos > 999999999)
        return 0;
    if (seconds > INT32_MAX)
        seconds = INT32_MAX;
    return (int64_t)(seconds * 1000 + (nanos + 999999) / 1000000);
}

/* The delay in an Any, if that holds a RetryInfo. */
static int64_t any_retry_delay(struct oi_text text)
{
    static const char type[] = "/google.rpc.RetryInfo";
    size_t type_len = sizeof type - 1;
    struct reader any = reader_of(text);
    struct oi_text url = {0}, value = {0};
    while (next_field(&any)) {
        if (any.field == 1)
            url = any.string;
        if (any.field == 2)
            value = any.string;
    }
    if (url.len < type_len || memcmp(url.at + url.len - type_len, type, type_len) != 0)
        return -1;
    struct reader info = reader_of(value);
    int64_t delay = 0;
    while (next_field(&info))
        if (info.field == 1 && oi_text_present(info.string))
            delay = duration_ms(info.string);
    return delay;
}

int64_t oi_status_retry_delay(const uint8_t *at, size_t len)
{
    struct reader status = reader_of(oi_text_of((const char *)at, len));
    int64_t delay = -1;
    while (next_field(&status))
        if (status.field == 3 && oi_text_present(status.string) && delay < 0)
            delay = any_retry_delay(status.string);
    return delay;
}
