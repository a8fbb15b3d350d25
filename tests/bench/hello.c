/* A server of libmicrohttpd's that says hello: one thread, which waits with epoll. Knows nothing of telemetry. Prints
 * its port; at SIGTERM, how many requests it was asked. */
#include <microhttpd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic long requests;

static enum MHD_Result on_request(void *response, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body, size_t *body_size,
                                  void **seen)
{
    (void)path, (void)method, (void)version, (void)body, (void)body_size;
    if (!*seen) {
        *seen = response;
        return MHD_YES;
    }
    requests++;
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(void)
{
    static char hello[] = "hello\n";
    sigset_t term;
    int signal;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof hello - 1, hello, MHD_RESPMEM_PERSISTENT);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, response, MHD_OPTION_END);
    if (!daemon)
        return 1;
    printf("%d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&term, &signal);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    printf("%ld\n", (long)requests);
    return 0;
}
