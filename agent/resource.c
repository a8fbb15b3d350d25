#include "agent/resource.h"

#include <unistd.h>

#include "agent/resource_builder.h"
#include "agent/utf8.h"

static bool make_room(struct oi_resource_builder *builder, size_t attributes, size_t text)
{
    char *end = (char *)(builder->attributes + builder->count + attributes);
    return builder->text_top >= end && (size_t)(builder->text_top - end) >= text;
}

/* NUL-terminated, for those who print it. */
static const char *copy_text(struct oi_resource_builder *builder, struct oi_text text)
{
    builder->text_top -= text.len + 1;
    char *to = builder->text_top;
    if (text.len > 0)
        memcpy(to, text.at, text.len);
    to[text.len] = '\0';
    for (size_t i = oi_utf8_valid_prefix(to, text.len); i < text.len; i += oi_utf8_valid_prefix(to + i, text.len - i))
        to[i] = '?';
    return to;
}

static struct oi_attribute *slot(struct oi_resource_builder *builder, struct oi_text key, size_t text)
{
    for (size_t i = 0; i < builder->count; i++) {
        struct oi_attribute *attribute = &builder->attributes[i];
        if (attribute->key_length == key.len && memcmp(attribute->key, key.at, key.len) == 0)
            return make_room(builder, 0, text) ? attribute : NULL;
    }
    if (key.len > UINT16_MAX || !make_room(builder, 1, text + key.len + 1))
        return NULL;
    struct oi_attribute *attribute = &builder->attributes[builder->count++];
    attribute->key = copy_text(builder, key);
    attribute->key_length = (uint16_t)key.len;
    return attribute;
}

void oi_resource_put_text(struct oi_resource_builder *builder, struct oi_text key, struct oi_text value)
{
    if (!oi_text_present(value) || value.len > UINT32_MAX)
        return;
    struct oi_attribute *attribute = slot(builder, key, value.len + 1);
    if (!attribute)
        return;
    attribute->type = OI_VALUE_STRING;
    attribute->length = (uint32_t)value.len;
    attribute->string = copy_text(builder, value);
}

void oi_resource_put_int(struct oi_resource_builder *builder, struct oi_text key, int64_t value)
{
    struct oi_attribute *attribute = slot(builder, key, 0);
    if (!attribute)
        return;
    attribute->type = OI_VALUE_INT;
    attribute->length = 0;
    attribute->integer = value;
}

struct oi_text oi_resource_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return oi_text_from(slash ? slash + 1 : path);
}

/* RFC 9562 version 4, from random bytes. */
static void put_instance(struct oi_resource_builder *builder, const uint8_t instance[16])
{
    static const char digits[] = "0123456789abcdef";
    char uuid[36], *to = uuid;
    for (int i = 0; i < 16; i++) {
        uint8_t byte = instance[i];
        if (i == 6)
            byte = (uint8_t)(0x40 | (byte & 0x0f));
        if (i == 8)
            byte = (uint8_t)(0x80 | (byte & 0x3f));
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    oi_resource_put_text(builder, OI_TEXT("service.instance.id"), oi_text_of(uuid, sizeof uuid));
}

static void put_service_name(struct oi_resource_builder *builder)
{
    char name[300];
    struct oi_buffer buffer = {name, sizeof name, 0, false};
    oi_buffer_put(&buffer, "unknown_service", sizeof "unknown_service" - 1);
    if (builder->sources.executable) {
        struct oi_text base = oi_resource_base_name(builder->sources.executable);
        oi_buffer_char(&buffer, ':');
        oi_buffer_put(&buffer, base.at, base.len);
    }
    oi_resource_put_text(builder, OI_TEXT("service.name"), oi_buffer_text(&buffer));
}

static void put_pair(void *builder, struct oi_text key, struct oi_text value)
{
    oi_resource_put_text(builder, key, value);
}

/* What the kernel appends to the name of an executable that was replaced while it runs. */
static void without_deleted(char *path, size_t len)
{
    static const char mark[] = " (deleted)";
    size_t n = sizeof mark - 1;
    if (len > n && memcmp(path + len - n, mark, n) == 0)
        path[len - n] = '\0';
}

static void set_sources(struct oi_resource_builder *builder, const struct oi_resource_sources *sources, char *path,
                        size_t size)
{
    if (sources)
        builder->sources = *sources;
    if (!builder->sources.proc_self)
        builder->sources.proc_self = "/proc/self";
    if (!builder->sources.etc)
        builder->sources.etc = "/etc";
    if (!builder->sources.var_lib)
        builder->sources.var_lib = "/var/lib";
    if (builder->sources.executable)
        return;
    ssize_t len = readlink("/proc/self/exe", path, size - 1);
    if (len <= 0)
        return;
    path[len] = '\0';
    without_deleted(path, (size_t)len);
    builder->sources.executable = path;
}

struct oi_resource oi_resource_build(const struct oi_config *config, const char *version, const uint8_t instance[16],
                                     const struct oi_resource_sources *sources, char *arena, size_t arena_size,
                                     oi_config_complain *complain, void *user)
{
    char path[4096];
    struct oi_resource_builder builder = {.attributes = (void *)arena, .text_top = arena + arena_size};
    set_sources(&builder, sources, path, sizeof path);
    oi_resource_put_text(&builder, OI_TEXT("telemetry.sdk.language"), OI_TEXT("cpp"));
    oi_resource_put_text(&builder, OI_TEXT("telemetry.sdk.name"), OI_TEXT("otel-instrument"));
    oi_resource_put_text(&builder, OI_TEXT("telemetry.sdk.version"), oi_text_from(version));
    oi_resource_put_text(&builder, OI_TEXT("telemetry.distro.name"), OI_TEXT("otel-instrument"));
    oi_resource_put_text(&builder, OI_TEXT("telemetry.distro.version"), oi_text_from(version));
    put_instance(&builder, instance);
    put_service_name(&builder);
    oi_resource_detect(&builder, config->resource_detectors);
    oi_resource_pairs(config->resource_attributes, put_pair, &builder, complain, user);
    oi_resource_put_text(&builder, OI_TEXT("service.name"), oi_text_from(config->service_name));
    return (struct oi_resource){builder.attributes, builder.count, "https://opentelemetry.io/schemas/1.44.0"};
}
