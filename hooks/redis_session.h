/* What a Redis connection has been brought to by the commands on it: which database is selected. Told from what the
 * server answered, whoever saw it. Pure; async-signal-safe. */
#ifndef OI_HOOKS_REDIS_SESSION_H
#define OI_HOOKS_REDIS_SESSION_H

#include "agent/text.h"

/* Commands whose reply changes which database the connection uses. */
enum oi_redis_effect { OI_EFFECT_NONE, OI_EFFECT_SELECT, OI_EFFECT_RESET, OI_EFFECT_EXEC, OI_EFFECT_DISCARD };

/* What kind of a reply it was. */
enum oi_redis_answer {
    OI_ANSWER_UNSEEN,
    OI_ANSWER_DONE,   /* OK, or another word like that */
    OI_ANSWER_QUEUED, /* the command waits for EXEC */
    OI_ANSWER_MANY,   /* an array */
    OI_ANSWER_OTHER,  /* also an error */
};

struct oi_redis_session {
    int database;    /* -1: unknown */
    int transaction; /* SELECT inside MULTI: takes effect at EXEC; -1: none */
};

/* A connection just made. */
void oi_redis_session_begin(struct oi_redis_session *session);

/* What the command of that name does. */
enum oi_redis_effect oi_redis_effect_of(struct oi_text name);

/* The argument of SELECT; -1: no number of a database. */
int oi_redis_index(struct oi_text argument);

/* Such a command was answered; `database` is what a SELECT named. */
void oi_redis_session_answered(struct oi_redis_session *session, enum oi_redis_effect effect, int database,
                               enum oi_redis_answer answer);

#endif
