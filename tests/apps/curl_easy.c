// build: -lcurl -pthread
#include "curl_modes.h"
