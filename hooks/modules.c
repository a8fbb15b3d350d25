/* The preloaded object's constructor, and the table of libraries (generated from Makefile.am's list). */
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/library.h"
#include "agent/life.h"

void oi_dynamic_resolve(void);
void oi_process_resolve(void);
void oi_confinement_resolve(void);
void oi_socket_resolve(void);
void oi_socket_bytes_resolve(void);
void oi_socket_positions_resolve(void);
void oi_socket_wait_resolve(void);
void oi_http_server_init(void);
void oi_http_client_init(void);
void oi_redis_client_init(void);
void oi_mysql_client_init(void);
void oi_libmicrohttpd_init(void);

#define OI_MODULE(name) extern struct oi_library oi_library_##name;
#include "hooks/modules.def"
#undef OI_MODULE

static struct oi_library *const libraries[] = {
#define OI_MODULE(name) &oi_library_##name,
#include "hooks/modules.def"
#undef OI_MODULE
};

__attribute__((constructor)) static void start(void)
{
    oi_dynamic_resolve();
    oi_process_resolve();
    oi_confinement_resolve();
    oi_socket_resolve();
    oi_socket_bytes_resolve();
    oi_socket_positions_resolve();
    oi_socket_wait_resolve();
    oi_life_start();
    const char *disabled = oi_agent.config.disabled_instrumentations;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        libraries[i]->disabled = oi_list_has(disabled, libraries[i]->name);
        oi_library_register(libraries[i]);
    }
    oi_http_server_init();
    oi_http_client_init();
    oi_redis_client_init();
    oi_mysql_client_init();
    oi_libmicrohttpd_init();
}
