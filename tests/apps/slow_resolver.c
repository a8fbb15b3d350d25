// build: -shared -fPIC
/* Preloaded: name servers that do not answer. */
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)result;
    sleep(8); /* longer than anybody is to wait for it */
    return EAI_AGAIN;
}
