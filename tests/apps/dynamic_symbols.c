// build: -ldl
/* What dlsym and dlerror say, told without addresses: MODE LIBRARY, LIBRARY being one that this program is not linked
 * with
 * (-DLINKED: it is libcurl, and the program calls it). */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef LINKED
#include <curl/curl.h>
#undef curl_easy_setopt
#endif

static const char *const names[] = {
    "curl_easy_init", "mysql_init", "redisCommand", "redisConnect",    "exit",   "_exit",        "execve",  "execl",
    "vfork",          "fork",       "dlsym",        "dlvsym",          "dlopen", "dlclose",      "dlerror", "setuid",
    "prctl",          "daemon",     "listen",       "nothing_like_it", "puts",   "curl_version", "main"};
enum { COUNT = sizeof names / sizeof *names };

static void say(const char *what, const char *name, const void *found)
{
    const char *error = dlerror();
    printf("%s %s: %s, %s", what, name, found ? "found" : "none", error ? error : "no error");
    error = dlerror();
    printf(", then %s\n", error ? error : "none");
}

static int found(const char *path)
{
    void *program = dlopen(NULL, RTLD_NOW), *libc = dlopen("libc.so.6", RTLD_NOW), *library = dlopen(path, RTLD_NOW);
    say("dlopen", path, library);
    for (size_t i = 0; i < COUNT; i++) {
        say("default", names[i], dlsym(RTLD_DEFAULT, names[i]));
        say("next", names[i], dlsym(RTLD_NEXT, names[i]));
        say("program", names[i], dlsym(program, names[i]));
        say("libc", names[i], dlsym(libc, names[i]));
        say("library", names[i], dlsym(library, names[i]));
        say("default, version", names[i], dlvsym(RTLD_DEFAULT, names[i], "GLIBC_2.2.5"));
        say("libc, version", names[i], dlvsym(libc, names[i], "GLIBC_2.2.5"));
        say("library, version", names[i], dlvsym(library, names[i], "CURL_OPENSSL_4"));
    }
    return 10;
}

/* An error that nobody has read is gone with the next call, or replaced by its error. */
static int unread(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    dlsym(RTLD_DEFAULT, "redisCommand");
    say("after dlopen", "", dlopen(path, RTLD_NOW));
    dlsym(RTLD_DEFAULT, "redisCommand");
    say("after dlopen that fails", "", dlopen("/nonexistent.so", RTLD_NOW));
    dlsym(RTLD_DEFAULT, "redisCommand");
    say("after dlsym", "", dlsym(library, "curl_easy_init"));
    dlsym(RTLD_DEFAULT, "redisCommand");
    say("after dlsym that fails", "", dlsym(library, "nothing_like_it"));
    dlopen("/nonexistent.so", RTLD_NOW);
    say("after an error of libc", "", dlsym(RTLD_DEFAULT, "redisCommand"));
    dlsym(RTLD_DEFAULT, "redisCommand");
    printf("closed %d\n", dlclose(library));
    say("after dlclose", "", library);
    return 11;
}

/* What was the same address is the same, and errno is as it was. */
static int same(const char *path)
{
    void *program = dlopen(NULL, RTLD_NOW), *library = dlopen(path, RTLD_NOW),
         *again = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    errno = EDOM;
    void *first = dlsym(library, "curl_easy_init"), *second = dlsym(again, "curl_easy_init");
    printf("%d %d %d\n", first != NULL, first == second, errno == EDOM);
    printf("%d\n", first == dlvsym(library, "curl_easy_init", "CURL_OPENSSL_4"));
    printf("%d %d\n", dlsym(library, "curl_version") == dlsym(again, "curl_version"), errno == EDOM);
#ifdef LINKED
    printf("%d %d %d\n", first == (void *)curl_easy_init, first == dlsym(RTLD_DEFAULT, "curl_easy_init"),
           first == dlsym(program, "curl_easy_init"));
#endif
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    printf("%d %d %d %d\n", dlsym(libc, "exit") == (void *)exit, dlsym(libc, "execve") == (void *)execve,
           dlsym(libc, "dlsym") == (void *)dlsym, dlsym(program, "setuid") == (void *)setuid);
    printf("%d %d\n", dlsym(RTLD_DEFAULT, "exit") == (void *)exit, errno == EDOM);
    return 12;
}

/* By a pointer to dlsym, as programs have it that load everything themselves. */
static int indirect(const char *path)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    void *(*symbol)(void *, const char *) = (void *(*)(void *, const char *))dlsym(libc, "dlsym");
    void *(*open)(const char *, int) = (void *(*)(const char *, int))symbol(libc, "dlopen");
    int (*close)(void *) = (int (*)(void *))symbol(libc, "dlclose");
    void *library = open(path, RTLD_NOW);
    printf("%d %d\n", library != NULL, symbol(library, "curl_easy_init") != NULL);
    printf("%d\n", close(library));
    void (*leave)(int) = (void (*)(int))symbol(libc, "exit");
    leave(13);
    return 0;
}

/* A namespace of its own, with a libc of its own: LIBRARY is mysql_fake. */
static int namespace(const char *path)
{
    void *library = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
    say("dlmopen", path, library);
    if (!library)
        return 97;
    void *(*init)(void *) = (void *(*)(void *))dlsym(library, "mysql_init");
    void (*close)(void *) = (void (*)(void *))dlsym(library, "mysql_close");
    void *mysql = init(NULL);
    say("init", "", mysql);
    close(mysql);
    say("exit", "", dlsym(library, "exit"));
    printf("another %d\n", dlsym(library, "exit") != (void *)exit);
    say("nothing", "", dlsym(library, "redisCommand"));
    return 14;
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 98;
#ifdef LINKED
    curl_easy_cleanup(curl_easy_init());
#endif
    if (strcmp(arguments[1], "found") == 0)
        return found(arguments[2]);
    if (strcmp(arguments[1], "unread") == 0)
        return unread(arguments[2]);
    if (strcmp(arguments[1], "same") == 0)
        return same(arguments[2]);
    if (strcmp(arguments[1], "namespace") == 0)
        return namespace(arguments[2]);
    return strcmp(arguments[1], "indirect") == 0 ? indirect(arguments[2]) : 97;
}
