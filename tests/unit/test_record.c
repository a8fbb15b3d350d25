#include "agent/record.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/run.h"

enum { RECORDS = 64 };

static char long_text[70000];

static void start(uint32_t attributes, uint32_t characters)
{
    ck_assert(oi_records_init(RECORDS, attributes, characters));
    memset(long_text, 'x', sizeof long_text);
}

static struct oi_record *fresh(void)
{
    start(128, UINT32_MAX);
    struct oi_record *record = oi_record_take();
    ck_assert_ptr_nonnull(record);
    return record;
}

static void assert_text(struct oi_text text, const char *wanted)
{
    ck_assert(oi_text_present(text));
    ck_assert_uint_eq(text.len, strlen(wanted));
    ck_assert_mem_eq(text.at, wanted, text.len + 1);
}

static void assert_string(const struct oi_record *record, size_t index, const char *key, const char *wanted)
{
    ck_assert_uint_lt(index, record->attribute_count);
    const struct oi_attribute *attribute = oi_record_attribute(record, index);
    ck_assert_uint_eq(attribute->type, OI_VALUE_STRING);
    ck_assert_uint_eq(attribute->key_length, strlen(key));
    ck_assert_mem_eq(attribute->key, key, attribute->key_length);
    assert_text(oi_text_of(attribute->string, attribute->length), wanted);
}

START_TEST(a_record_taken_is_empty)
{
    struct oi_record *record = fresh();
    ck_assert_uint_eq(record->attribute_count, 0);
    ck_assert_uint_eq(record->dropped_attributes, 0);
    ck_assert_uint_eq(record->status, OI_STATUS_UNSET);
    ck_assert(!oi_text_present(record->name) && !oi_text_present(record->status_message));
    oi_record_free(record);
}
END_TEST

START_TEST(no_record_is_accepted_by_every_function)
{
    start(128, UINT32_MAX);
    struct oi_buffer buffer = oi_record_text_begin(NULL, 10);
    ck_assert_uint_eq(buffer.size, 0);
    ck_assert(!oi_text_present(oi_record_text_end(NULL, &buffer)));
    oi_record_name(NULL, OI_TEXT("name"));
    oi_record_name_owned(NULL, OI_TEXT("name"));
    oi_record_status(NULL, OI_STATUS_ERROR, OI_TEXT("message"));
    oi_record_str(NULL, "key", OI_TEXT("value"));
    oi_record_str_owned(NULL, "key", OI_TEXT("value"));
    oi_record_int(NULL, "key", 1);
    oi_record_double(NULL, "key", 1);
    oi_record_bool(NULL, "key", true);
    oi_record_submit(NULL);
    oi_record_free(NULL);
}
END_TEST

START_TEST(values_of_every_type_are_kept_in_order)
{
    struct oi_record *record = fresh();
    char text[] = "text";
    oi_record_str(record, "string", oi_text_from(text));
    memset(text, '-', 4);
    oi_record_int(record, "integer", -5);
    oi_record_double(record, "double", 0.25);
    oi_record_bool(record, "boolean", true);
    oi_record_str(record, "empty", OI_TEXT(""));
    oi_record_str(record, "absent", oi_text_from(NULL));
    ck_assert_uint_eq(record->attribute_count, 5);
    assert_string(record, 0, "string", "text");
    ck_assert_int_eq(oi_record_attribute(record, 1)->type, OI_VALUE_INT);
    ck_assert_int_eq(oi_record_attribute(record, 1)->integer, -5);
    ck_assert_int_eq(oi_record_attribute(record, 2)->type, OI_VALUE_DOUBLE);
    ck_assert(oi_record_attribute(record, 2)->real == 0.25);
    ck_assert_int_eq(oi_record_attribute(record, 3)->type, OI_VALUE_BOOL);
    ck_assert(oi_record_attribute(record, 3)->boolean);
    assert_string(record, 4, "empty", "");
}
END_TEST

START_TEST(a_key_set_twice_keeps_the_last_value_in_the_first_place)
{
    struct oi_record *record = fresh();
    oi_record_str(record, "key", OI_TEXT("first"));
    oi_record_int(record, "other", 1);
    char same[] = "key"; /* the same key at another address */
    oi_record_put_str(record, same, 3, OI_TEXT("last"));
    ck_assert_uint_eq(record->attribute_count, 2);
    ck_assert_uint_eq(record->dropped_attributes, 0);
    assert_string(record, 0, "key", "last");
    oi_record_int(record, "key", 3);
    ck_assert_int_eq(oi_record_attribute(record, 0)->type, OI_VALUE_INT);
    ck_assert_uint_eq(record->attribute_count, 2);
}
END_TEST

START_TEST(an_attribute_past_the_limit_is_dropped_and_counted)
{
    start(2, UINT32_MAX);
    struct oi_record *record = oi_record_take();
    oi_record_int(record, "a", 1);
    oi_record_int(record, "b", 2);
    oi_record_int(record, "c", 3);
    oi_record_str(record, "d", OI_TEXT("4"));
    oi_record_int(record, "a", 5); /* no new one */
    ck_assert_uint_eq(record->attribute_count, 2);
    ck_assert_uint_eq(record->dropped_attributes, 2);
    ck_assert_int_eq(oi_record_attribute(record, 0)->integer, 5);
    ck_assert_int_eq(oi_record_attribute(record, 1)->integer, 2);
}
END_TEST

START_TEST(a_limit_of_no_attributes_drops_all)
{
    start(0, UINT32_MAX);
    struct oi_record *record = oi_record_take();
    oi_record_int(record, "a", 1);
    ck_assert_uint_eq(record->attribute_count, 0);
    ck_assert_uint_eq(record->dropped_attributes, 1);
}
END_TEST

/* In characters, not in bytes, and never in the middle of one. */
static const struct {
    uint32_t limit;
    const char *value, *kept;
} cuts[] = {
    {5, "seven77", "seven"},
    {7, "seven77", "seven77"},
    {0, "seven77", ""},
    {3, "äöüß", "äöü"},
    {2, "\xf0\x9f\x98\x80xy", "\xf0\x9f\x98\x80x"},
    {9, "", ""},
};

START_TEST(a_long_value_is_cut_at_a_character)
{
    start(128, cuts[_i].limit);
    struct oi_record *record = oi_record_take();
    oi_record_str(record, "key", oi_text_from(cuts[_i].value));
    assert_string(record, 0, "key", cuts[_i].kept);
    oi_record_str_owned(record, "owned", oi_text_from(cuts[_i].value));
    ck_assert_uint_eq(oi_record_attribute(record, 1)->length, strlen(cuts[_i].kept));
    oi_record_int(record, "integer", 123456789);
    ck_assert_int_eq(oi_record_attribute(record, 2)->integer, 123456789);
}
END_TEST

START_TEST(the_limit_of_values_is_not_one_of_names)
{
    start(128, 3);
    struct oi_record *record = oi_record_take();
    oi_record_name(record, OI_TEXT("a longer name"));
    assert_text(record->name, "a longer name");
}
END_TEST

static const size_t sizes[] = {0, 1, 100, 500, 800, 900, 1000, 1024, 2000, 4000, 4050, 4095, 4096, 5000, 20000, 60000};

START_TEST(values_of_any_size_that_fits_are_kept_whole)
{
    struct oi_record *record = fresh();
    oi_record_name(record, OI_TEXT("name"));
    oi_record_str(record, "value", oi_text_of(long_text, sizes[_i]));
    oi_record_str(record, "after", OI_TEXT("text"));
    oi_record_str(record, "again", oi_text_of(long_text, sizes[_i]));
    for (size_t i = 0; i < 3; i += 2) {
        const struct oi_attribute *attribute = oi_record_attribute(record, i);
        ck_assert_uint_eq(attribute->length, sizes[_i]);
        ck_assert_mem_eq(attribute->string, long_text, sizes[_i]);
        ck_assert_int_eq(attribute->string[sizes[_i]], 0);
    }
    assert_string(record, 1, "after", "text");
    assert_text(record->name, "name");
    oi_record_free(record);
}
END_TEST

START_TEST(a_value_larger_than_any_memory_is_cut_at_a_character)
{
    struct oi_record *record = fresh();
    for (size_t i = 0; i + 2 <= sizeof long_text; i += 2)
        memcpy(long_text + i, "\xc3\xa4", 2);
    oi_record_str(record, "value", oi_text_of(long_text, sizeof long_text));
    const struct oi_attribute *attribute = oi_record_attribute(record, 0);
    ck_assert_uint_gt(attribute->length, 60000);
    ck_assert_uint_lt(attribute->length, sizeof long_text);
    ck_assert_uint_eq(attribute->length % 2, 0);
    ck_assert_mem_eq(attribute->string, long_text, attribute->length);
}
END_TEST

/* 128 attributes with texts: far more than the record itself holds. */
START_TEST(as_many_attributes_as_the_limit_allows_are_all_kept)
{
    static char keys[130][8], values[130][40];
    struct oi_record *record = fresh();
    for (int i = 0; i < 130; i++) {
        snprintf(keys[i], sizeof keys[i], "key%d", i);
        snprintf(values[i], sizeof values[i], "the value of attribute number %d", i);
        oi_record_put_str(record, keys[i], strlen(keys[i]), oi_text_from(values[i]));
    }
    ck_assert_uint_eq(record->attribute_count, 128);
    ck_assert_uint_eq(record->dropped_attributes, 2);
    for (size_t i = 0; i < 128; i++)
        assert_string(record, i, keys[i], values[i]);
    oi_record_free(record);
}
END_TEST

START_TEST(what_a_record_held_is_free_again)
{
    start(128, UINT32_MAX);
    for (int round = 0; round < 2000; round++) {
        struct oi_record *record = oi_record_take();
        ck_assert_ptr_nonnull(record);
        oi_record_str(record, "large", oi_text_of(long_text, 60000));
        oi_record_str(record, "medium", oi_text_of(long_text, 3000));
        ck_assert_uint_eq(oi_record_attribute(record, 0)->length, 60000);
        ck_assert_uint_eq(oi_record_attribute(record, 1)->length, 3000);
        oi_record_free(record);
    }
    for (int i = 0; i < RECORDS; i++)
        ck_assert_ptr_nonnull(oi_record_take());
    ck_assert_ptr_null(oi_record_take());
}
END_TEST

/* All large pieces are taken: what comes then is cut, not lost, and nothing is overwritten. */
START_TEST(without_memory_texts_are_cut_and_the_record_stays_whole)
{
    start(128, UINT32_MAX);
    struct oi_record *records[RECORDS];
    for (int i = 0; i < RECORDS; i++) {
        records[i] = oi_record_take();
        memset(long_text, 'a' + i % 26, sizeof long_text);
        oi_record_name(records[i], OI_TEXT("name"));
        for (int k = 0; k < 10; k++) {
            static const char *const keys[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
            oi_record_put_str(records[i], keys[k], 1, oi_text_of(long_text, 60000));
        }
        oi_record_int(records[i], "last", i);
    }
    for (int i = 0; i < RECORDS; i++) {
        assert_text(records[i]->name, "name");
        ck_assert_uint_eq(records[i]->attribute_count + records[i]->dropped_attributes, 11);
        for (size_t k = 0; k < records[i]->attribute_count; k++) {
            const struct oi_attribute *attribute = oi_record_attribute(records[i], k);
            size_t wrong = 0; /* Check writes to a file for every assertion: one for all bytes */
            for (size_t at = 0; attribute->type == OI_VALUE_STRING && at < attribute->length; at++)
                wrong += attribute->string[at] != 'a' + i % 26;
            ck_assert_uint_eq(wrong, 0);
        }
        oi_record_free(records[i]);
    }
}
END_TEST

START_TEST(a_text_written_in_place_is_kept_without_a_copy)
{
    struct oi_record *record = fresh();
    struct oi_buffer buffer = oi_record_text_begin(record, 100);
    ck_assert_uint_ge(buffer.size, 100);
    oi_buffer_put(&buffer, "SELECT ?", 8);
    struct oi_text text = oi_record_text_end(record, &buffer);
    assert_text(text, "SELECT ?");
    oi_record_str_owned(record, "db.query.text", text);
    ck_assert_ptr_eq(oi_record_attribute(record, 0)->string, text.at);
    oi_record_name(record, OI_TEXT("after"));
    assert_text(record->name, "after");
    assert_text(text, "SELECT ?");
}
END_TEST

START_TEST(a_text_cut_while_written_ends_at_a_character)
{
    struct oi_record *record = fresh();
    struct oi_buffer buffer = oi_record_text_begin(record, 5);
    buffer.size = 5;
    oi_buffer_put(&buffer, "äöü", 6);
    ck_assert(buffer.truncated);
    assert_text(oi_record_text_end(record, &buffer), "äö");
}
END_TEST

START_TEST(status_ok_is_final_and_only_errors_have_a_message)
{
    struct oi_record *record = fresh();
    oi_record_status(record, OI_STATUS_UNSET, OI_TEXT("ignored"));
    ck_assert_uint_eq(record->status, OI_STATUS_UNSET);
    oi_record_status(record, OI_STATUS_ERROR, OI_TEXT("first"));
    oi_record_status(record, OI_STATUS_ERROR, OI_TEXT("second"));
    assert_text(record->status_message, "second");
    oi_record_status(record, OI_STATUS_OK, OI_TEXT("no message"));
    ck_assert_uint_eq(record->status, OI_STATUS_OK);
    ck_assert(!oi_text_present(record->status_message));
    oi_record_status(record, OI_STATUS_ERROR, OI_TEXT("too late"));
    ck_assert_uint_eq(record->status, OI_STATUS_OK);
    ck_assert(!oi_text_present(record->status_message));
}
END_TEST

static void assert_strings(const struct oi_record *record, size_t index, const char *const *wanted)
{
    const struct oi_attribute *attribute = oi_record_attribute(record, index);
    struct oi_text packed = oi_text_of(attribute->string, attribute->length), text;
    size_t count = 0;
    ck_assert_uint_eq(attribute->type, OI_VALUE_STRINGS);
    while (wanted[count])
        count++;
    while (oi_strings_take_last(&packed, &text)) {
        ck_assert_uint_gt(count, 0);
        count--;
        ck_assert_uint_eq(text.len, strlen(wanted[count]));
        ck_assert_mem_eq(text.at, wanted[count], text.len);
    }
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(packed.len, 0);
}

static void put_strings(struct oi_record *record, const char *key, const char *const *texts, size_t room)
{
    struct oi_buffer buffer = oi_record_text_begin(record, room);
    for (; *texts; texts++)
        oi_record_strings_add(&buffer, oi_text_from(*texts));
    oi_record_put_strings_owned(record, key, strlen(key), oi_record_text_end(record, &buffer));
}

START_TEST(an_array_of_texts_is_kept_in_order)
{
    static const char *const texts[] = {"one", "", "three", NULL}, *const none[] = {NULL}, *const other[] = {"2", NULL};
    struct oi_record *record = fresh();
    put_strings(record, "first", texts, 8 + 3 * OI_STRINGS_EACH);
    put_strings(record, "none", none, 0);
    oi_record_str(record, "text", OI_TEXT("between"));
    put_strings(record, "last", texts, 800);
    put_strings(record, "first", other, 1 + OI_STRINGS_EACH);
    ck_assert_uint_eq(record->attribute_count, 4);
    assert_strings(record, 0, other);
    assert_strings(record, 1, none);
    assert_string(record, 2, "text", "between");
    assert_strings(record, 3, texts);
    put_strings(NULL, "nowhere", texts, 100);
    oi_record_free(record);
}
END_TEST

/* Two texts in every room too small for them: what is kept is a front part of each, of whole characters. */
START_TEST(an_array_without_room_is_cut_at_a_character)
{
    static const char *const texts[] = {"ééa", "bcd"};
    char room[64];
    struct oi_buffer buffer = {.at = room, .size = (size_t)_i};
    start(128, UINT32_MAX);
    for (size_t i = 0; i < 2; i++)
        oi_record_strings_add(&buffer, oi_text_from(texts[i]));
    ck_assert(!buffer.truncated);
    struct oi_text packed = oi_buffer_text(&buffer), text;
    size_t first = _i < 4 ? 0 : _i < 6 ? 0 : _i < 8 ? 2 : _i < 9 ? 4 : 5, count = 0;
    size_t second = _i < 13 ? 0 : (size_t)_i - 13;
    const size_t wanted[] = {first, second < 3 ? second : 3};
    size_t expected = _i < 4 ? 0 : (size_t)_i - first - 4 < 4 ? 1 : 2;
    while (oi_strings_take_last(&packed, &text)) {
        ck_assert_uint_lt(count, expected);
        size_t i = expected - ++count;
        ck_assert_uint_eq(text.len, wanted[i & 1]);
        ck_assert_mem_eq(text.at, texts[i & 1], text.len);
    }
    ck_assert_uint_eq(count, expected);
    ck_assert_uint_eq(packed.len, 0);
}
END_TEST

START_TEST(each_text_of_an_array_has_the_length_limit)
{
    static const char *const texts[] = {"ééé", "ab", "abc", NULL}, *const kept[] = {"éé", "ab", "ab", NULL};
    start(128, 2);
    struct oi_record *record = oi_record_take();
    put_strings(record, "key", texts, 100);
    assert_strings(record, 0, kept);
    oi_record_free(record);
}
END_TEST

START_TEST(an_array_past_the_limit_of_attributes_is_dropped)
{
    static const char *const texts[] = {"a", NULL};
    start(1, UINT32_MAX);
    struct oi_record *record = oi_record_take();
    oi_record_int(record, "one", 1);
    put_strings(record, "two", texts, 100);
    ck_assert_uint_eq(record->attribute_count, 1);
    ck_assert_uint_eq(record->dropped_attributes, 1);
    oi_record_free(record);
}
END_TEST

struct facts {
    struct oi_text text;
    int64_t number;
    char rest[OI_FACTS_MAX - sizeof(struct oi_text) - sizeof(int64_t)];
};

static void write_facts(struct oi_record *record)
{
    struct facts facts;
    oi_record_facts(record, &facts, sizeof facts);
    oi_record_str_owned(record, "text", facts.text);
    oi_record_int(record, "number", facts.number);
    oi_record_str(record, "rest", oi_text_of(facts.rest, 3));
    oi_record_str(record, "tail", oi_text_of(facts.rest + sizeof facts.rest - 3, 3));
}

/* Of the longest facts, with texts that fit beside them and with texts that do not. */
static const size_t put_off_sizes[] = {0, 1, 400, 600, 700, 1000, 5000};

START_TEST(what_is_put_off_is_written_once_and_leaves_no_trace_of_the_facts)
{
    struct oi_record *record = fresh();
    struct facts *facts = oi_record_put_off(record, write_facts, sizeof *facts);
    facts->number = 42;
    memset(facts->rest, 'r', sizeof facts->rest);
    size_t size = put_off_sizes[_i];
    struct oi_buffer buffer = oi_record_text_begin(record, size);
    ck_assert_uint_ge(buffer.size, size);
    oi_buffer_put(&buffer, long_text, size);
    facts->text = oi_record_text_end(record, &buffer);
    ck_assert_uint_eq(record->attribute_count, 0);
    oi_record_write(record);
    oi_record_write(record);
    ck_assert_uint_eq(record->attribute_count, 4);
    ck_assert_uint_eq(record->attribute_inline, 4);
    ck_assert_uint_eq(oi_record_attribute(record, 0)->length, size);
    ck_assert_mem_eq(oi_record_attribute(record, 0)->string, long_text, size);
    ck_assert_int_eq(oi_record_attribute(record, 1)->integer, 42);
    assert_string(record, 2, "rest", "rrr");
    assert_string(record, 3, "tail", "rrr");
    oi_record_free(record);
}
END_TEST

START_TEST(a_record_that_nothing_was_put_off_of_stays_as_it_is)
{
    struct oi_record *record = fresh();
    oi_record_str(record, "key", OI_TEXT("value"));
    oi_record_write(record);
    ck_assert_uint_eq(record->attribute_count, 1);
    assert_string(record, 0, "key", "value");
    oi_record_free(record);
}
END_TEST

START_TEST(a_record_of_another_process_image_is_not_submitted)
{
    start(128, UINT32_MAX);
    oi_records_epoch(1);
    struct oi_record *records[RECORDS];
    for (int i = 0; i < RECORDS; i++)
        records[i] = oi_record_take();
    oi_records_epoch(2);
    for (int i = 0; i < RECORDS; i++)
        oi_record_submit(records[i]);
    for (int i = 0; i < RECORDS; i++)
        ck_assert_ptr_nonnull(oi_record_take());
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_record_taken_is_empty);
    tcase_add_test(tests, no_record_is_accepted_by_every_function);
    tcase_add_test(tests, values_of_every_type_are_kept_in_order);
    tcase_add_test(tests, a_key_set_twice_keeps_the_last_value_in_the_first_place);
    tcase_add_test(tests, an_attribute_past_the_limit_is_dropped_and_counted);
    tcase_add_test(tests, a_limit_of_no_attributes_drops_all);
    tcase_add_loop_test(tests, a_long_value_is_cut_at_a_character, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(tests, the_limit_of_values_is_not_one_of_names);
    tcase_add_loop_test(tests, values_of_any_size_that_fits_are_kept_whole, 0, sizeof sizes / sizeof *sizes);
    tcase_add_test(tests, a_value_larger_than_any_memory_is_cut_at_a_character);
    tcase_add_test(tests, as_many_attributes_as_the_limit_allows_are_all_kept);
    tcase_add_test(tests, what_a_record_held_is_free_again);
    tcase_add_test(tests, without_memory_texts_are_cut_and_the_record_stays_whole);
    tcase_add_test(tests, a_text_written_in_place_is_kept_without_a_copy);
    tcase_add_test(tests, a_text_cut_while_written_ends_at_a_character);
    tcase_add_test(tests, status_ok_is_final_and_only_errors_have_a_message);
    tcase_add_test(tests, an_array_of_texts_is_kept_in_order);
    tcase_add_loop_test(tests, an_array_without_room_is_cut_at_a_character, 0, 20);
    tcase_add_test(tests, each_text_of_an_array_has_the_length_limit);
    tcase_add_test(tests, an_array_past_the_limit_of_attributes_is_dropped);
    tcase_add_loop_test(tests, what_is_put_off_is_written_once_and_leaves_no_trace_of_the_facts, 0,
                        sizeof put_off_sizes / sizeof *put_off_sizes);
    tcase_add_test(tests, a_record_that_nothing_was_put_off_of_stays_as_it_is);
    tcase_add_test(tests, a_record_of_another_process_image_is_not_submitted);
    return run_suite("record", tests);
}
