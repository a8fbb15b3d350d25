#include "exporter/grpc.h"

#include <string.h>

#include "exporter/status.h"

const char *oi_grpc_code_name(int code)
{
    static const char *const names[OI_GRPC_CODES] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };
    return code >= 0 && code < OI_GRPC_CODES ? names[code] : "an unknown status";
}

void oi_grpc_prefix(uint8_t prefix[OI_GRPC_PREFIX], bool compressed, size_t len)
{
    prefix[0] = compressed;
    for (int i = 1; i < OI_GRPC_PREFIX; i++)
        prefix[i] = (uint8_t)(len >> 8 * (OI_GRPC_PREFIX - 1 - i));
}

bool oi_grpc_message(const uint8_t *body, size_t len, const uint8_t **message, size_t *message_len, bool *compressed)
{
    if (len < OI_GRPC_PREFIX || body[0] > 1)
        return false;
    size_t announced = (size_t)body[1] << 24 | (size_t)body[2] << 16 | (size_t)body[3] << 8 | body[4];
    if (announced != len - OI_GRPC_PREFIX)
        return false;
    *compressed = body[0] == 1;
    *message = body + OI_GRPC_PREFIX;
    *message_len = announced;
    return true;
}

int oi_grpc_code(const char *text)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 4 || text[len] != '\0')
        return -1;
    int code = 0;
    for (size_t i = 0; i < len; i++)
        code = code * 10 + (text[i] - '0');
    return code;
}

int oi_grpc_code_from_http(long http)
{
    switch (http) {
    case 400:
        return OI_GRPC_INTERNAL;
    case 401:
        return OI_GRPC_UNAUTHENTICATED;
    case 403:
        return OI_GRPC_PERMISSION_DENIED;
    case 404:
        return OI_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return OI_GRPC_UNAVAILABLE;
    default:
        return OI_GRPC_UNKNOWN;
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Decoded length; what is not base64 ends it. */
static size_t base64_decode(uint8_t *to, size_t size, const char *text)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;
    for (int digit; (digit = base64_digit(*text)) >= 0 && len < size; text++) {
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[len++] = (uint8_t)(bits >> held);
        }
    }
    return len;
}

int64_t oi_grpc_retry_delay(const char *details)
{
    uint8_t bytes[2048];
    return oi_status_retry_delay(bytes, base64_decode(bytes, sizeof bytes, details));
}

bool oi_grpc_retryable(int code, bool has_delay)
{
    switch (code) {
    case OI_GRPC_CANCELLED:
    case OI_GRPC_DEADLINE_EXCEEDED:
    case OI_GRPC_ABORTED:
    case OI_GRPC_OUT_OF_RANGE:
    case OI_GRPC_UNAVAILABLE:
    case OI_GRPC_DATA_LOSS:
        return true;
    case OI_GRPC_RESOURCE_EXHAUSTED:
        return has_delay;
    default:
        return false;
    }
}
