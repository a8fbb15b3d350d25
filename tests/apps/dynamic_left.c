// build: -ldl
/* A library that is unloaded while handles of it live, and comes back somewhere else. Its handles are plain memory, so
 * that they can be used all the same: MODE LIBRARY, MODE being symbol (LIBRARY is mysql_fake) or module
 * (dynamic_left_module). */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct functions {
    void *library, *mapped;
    void *(*open)(void);
    int (*ask)(void *mysql, const char *text);
    void *(*result)(void *mysql);
    void (*close)(void *mysql);
};

static void *by_symbol(const struct functions *functions)
{
    void *(*init)(void *) = (void *(*)(void *))dlsym(functions->library, "mysql_init");
    void *(*connect)(void *, const char *, const char *, const char *, const char *, unsigned, const char *,
                     unsigned long) =
        (void *(*)(void *, const char *, const char *, const char *, const char *, unsigned, const char *,
                   unsigned long))dlsym(functions->library, "mysql_real_connect");
    return connect(init(NULL), "db.example", "app", "secret", "shop", 3307, NULL, 0);
}

static struct functions load(const char *mode, const char *path)
{
    struct functions functions = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    int module = strcmp(mode, "module") == 0;
    if (!functions.library)
        puts(dlerror());
    *(void **)&functions.open = dlsym(functions.library, "module_open");
    *(void **)&functions.ask = dlsym(functions.library, module ? "module_ask" : "mysql_query");
    *(void **)&functions.result = dlsym(functions.library, module ? "module_result" : "mysql_store_result");
    *(void **)&functions.close = dlsym(functions.library, module ? "module_close" : "mysql_close");
    return functions;
}

static void *opened(const struct functions *functions)
{
    return functions->open ? functions->open() : by_symbol(functions);
}

/* Where the library's code lies, so that nothing is mapped there again. */
static int visit(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    if (strstr(info->dlpi_name, "mysql_fake"))
        *(ElfW(Addr) *)user = info->dlpi_addr;
    return 0;
}

int main(int count, char **arguments)
{
    ElfW(Addr) before = 0, after = 0;
    if (count != 3)
        return 98;
    struct functions first = load(arguments[1], arguments[2]);
    void *kept = opened(&first), *waiting = opened(&first);
    printf("%d ", first.ask(kept, "SELECT 1"));
    printf("%d\n", first.result(kept) != NULL);
    printf("%d\n", first.ask(waiting, "SELECT 2 FROM waiting"));
    dl_iterate_phdr(visit, &before);
    printf("closed %d\n", dlclose(first.library));
    void *occupied = mmap((void *)before, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("unloaded %d\n", occupied == (void *)before);
    struct functions second = load(arguments[1], arguments[2]);
    dl_iterate_phdr(visit, &after);
    printf("elsewhere %d\n", before != after);
    printf("%d ", second.ask(kept, "SELECT 3"));
    printf("%d\n", second.result(kept) != NULL);
    second.close(kept);
    void *fresh = opened(&second);
    printf("%d ", second.ask(fresh, "SELECT 4 FROM fresh"));
    printf("%d\n", second.result(fresh) != NULL);
    second.close(fresh);
    return 70;
}
