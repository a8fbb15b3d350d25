/* Taking secrets out of what is recorded. Pure; async-signal-safe; bounded by the input's length. */
#ifndef OI_AGENT_REDACT_H
#define OI_AGENT_REDACT_H

#include "agent/text.h"

/* Writes a URL with credentials replaced by `REDACTED:REDACTED@` and the values of secret query parameters by
 * `REDACTED`, everything else byte for byte in place. Names are compared without case: those of the conventions
 * (AWSAccessKeyId, Signature, sig, X-Goog-Signature, X-Amz-Signature, X-Amz-Credential, X-Amz-Security-Token), token
 * access_token id_token refresh_token password secret client_secret api_key apikey key code session sid, and the comma
 * list `more` (may be NULL). */
void oi_redact_url(struct oi_text url, const char *more, struct oi_buffer *out);

/* One Redis command's arguments, command included. */
struct oi_redis_args {
    const struct oi_text *at;
    size_t count; /* of them known */
    size_t total; /* in all; those past `count` are values nobody looked at. 0: count */
};

/* Writes a command as text, at most OI_REDIS_TEXT_MAX bytes; a longer one ends in `...`. `keys` false (old set): the
 * command and one ? for each argument (`SET ? ?`). `keys` true: keys and field names stay, values become ?, opaque
 * segments of keys (long hex, UUIDs, tokens, what follows `session:`) become ? (`SET user:1 ?`, `GET session:?`, `AUTH
 * ?`). Binary bytes are never written. Semantic conventions: database/redis.md. */
enum { OI_REDIS_TEXT_MAX = 1000 };
void oi_redact_redis(struct oi_redis_args args, bool keys, struct oi_buffer *out);

/* The command as it was given, for names; absent if that cannot be a command's name. */
struct oi_text oi_redis_command(struct oi_redis_args args);

/* The function or script that FCALL, EVALSHA and their like call; absent for other commands. */
struct oi_text oi_redis_procedure(struct oi_redis_args args);

/* Writes a key, its opaque segments masked. */
void oi_redact_key(struct oi_text key, struct oi_buffer *out);

/* Writes a database server's error message with the values it quotes replaced by ?. False: there are none, nothing was
 * written. */
bool oi_redact_message(struct oi_text message, struct oi_buffer *out);

#endif
