#include "hooks/redis_session.h"

void oi_redis_session_begin(struct oi_redis_session *session)
{
    session->database = 0;
    session->transaction = -1;
}

static bool same_word(struct oi_text text, const char *upper)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] & ~0x20) != upper[i])
            return false;
    return true;
}

enum oi_redis_effect oi_redis_effect_of(struct oi_text name)
{
    switch (name.len) {
    case 4:
        return same_word(name, "EXEC") ? OI_EFFECT_EXEC : OI_EFFECT_NONE;
    case 5:
        return same_word(name, "RESET") ? OI_EFFECT_RESET : OI_EFFECT_NONE;
    case 6:
        return same_word(name, "SELECT") ? OI_EFFECT_SELECT : OI_EFFECT_NONE;
    case 7:
        return same_word(name, "DISCARD") ? OI_EFFECT_DISCARD : OI_EFFECT_NONE;
    default:
        return OI_EFFECT_NONE;
    }
}

int oi_redis_index(struct oi_text text)
{
    int number = 0;
    if (text.len == 0 || text.len > 9)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        number = number * 10 + (text.at[i] - '0');
    }
    return number;
}

void oi_redis_session_answered(struct oi_redis_session *session, enum oi_redis_effect effect, int database,
                               enum oi_redis_answer answer)
{
    switch (effect) {
    case OI_EFFECT_SELECT:
        if (answer == OI_ANSWER_QUEUED)
            session->transaction = database;
        else if (answer == OI_ANSWER_DONE || answer == OI_ANSWER_UNSEEN)
            session->database = answer == OI_ANSWER_DONE ? database : -1;
        return;
    case OI_EFFECT_RESET:
        if (answer == OI_ANSWER_DONE)
            session->database = 0;
        return;
    case OI_EFFECT_EXEC:
        if (answer == OI_ANSWER_MANY && session->transaction >= 0)
            session->database = session->transaction;
        session->transaction = -1;
        return;
    case OI_EFFECT_DISCARD:
        session->transaction = -1;
        return;
    case OI_EFFECT_NONE:
        return;
    }
}
