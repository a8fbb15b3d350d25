/* Finished spans as text, one line each thing, to compare whole ones: name, kind and status, then the attributes in the
 * order they were set, strings in quotes. Needs -Wl,--wrap=oi_record_submit: what is submitted ends here. */
#ifndef OI_TESTS_SPAN_TEXT_H
#define OI_TESTS_SPAN_TEXT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/record.h"

static char span_text[65536];
static int spans;
static bool span_text_hold; /* what is submitted waits in the next, as it does in the queue */
static struct oi_record *span_text_held;

void __wrap_oi_record_submit(struct oi_record *record);

static inline void span_text_add(const char *format, const char *key, struct oi_text text)
{
    size_t used = strlen(span_text);
    snprintf(span_text + used, sizeof span_text - used, format, key, (int)text.len, text.at ? text.at : "");
}

/* Texts of an array are taken from its end. */
static inline void span_text_strings(const char *key, struct oi_text packed)
{
    struct oi_text texts[32];
    size_t count = 0;
    while (oi_strings_take_last(&packed, &texts[count]))
        count++;
    span_text_add("%s=[%.*s", key, OI_TEXT(""));
    while (count-- > 0)
        span_text_add(count > 0 ? "%s\"%.*s\"," : "%s\"%.*s\"", "", texts[count]);
    span_text_add("%s]\n", "", (struct oi_text){NULL, 0});
}

static inline void span_text_attribute(const struct oi_attribute *attribute)
{
    size_t used = strlen(span_text);
    if (attribute->type == OI_VALUE_STRING)
        span_text_add("%s=\"%.*s\"\n", attribute->key, oi_text_of(attribute->string, attribute->length));
    else if (attribute->type == OI_VALUE_INT)
        snprintf(span_text + used, sizeof span_text - used, "%s=%lld\n", attribute->key, (long long)attribute->integer);
    else if (attribute->type == OI_VALUE_STRINGS)
        span_text_strings(attribute->key, oi_text_of(attribute->string, attribute->length));
    else if (attribute->type == OI_VALUE_DOUBLE)
        snprintf(span_text + used, sizeof span_text - used, "%s=%g\n", attribute->key, attribute->real);
    else
        ck_abort_msg("an attribute of type %d", attribute->type);
}

void __wrap_oi_record_submit(struct oi_record *record)
{
    static const char *const kinds[] = {"?", "INTERNAL", "SERVER", "CLIENT"};
    static const char *const statuses[] = {"unset", "ok", "ERROR"};
    if (!record)
        return;
    if (span_text_hold) {
        span_text_held = record;
        return;
    }
    oi_record_write(record);
    spans++;
    span_text[0] = '\0';
    span_text_add("%s%.*s\n", "", record->name);
    span_text_add("%s ", kinds[record->kind], (struct oi_text){NULL, 0});
    span_text_add("%s", statuses[record->status], (struct oi_text){NULL, 0});
    if (oi_text_present(record->status_message))
        span_text_add("%s %.*s", "", record->status_message);
    span_text_add("%s", "\n", (struct oi_text){NULL, 0});
    for (size_t i = 0; i < record->attribute_count; i++)
        span_text_attribute(oi_record_attribute(record, i));
    ck_assert_uint_eq(record->dropped_attributes, 0);
    oi_record_free(record);
}

/* Spans are recorded from here on, with the default settings. */
static inline void span_text_setup(void)
{
    ck_assert(oi_records_init(64, 128, UINT32_MAX));
    static char arena[OI_CONFIG_ARENA];
    static char *const environment[] = {NULL};
    oi_config_parse(&oi_agent.config, environment, arena, sizeof arena, NULL, NULL);
    oi_agent.semconv_http = oi_agent.semconv_database = OI_SEMCONV_OLD;
    oi_agent.recording = true;
    oi_agent.active = true;
}

static const struct oi_span sampled_span = {.flags = OI_FLAG_SAMPLED};
static const struct oi_scope test_scope = {.name = "test", .area = OI_AREA_OTHER};

#define ck_span(expected) ck_assert_msg(strcmp(span_text, expected) == 0, "is\n%s\nand not\n%s", span_text, expected)

#endif
