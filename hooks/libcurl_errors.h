/* The names of CURLcode's values, for error.type. */
#ifndef OI_HOOKS_LIBCURL_ERRORS_H
#define OI_HOOKS_LIBCURL_ERRORS_H

#include "agent/text.h"

/* `CURLE_COULDNT_CONNECT` for 7. A number without a name (a libcurl newer than 8.22) is written into `number`, as
 * `CURLE_102`. */
struct oi_text oi_curl_error_name(int code, char number[static 16]);

#endif
