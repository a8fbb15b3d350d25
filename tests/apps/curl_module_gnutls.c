// build: -shared -fPIC -l:libcurl-gnutls.so.4
/* The same with the other flavour. */
#include "curl_fetch.h"
