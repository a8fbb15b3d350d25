// build: -lhiredis -rdynamic -fno-builtin -Wno-builtin-declaration-mismatch
/* A program with libraries of its own built in and exported, as Node is. Whoever binds to them by mistake ends it. */
#include "host.h"

#define OWN(name)                                                                                                      \
    void name(void);                                                                                                   \
    void name(void)                                                                                                    \
    {                                                                                                                  \
        dprintf(2, "the program's own %s was called\n", #name);                                                        \
        _exit(97);                                                                                                     \
    }

OWN(deflate)
OWN(deflateInit_)
OWN(deflateInit2_)
OWN(deflateEnd)
OWN(inflate)
OWN(inflateInit2_)
OWN(crc32)
OWN(zlibVersion)
OWN(OPENSSL_init_ssl)
OWN(OPENSSL_init_crypto)
OWN(SSL_CTX_new)
OWN(SSL_new)
OWN(SSL_connect)
OWN(RAND_bytes)
OWN(BrotliDecoderVersion)
OWN(BrotliDecoderCreateInstance)
OWN(ZSTD_createDStream)
OWN(nghttp2_version)
OWN(nghttp2_session_client_new)
OWN(protobuf_c_message_unpack)
OWN(curl_global_init)
OWN(curl_easy_init)
OWN(curl_multi_init)

static int asks(const char *socket)
{
    printf("right %d\n", host_get(socket, "main:1"));
    return 0;
}

static const struct host_mode modes[] = {{"return", asks}};

HOST_MAIN(modes)
