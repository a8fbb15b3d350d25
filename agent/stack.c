#include "agent/stack.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "agent/elf.h"
#include "agent/pool.h"
#include "agent/unwind.h"

enum {
    IMAGES = 255,  /* objects that frames were found in */
    STACKS = 4096, /* different ones that are kept: 2.4 MiB */
    AT_WORK = 256, /* walks at the same time */
    BUCKETS = 2 * STACKS,
    TRIES = 32,   /* buckets that are looked at for a stack */
    CHECKED = 4,  /* objects whose look is known for the rest of a walk */
    OWN_MAX = 64, /* frames of ours; they are not kept */
};

struct stack {
    uint32_t pool_link;
    uint32_t hash;
    uint8_t count;
    bool called_by_first;
    uint8_t image[OI_STACK_FRAMES]; /* place in the table */
    uintptr_t address[OI_STACK_FRAMES];
};

/* What a walk needs; it is not to be had on the stacks of programs. */
struct walk {
    uint32_t pool_link;
    struct oi_unwind frame;
    struct stack stack;
    uintptr_t checked_start[CHECKED]; /* objects whose place is known already */
    uint8_t checked_image[CHECKED];
    uint8_t checked_count;
};

/* How libc finds the object of an address; from 2.35 on, and so not to be asked for by name. */
#ifdef DLFO_EH_SEGMENT_TYPE
typedef __typeof__(&_dl_find_object) find_object_fn;
#endif

/* Our own object, and in it the functions that call the program back (hooks/hook.h). */
extern const char object_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char object_end[] __asm__("_end") __attribute__((visibility("hidden")));
extern const char calls_back_start[] __asm__("__start_oi_calls_back") __attribute__((visibility("hidden"), weak));
extern const char calls_back_end[] __asm__("__stop_oi_calls_back") __attribute__((visibility("hidden"), weak));

bool oi_stack_wanted;

static struct oi_pool stacks, walks;
static _Atomic uint16_t *buckets; /* number of a stack; 0: free */
static struct image {
    _Atomic bool there;
    struct oi_image about;
} * images;
static _Atomic uint32_t image_count;
static _Atomic bool overflowed;

/* --- objects ------------------------------------------------------------------------------------------------------ */

#ifdef DLFO_EH_SEGMENT_TYPE

static find_object_fn find_object;
static uintptr_t vdso; /* what the kernel maps; 0: none */

static int visit_loader(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    struct oi_object object;
    if (!oi_object_read(info, &object))
        return 0;
    void *found = oi_object_function(&object, "_dl_find_object");
    if (!found)
        return 0;
    *(void **)&find_object = found;
    return 1;
}

static bool same_image(const struct oi_image *image, const struct dl_find_object *object, uint64_t look)
{
    return image->look == look && image->start == (uintptr_t)object->dlfo_map_start &&
           image->bias == object->dlfo_link_map->l_addr;
}

static int known_image(const struct dl_find_object *object, uint64_t look)
{
    uint32_t count = atomic_load_explicit(&image_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count && i < IMAGES; i++)
        if (atomic_load_explicit(&images[i].there, memory_order_acquire) && same_image(&images[i].about, object, look))
            return (int)i;
    return -1;
}

static int new_image(const struct dl_find_object *object, uint64_t look)
{
    const char *path = object->dlfo_link_map->l_name;
    size_t length = path ? strnlen(path, sizeof images->about.path) : 0;
    if (length == sizeof images->about.path || atomic_load(&image_count) >= IMAGES)
        return -1;
    uint32_t place = atomic_fetch_add(&image_count, 1);
    if (place >= IMAGES)
        return -1;
    struct oi_image *image = &images[place].about;
    image->look = look;
    image->start = (uintptr_t)object->dlfo_map_start;
    image->bias = object->dlfo_link_map->l_addr;
    if (length > 0)
        memcpy(image->path, path, length);
    image->path[length] = '\0';
    atomic_store_explicit(&images[place].there, true, memory_order_release);
    return (int)place;
}

/* The object's place in the table; -1: it has none. */
static int image_of(struct walk *walk, const struct dl_find_object *object)
{
    uintptr_t start = (uintptr_t)object->dlfo_map_start;
    for (size_t i = 0; i < walk->checked_count; i++)
        if (walk->checked_start[i] == start)
            return walk->checked_image[i];
    if (memcmp(object->dlfo_map_start, "\177ELF", 4) != 0)
        return -1;
    uint64_t look = oi_image_look(object->dlfo_map_start);
    int image = known_image(object, look);
    if (image < 0)
        image = new_image(object, look);
    if (image >= 0 && walk->checked_count < CHECKED) {
        walk->checked_start[walk->checked_count] = start;
        walk->checked_image[walk->checked_count++] = (uint8_t)image;
    }
    return image;
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static bool within(uintptr_t address, const char *start, const char *end)
{
    return address - (uintptr_t)start < (uintptr_t)end - (uintptr_t)start;
}

/* False: this frame is where the walk ends. */
static bool take_frame(struct walk *walk, const struct dl_find_object *object, uintptr_t pc)
{
    struct stack *stack = &walk->stack;
    int image = image_of(walk, object);
    if (image < 0)
        return false;
    stack->image[stack->count] = (uint8_t)image;
    stack->address[stack->count++] = pc;
    return stack->count < OI_STACK_FRAMES;
}

/* From walk->frame on. False: no stack to speak of. */
static bool climb(struct walk *walk)
{
    struct stack *stack = &walk->stack;
    enum oi_unwind_result result = OI_UNWIND_CALLER;
    stack->count = 0;
    stack->called_by_first = true;
    walk->checked_count = 0;
    for (size_t own = 0; own < OWN_MAX && result == OI_UNWIND_CALLER;) {
        struct dl_find_object object;
        uintptr_t pc = walk->frame.at[OI_UNWIND_PC];
        if (find_object((void *)(pc - 1), &object) != 0)
            break;
        if ((uintptr_t)object.dlfo_map_start == vdso) {
            /* On arm64 that is what it puts under a signal handler, and no table says so. */
            result = OI_UNWIND_SIGNAL;
            break;
        }
        if (within(pc, object_start, object_end)) {
            own++;
            if (stack->count == 0 && within(pc, calls_back_start, calls_back_end))
                stack->called_by_first = false;
        } else if (!take_frame(walk, &object, pc)) {
            break;
        }
        result = oi_unwind_step(&walk->frame, object.dlfo_eh_frame);
    }
    return result != OI_UNWIND_SIGNAL && stack->count > 0;
}

#endif

/* --- the table ---------------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct stack *stack)
{
    uint64_t hash = stack->count * 2U + stack->called_by_first;
    for (size_t i = 0; i < stack->count; i++)
        hash = (hash ^ stack->address[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
    return (uint32_t)(hash >> 32);
}

/* Two threads that come upon an object at the same time have given it a place each. */
static bool same_object(uint8_t a, uint8_t b)
{
    const struct oi_image *one = &images[a].about, *other = &images[b].about;
    return a == b || (one->look == other->look && one->start == other->start && one->bias == other->bias);
}

static bool same_objects(const struct stack *a, const struct stack *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!same_object(a->image[i], b->image[i]))
            return false;
    return true;
}

static bool equal(const struct stack *a, const struct stack *b)
{
    return a->hash == b->hash && a->count == b->count && a->called_by_first == b->called_by_first &&
           memcmp(a->address, b->address, a->count * sizeof *a->address) == 0 && same_objects(a, b);
}

static struct stack *stack_at(uint16_t number)
{
    return (struct stack *)(void *)(atomic_load_explicit(&stacks.base, memory_order_relaxed) +
                                    (size_t)(number - 1) * stacks.slot_size);
}

static uint16_t number_of(const struct stack *stack)
{
    return (uint16_t)((size_t)((const char *)stack - (const char *)stack_at(1)) / stacks.slot_size + 1);
}

/* A place in the table for a new stack; 0: all are taken. */
static uint16_t place_for(const struct stack *found)
{
    struct stack *stack = oi_pool_take(&stacks);
    if (!stack)
        return 0;
    *stack = *found;
    return number_of(stack);
}

/* The number of the stack in the table, where it is put if need be; 0: no room. */
static uint16_t number_for(struct stack *found)
{
    uint16_t mine = 0;
    found->hash = hash_of(found);
    for (uint32_t i = 0; i < TRIES; i++) {
        _Atomic uint16_t *bucket = &buckets[(found->hash + i) % BUCKETS];
        uint16_t number = atomic_load_explicit(bucket, memory_order_acquire);
        if (number == 0 && !mine && (mine = place_for(found)) == 0)
            break;
        if (number == 0 && atomic_compare_exchange_strong(bucket, &number, mine))
            return mine;
        if (equal(stack_at(number), found)) {
            if (mine) /* another thread was faster */
                oi_pool_give(&stacks, stack_at(mine));
            return number;
        }
    }
    if (mine)
        oi_pool_give(&stacks, stack_at(mine));
    atomic_store_explicit(&overflowed, true, memory_order_relaxed);
    return 0;
}

uint16_t oi_stack_here(void)
{
    uint16_t number = 0;
#ifdef DLFO_EH_SEGMENT_TYPE
    struct walk *walk = oi_pool_take(&walks);
    if (!walk)
        return 0;
    oi_unwind_here(&walk->frame);
    if (climb(walk))
        number = number_for(&walk->stack);
    oi_pool_give(&walks, walk);
#endif
    return number;
}

bool oi_stack_init(void)
{
#ifdef DLFO_EH_SEGMENT_TYPE
    size_t bucket_size = BUCKETS * sizeof *buckets, size = bucket_size + IMAGES * sizeof *images;
    vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    if (!dl_iterate_phdr(visit_loader, NULL))
        return false;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    buckets = (_Atomic uint16_t *)(void *)memory;
    images = (struct image *)(void *)(memory + bucket_size);
    oi_stack_wanted = oi_pool_init(&stacks, (sizeof(struct stack) + 15) & ~(size_t)15, STACKS) &&
                      oi_pool_init(&walks, (sizeof(struct walk) + 15) & ~(size_t)15, AT_WORK);
    return oi_stack_wanted;
#else
    return false;
#endif
}

bool oi_stack_overflowed(void)
{
    return atomic_load_explicit(&overflowed, memory_order_relaxed);
}

size_t oi_stack_frames(uint16_t number, struct oi_frame frames[OI_STACK_FRAMES], bool *called_by_first)
{
    *called_by_first = false;
    if (number == 0)
        return 0;
    const struct stack *stack = stack_at(number);
    for (size_t i = 0; i < stack->count; i++) {
        const struct oi_image *image = &images[stack->image[i]].about;
        frames[i] = (struct oi_frame){image, stack->address[i] - image->bias};
    }
    *called_by_first = stack->called_by_first;
    return stack->count;
}
