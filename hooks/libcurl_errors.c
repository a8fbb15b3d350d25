#include "hooks/libcurl_errors.h"

enum { LAST = 101 };

/* By number, not by the names of the header at hand: the libcurl that the program loads may be another one. CURLE_ of
 * 7.74 to 8.22; where a number has become obsolete, the name it had. */
static const char *const names[LAST + 1] = {
    [1] = "CURLE_UNSUPPORTED_PROTOCOL",
    [2] = "CURLE_FAILED_INIT",
    [3] = "CURLE_URL_MALFORMAT",
    [4] = "CURLE_NOT_BUILT_IN",
    [5] = "CURLE_COULDNT_RESOLVE_PROXY",
    [6] = "CURLE_COULDNT_RESOLVE_HOST",
    [7] = "CURLE_COULDNT_CONNECT",
    [8] = "CURLE_WEIRD_SERVER_REPLY",
    [9] = "CURLE_REMOTE_ACCESS_DENIED",
    [10] = "CURLE_FTP_ACCEPT_FAILED",
    [11] = "CURLE_FTP_WEIRD_PASS_REPLY",
    [12] = "CURLE_FTP_ACCEPT_TIMEOUT",
    [13] = "CURLE_FTP_WEIRD_PASV_REPLY",
    [14] = "CURLE_FTP_WEIRD_227_FORMAT",
    [15] = "CURLE_FTP_CANT_GET_HOST",
    [16] = "CURLE_HTTP2",
    [17] = "CURLE_FTP_COULDNT_SET_TYPE",
    [18] = "CURLE_PARTIAL_FILE",
    [19] = "CURLE_FTP_COULDNT_RETR_FILE",
    [20] = "CURLE_OBSOLETE20",
    [21] = "CURLE_QUOTE_ERROR",
    [22] = "CURLE_HTTP_RETURNED_ERROR",
    [23] = "CURLE_WRITE_ERROR",
    [24] = "CURLE_OBSOLETE24",
    [25] = "CURLE_UPLOAD_FAILED",
    [26] = "CURLE_READ_ERROR",
    [27] = "CURLE_OUT_OF_MEMORY",
    [28] = "CURLE_OPERATION_TIMEDOUT",
    [29] = "CURLE_OBSOLETE29",
    [30] = "CURLE_FTP_PORT_FAILED",
    [31] = "CURLE_FTP_COULDNT_USE_REST",
    [32] = "CURLE_OBSOLETE32",
    [33] = "CURLE_RANGE_ERROR",
    [34] = "CURLE_HTTP_POST_ERROR",
    [35] = "CURLE_SSL_CONNECT_ERROR",
    [36] = "CURLE_BAD_DOWNLOAD_RESUME",
    [37] = "CURLE_FILE_COULDNT_READ_FILE",
    [38] = "CURLE_LDAP_CANNOT_BIND",
    [39] = "CURLE_LDAP_SEARCH_FAILED",
    [40] = "CURLE_OBSOLETE40",
    [41] = "CURLE_FUNCTION_NOT_FOUND",
    [42] = "CURLE_ABORTED_BY_CALLBACK",
    [43] = "CURLE_BAD_FUNCTION_ARGUMENT",
    [44] = "CURLE_OBSOLETE44",
    [45] = "CURLE_INTERFACE_FAILED",
    [46] = "CURLE_OBSOLETE46",
    [47] = "CURLE_TOO_MANY_REDIRECTS",
    [48] = "CURLE_UNKNOWN_OPTION",
    [49] = "CURLE_SETOPT_OPTION_SYNTAX",
    [50] = "CURLE_OBSOLETE50",
    [51] = "CURLE_OBSOLETE51",
    [52] = "CURLE_GOT_NOTHING",
    [53] = "CURLE_SSL_ENGINE_NOTFOUND",
    [54] = "CURLE_SSL_ENGINE_SETFAILED",
    [55] = "CURLE_SEND_ERROR",
    [56] = "CURLE_RECV_ERROR",
    [57] = "CURLE_OBSOLETE57",
    [58] = "CURLE_SSL_CERTPROBLEM",
    [59] = "CURLE_SSL_CIPHER",
    [60] = "CURLE_PEER_FAILED_VERIFICATION",
    [61] = "CURLE_BAD_CONTENT_ENCODING",
    [62] = "CURLE_LDAP_INVALID_URL",
    [63] = "CURLE_FILESIZE_EXCEEDED",
    [64] = "CURLE_USE_SSL_FAILED",
    [65] = "CURLE_SEND_FAIL_REWIND",
    [66] = "CURLE_SSL_ENGINE_INITFAILED",
    [67] = "CURLE_LOGIN_DENIED",
    [68] = "CURLE_TFTP_NOTFOUND",
    [69] = "CURLE_TFTP_PERM",
    [70] = "CURLE_REMOTE_DISK_FULL",
    [71] = "CURLE_TFTP_ILLEGAL",
    [72] = "CURLE_TFTP_UNKNOWNID",
    [73] = "CURLE_REMOTE_FILE_EXISTS",
    [74] = "CURLE_TFTP_NOSUCHUSER",
    [75] = "CURLE_CONV_FAILED",
    [76] = "CURLE_CONV_REQD",
    [77] = "CURLE_SSL_CACERT_BADFILE",
    [78] = "CURLE_REMOTE_FILE_NOT_FOUND",
    [79] = "CURLE_SSH",
    [80] = "CURLE_SSL_SHUTDOWN_FAILED",
    [81] = "CURLE_AGAIN",
    [82] = "CURLE_SSL_CRL_BADFILE",
    [83] = "CURLE_SSL_ISSUER_ERROR",
    [84] = "CURLE_FTP_PRET_FAILED",
    [85] = "CURLE_RTSP_CSEQ_ERROR",
    [86] = "CURLE_RTSP_SESSION_ERROR",
    [87] = "CURLE_FTP_BAD_FILE_LIST",
    [88] = "CURLE_CHUNK_FAILED",
    [89] = "CURLE_NO_CONNECTION_AVAILABLE",
    [90] = "CURLE_SSL_PINNEDPUBKEYNOTMATCH",
    [91] = "CURLE_SSL_INVALIDCERTSTATUS",
    [92] = "CURLE_HTTP2_STREAM",
    [93] = "CURLE_RECURSIVE_API_CALL",
    [94] = "CURLE_AUTH_ERROR",
    [95] = "CURLE_HTTP3",
    [96] = "CURLE_QUIC_CONNECT_ERROR",
    [97] = "CURLE_PROXY",
    [98] = "CURLE_SSL_CLIENTCERT",
    [99] = "CURLE_UNRECOVERABLE_POLL",
    [100] = "CURLE_TOO_LARGE",
    [101] = "CURLE_ECH_REQUIRED",
};

struct oi_text oi_curl_error_name(int code, char number[static 16])
{
    static const char prefix[] = "CURLE_";
    if (code > 0 && code <= LAST)
        return oi_text_from(names[code]);
    char digits[10];
    size_t count = 0;
    unsigned rest = code < 0 ? 0 : (unsigned)code;
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0 && count < sizeof digits);
    memcpy(number, prefix, sizeof prefix - 1);
    size_t length = sizeof prefix - 1;
    while (count > 0 && length < 16)
        number[length++] = digits[--count];
    return oi_text_of(number, length);
}
