// build: -l:libcurl-gnutls.so.4 -pthread
#include "curl_modes.h"
