// build: -shared -fPIC -lcurl
/* A module that brings libcurl with it, as an extension of an interpreter does. */
#include "curl_fetch.h"
