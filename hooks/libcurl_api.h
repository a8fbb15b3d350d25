/* libcurl's own headers as hooks need them: functions, not macros around them. */
#ifndef OI_HOOKS_LIBCURL_API_H
#define OI_HOOKS_LIBCURL_API_H

/* curl.h wraps curl_easy_setopt and others in macros: for type checks, or to allow exactly three arguments. */
#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
#undef curl_multi_socket

#if LIBCURL_VERSION_NUM < 0x075300 /* 7.83: what we build against may be older than what we meet */
struct curl_header {
    char *name;
    char *value;
    size_t amount;
    size_t index;
    unsigned int origin;
    void *anchor;
};
enum { CURLH_HEADER = 1 << 0 };
struct curl_header *curl_easy_nextheader(CURL *easy, unsigned int origin, int request, struct curl_header *before);
#endif

#endif
