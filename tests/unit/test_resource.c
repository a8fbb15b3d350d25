/* agent/resource*.c: defaults, precedence, OTEL_RESOURCE_ATTRIBUTES, and the detectors on made-up trees. */
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/resource.h"
#include "tests/unit/run.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LAYER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define MACHINE "0123456789abcdef0123456789abcdef"
#define UUID "00112233-4455-4677-8899-aabbccddeeff"

static char root[] = "/tmp/oi-resource-XXXXXX";
static char proc[64], etc[64], var_lib[64];
static char arena[OI_RESOURCE_ARENA] __attribute__((aligned(8)));
static char complaint[512];
static int complaints;

static void complain(void *user, const char *sentence)
{
    (void)user;
    complaints++;
    snprintf(complaint, sizeof complaint, "%s", sentence);
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_text(const char *folder, const char *name, const char *content)
{
    write_file(folder, name, content, strlen(content));
}

static void make_tree(void)
{
    char bus[80];
    strcpy(root + sizeof root - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(proc, sizeof proc, "%s/proc", root);
    snprintf(etc, sizeof etc, "%s/etc", root);
    snprintf(var_lib, sizeof var_lib, "%s/lib", root);
    snprintf(bus, sizeof bus, "%s/dbus", var_lib);
    ck_assert(mkdir(proc, 0700) == 0 && mkdir(etc, 0700) == 0 && mkdir(var_lib, 0700) == 0 && mkdir(bus, 0700) == 0);
    complaints = 0;
}

static void remove_tree(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static struct oi_resource build_in(const struct oi_config *config, size_t room)
{
    static const uint8_t instance[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct oi_resource_sources sources = {proc, etc, var_lib, "/opt/shop/server"};
    return oi_resource_build(config, "1.2.3", instance, &sources, arena, room, complain, NULL);
}

static struct oi_resource build(const char *attributes, const char *service, const char *detectors)
{
    struct oi_config config = {
        .resource_attributes = attributes, .service_name = service, .resource_detectors = detectors};
    return build_in(&config, sizeof arena);
}

/* The whole resource as `key=value` lines, in order. */
static const char *dump(const struct oi_resource *resource)
{
    static char text[65536];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < resource->count; i++) {
        const struct oi_attribute *a = &resource->attributes[i];
        ck_assert_uint_eq(strlen(a->key), a->key_length);
        if (a->type == OI_VALUE_INT) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s=%lld\n", a->key, (long long)a->integer);
            continue;
        }
        ck_assert_int_eq(a->type, OI_VALUE_STRING);
        ck_assert_int_eq(a->string[a->length], '\0');
        len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s\n", a->key, a->string);
    }
    return text;
}

#define HEAD                                                                                                           \
    "telemetry.sdk.language=cpp\ntelemetry.sdk.name=otel-instrument\ntelemetry.sdk.version=1.2.3\n"                    \
    "telemetry.distro.name=otel-instrument\ntelemetry.distro.version=1.2.3\n"
#define INSTANCE "service.instance.id=" UUID "\n"
#define NAME "service.name=unknown_service:server\n"
#define DEFAULTS HEAD INSTANCE NAME

/* Rows: OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, what comes out, and the complaint. */
static const struct {
    const char *attributes, *service, *out, *complaint;
} rows[] = {
    {NULL, NULL, DEFAULTS, NULL},
    {"", NULL, DEFAULTS, NULL},
    {NULL, "shop", HEAD INSTANCE "service.name=shop\n", NULL},
    {"service.name=env", NULL, HEAD INSTANCE "service.name=env\n", NULL},
    {"service.name=env", "shop", HEAD INSTANCE "service.name=shop\n", NULL},
    {"service.instance.id=mine", NULL, HEAD "service.instance.id=mine\n" NAME, NULL},
    {"a=1,b=2", NULL, DEFAULTS "a=1\nb=2\n", NULL},
    {" a = 1 ,\tb = 2 ,", NULL, DEFAULTS "a=1\nb=2\n", NULL},
    {"a=1,a=2", NULL, DEFAULTS "a=2\n", NULL},
    {"a=", NULL, DEFAULTS "a=\n", NULL},
    {"z==", NULL, DEFAULTS "z==\n", NULL},
    {"k%2Cx=a%3Db%20c%c3%A9", NULL, DEFAULTS "k,x=a=b c\xc3\xa9\n", NULL},
    {"a=x+y", NULL, DEFAULTS "a=x+y\n", NULL},
    {"deployment.environment.name=prod", NULL, DEFAULTS "deployment.environment.name=prod\n", NULL},
    {"a=1,b", NULL, DEFAULTS, "OTEL_RESOURCE_ATTRIBUTES: \"b\" has no =; none of its attributes are used"},
    {"a=1,=2", NULL, DEFAULTS, "OTEL_RESOURCE_ATTRIBUTES: \"=2\" has no key; none of its attributes are used"},
    {"a=1,b=%zz", NULL, DEFAULTS,
     "OTEL_RESOURCE_ATTRIBUTES: \"b=%zz\" has a % that two hexadecimal digits do not follow; none of its attributes "
     "are "
     "used"},
    {"b=%4,a=1", NULL, DEFAULTS,
     "OTEL_RESOURCE_ATTRIBUTES: \"b=%4\" has a % that two hexadecimal digits do not follow; none of its attributes are "
     "used"},
    {"a=1,b=%ff", NULL, DEFAULTS, "OTEL_RESOURCE_ATTRIBUTES: \"b=%ff\" is not UTF-8; none of its attributes are used"},
    {"a%00b=1", NULL, DEFAULTS,
     "OTEL_RESOURCE_ATTRIBUTES: \"a%00b=1\" has a NUL in its key; none of its attributes are used"},
    {"service.name=env,x", "shop", HEAD INSTANCE "service.name=shop\n",
     "OTEL_RESOURCE_ATTRIBUTES: \"x\" has no =; none of its attributes are used"},
    {"0123456789012345678901234567890123456789012345678901234567890123456789", NULL, DEFAULTS,
     "OTEL_RESOURCE_ATTRIBUTES: \"0123456789012345678901234567890123456789012345678901234567890123...\" has no =; none "
     "of its attributes are used"},
};

START_TEST(attributes_and_precedence)
{
    struct oi_resource resource = build(rows[_i].attributes, rows[_i].service, NULL);
    ck_assert_str_eq(dump(&resource), rows[_i].out);
    ck_assert_str_eq(resource.schema_url, "https://opentelemetry.io/schemas/1.44.0");
    ck_assert_int_eq(complaints, rows[_i].complaint != NULL);
    if (rows[_i].complaint)
        ck_assert_str_eq(complaint, rows[_i].complaint);
    ck_assert_int_eq(oi_resource_pairs(rows[_i].attributes, NULL, NULL, NULL, NULL), rows[_i].complaint == NULL);
}
END_TEST

START_TEST(invalid_utf8_never_gets_in)
{
    struct oi_resource resource = build(NULL, "caf\xe9 \xc3\xa9\xff", NULL);
    ck_assert_str_eq(dump(&resource), HEAD INSTANCE "service.name=caf? \xc3\xa9?\n");
}
END_TEST

START_TEST(a_small_arena_keeps_what_fits)
{
    struct oi_config config = {.resource_attributes = "a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8"};
    struct oi_resource whole = build_in(&config, sizeof arena);
    char expected[4096];
    snprintf(expected, sizeof expected, "%s", dump(&whole));
    for (size_t room = 1024; room > 0; room -= 8) {
        memset(arena + room, 0x5a, 16);
        struct oi_resource resource = build_in(&config, room);
        ck_assert(resource.count <= room / sizeof *resource.attributes);
        for (size_t i = 0; i < resource.count; i++)
            ck_assert_ptr_nonnull(strstr(expected, resource.attributes[i].key));
        for (int i = 0; i < 16; i++)
            ck_assert_int_eq(arena[room + (size_t)i], 0x5a);
    }
}
END_TEST

START_TEST(process_detector)
{
    static const char cmdline[] = "./server\0--password\0secret";
    char passwd[256], expected[2048];
    write_file(proc, "cmdline", cmdline, sizeof cmdline);
    snprintf(passwd, sizeof passwd, "other:x:%u1:0::/:\n# x\nkeeper:x:%u:7::/:/bin/sh\n", getuid(), getuid());
    write_text(etc, "passwd", passwd);
    snprintf(expected, sizeof expected,
             DEFAULTS "process.pid=%d\nprocess.parent_pid=%d\nprocess.executable.name=server\n"
                      "process.executable.path=/opt/shop/server\nprocess.command=./server\nprocess.owner=keeper\n"
                      "process.runtime.name=glibc\nprocess.runtime.version=%s\n"
                      "process.runtime.description=GNU C Library %s\n",
             getpid(), getppid(), gnu_get_libc_version(), gnu_get_libc_version());
    struct oi_resource resource = build(NULL, NULL, "process");
    ck_assert_str_eq(dump(&resource), expected);
}
END_TEST

START_TEST(an_unnamed_owner_is_a_number)
{
    char expected[64];
    snprintf(expected, sizeof expected, "process.owner=%u\n", getuid());
    struct oi_resource resource = build(NULL, NULL, "process");
    ck_assert_ptr_nonnull(strstr(dump(&resource), expected));
    ck_assert_ptr_null(strstr(dump(&resource), "process.command="));
}
END_TEST

START_TEST(os_and_host_detectors)
{
    struct utsname name;
    char expected[2048];
    ck_assert_int_eq(uname(&name), 0);
    const char *arch = strcmp(name.machine, "x86_64") == 0    ? "amd64"
                       : strcmp(name.machine, "aarch64") == 0 ? "arm64"
                                                              : name.machine;
    write_text(etc, "machine-id", MACHINE "\n");
    snprintf(expected, sizeof expected,
             DEFAULTS "host.name=%s\nhost.arch=%s\nhost.id=" MACHINE "\nos.type=linux\nos.version=%s\n", name.nodename,
             arch, name.release);
    struct oi_resource resource = build(NULL, NULL, " os , HOST,service_instance,otel,nonsense");
    ck_assert_str_eq(dump(&resource), expected);
}
END_TEST

/* Rows: /etc/machine-id, /var/lib/dbus/machine-id, host.id. */
static const struct {
    const char *etc, *dbus, *id;
} machine_ids[] = {
    {MACHINE, NULL, MACHINE},
    {NULL, MACHINE "\n", MACHINE},
    {"", MACHINE "\n", MACHINE},
    {"uninitialized\n", MACHINE "\n", MACHINE},
    {"uninitialized\n", NULL, NULL},
    {MACHINE "0\n", NULL, NULL},
    {NULL, NULL, NULL},
};

static void expect(const struct oi_resource *resource, const char *key, const char *value)
{
    char line[512];
    snprintf(line, sizeof line, "\n%s=%s\n", key, value ? value : "");
    const char *found = strstr(dump(resource), line);
    if (!value) {
        line[strlen(line) - 1] = '\0';
        found = strstr(dump(resource), line);
    }
    ck_assert_msg((found != NULL) == (value != NULL), "%s in %s", line, dump(resource));
}

START_TEST(host_id)
{
    if (machine_ids[_i].etc)
        write_text(etc, "machine-id", machine_ids[_i].etc);
    if (machine_ids[_i].dbus)
        write_text(var_lib, "dbus/machine-id", machine_ids[_i].dbus);
    struct oi_resource resource = build(NULL, NULL, "host");
    expect(&resource, "host.id", machine_ids[_i].id);
}
END_TEST

#define OVERLAY "1 2 0:50 / / rw - overlay overlay rw,lowerdir=/var/lib/containers/storage/overlay/" LAYER "/diff\n"

/* Rows: /proc/self/cgroup, /proc/self/mountinfo, container.id. */
static const struct {
    const char *cgroup, *mountinfo, *id;
} containers[] = {
    {"12:pids:/docker/" ID "\n1:name=systemd:/docker/" ID "\n", NULL, ID},
    {"0::/system.slice/docker-" ID ".scope\n", NULL, ID},
    {"1:name=systemd:/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n", NULL, ID},
    {"0::/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" ID "\n", NULL, ID},
    {"0::/kubepods/burstable/pod12345678-1234-1234-1234-123456789012/" ID "\n", NULL, ID},
    {"0::/docker/" LAYER "/docker/" ID "\n", NULL, ID},
    {"0::/docker/" ID "/init.scope\n", NULL, ID},
    {"1:cpu:/user.slice/" MACHINE "\n", NULL, NULL}, /* 32 digits are no container */
    {"0::/docker/" ID "0\n", NULL, NULL},
    {"0::/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n", NULL, NULL},
    {"0::/user.slice/user-1000.slice/session-1.scope\n", NULL, NULL},
    {"0::/\n", NULL, NULL},
    {"nonsense\n:\n::\n", NULL, NULL},
    {NULL, NULL, NULL},
    {"0::/\n", OVERLAY "3 2 8:1 /var/lib/docker/containers/" ID "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n", ID},
    {"0::/\n", OVERLAY "3 2 8:1 /lib/docker/containers/" ID "/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n",
     ID},
    {"0::/\n",
     OVERLAY "3 2 0:9 /containers/overlay-containers/" ID "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n", ID},
    {"0::/\n",
     OVERLAY "3 2 8:1 /containerd/io.containerd.grpc.v1.cri/sandboxes/" ID "/hostname /etc/hostname rw - ext4 a rw\n",
     ID},
    {"0::/\n",
     "3 2 8:1 /x/sandboxes/" LAYER "/hostname /etc/hostname rw - a\n4 2 8:1 /x/containers/" ID "/y /y rw - a\n", ID},
    {"0::/\n", OVERLAY, NULL}, /* a layer of the image is no container */
    {"0::/\n", "3 2 8:1 /var/lib/docker/volumes/" LAYER "/_data /data rw - ext4 /dev/sda1 rw\n", NULL},
    {NULL, "3 2 8:1\n\n \n    \n3 2 8:1 / / rw\n", NULL},
};

START_TEST(container_detector)
{
    if (containers[_i].cgroup)
        write_text(proc, "cgroup", containers[_i].cgroup);
    if (containers[_i].mountinfo)
        write_text(proc, "mountinfo", containers[_i].mountinfo);
    struct oi_resource resource = build(NULL, NULL, "container");
    expect(&resource, "container.id", containers[_i].id);
}
END_TEST

/* The options of a large overlay make lines longer than any buffer. */
START_TEST(container_after_long_lines)
{
    for (size_t length = 4000; length < 12400; length += 97) {
        static char mounts[16384];
        memset(mounts, 'x', length);
        strcpy(mounts + length, "\n3 2 8:1 /var/lib/docker/containers/" ID "/hostname /etc/hostname rw - a\n");
        write_text(proc, "mountinfo", mounts);
        struct oi_resource resource = build(NULL, NULL, "container");
        expect(&resource, "container.id", ID);
    }
}
END_TEST

/* Not even where the cut makes it look like one. */
START_TEST(the_rest_of_a_long_line_is_no_line)
{
    static char mounts[16384];
    memset(mounts, 'x', sizeof mounts);
    for (size_t at = 4096; at <= 8192; at += 4096) {
        static const char line[] = "3 2 8:1 /var/lib/docker/containers/" ID "/hostname /etc/hostname rw - a\n";
        memcpy(mounts + at, line, sizeof line);
        write_text(proc, "mountinfo", mounts);
        struct oi_resource resource = build(NULL, NULL, "container");
        expect(&resource, "container.id", NULL);
        memset(mounts + at, 'x', sizeof line);
    }
}
END_TEST

START_TEST(all_detectors)
{
    static const char *const keys[] = {"container.id", "host.id", "os.type", "process.pid"};
    write_text(proc, "cgroup", "0::/docker/" ID "\n");
    write_text(etc, "machine-id", MACHINE "\n");
    struct oi_resource resource = build("host.id=mine", NULL, "*");
    char lines[4096];
    snprintf(lines, sizeof lines, "%s", dump(&resource));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ck_assert_ptr_nonnull(strstr(lines, keys[i]));
    expect(&resource, "host.id", "mine"); /* the user's word beats a detector's */
}
END_TEST

START_TEST(real_places_by_default)
{
    static const uint8_t instance[16] = {0};
    struct oi_config config = {.resource_detectors = "process"};
    struct oi_resource resource =
        oi_resource_build(&config, "1.2.3", instance, NULL, arena, sizeof arena, complain, NULL);
    char exe[512];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    ck_assert(n > 0);
    exe[n] = '\0';
    expect(&resource, "process.executable.path", exe);
    expect(&resource, "process.command", program_invocation_name);
    expect(&resource, "service.instance.id", "00000000-0000-4000-8000-000000000000");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, make_tree, remove_tree);
    tcase_add_loop_test(tests, attributes_and_precedence, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, invalid_utf8_never_gets_in);
    tcase_add_test(tests, a_small_arena_keeps_what_fits);
    tcase_add_test(tests, process_detector);
    tcase_add_test(tests, an_unnamed_owner_is_a_number);
    tcase_add_test(tests, os_and_host_detectors);
    tcase_add_loop_test(tests, host_id, 0, sizeof machine_ids / sizeof *machine_ids);
    tcase_add_loop_test(tests, container_detector, 0, sizeof containers / sizeof *containers);
    tcase_add_test(tests, container_after_long_lines);
    tcase_add_test(tests, the_rest_of_a_long_line_is_no_line);
    tcase_add_test(tests, all_detectors);
    tcase_add_test(tests, real_places_by_default);
    return run_suite("resource", tests);
}
