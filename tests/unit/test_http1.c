
#include "tests/unit/http1_text.h"
#include "tests/unit/run.h"

#define REQUESTS OI_HTTP1_REQUESTS
#define ANSWERS OI_HTTP1_ANSWERS

struct message {
    enum oi_http1_side side;
    enum oi_http1_method answers;
    const char *bytes;
    size_t len;
    const char *events;
};

#define BYTES(literal) "" literal, sizeof(literal) - 1
#define REQUEST(bytes, events)                                                                                         \
    {                                                                                                                  \
        REQUESTS, 0, BYTES(bytes), events                                                                              \
    }
#define ANSWER(bytes, events)                                                                                          \
    {                                                                                                                  \
        ANSWERS, 0, BYTES(bytes), events                                                                               \
    }
#define ANSWER_TO(method, bytes, events)                                                                               \
    {                                                                                                                  \
        ANSWERS, OI_HTTP1_METHOD_##method, BYTES(bytes), events                                                        \
    }

static const struct message messages[] = {
    /* Lines and headers. */
    REQUEST("GET / HTTP/1.1\r\n\r\n", "@0 GET / 1.1 head 16-18 no body keep end 18 body 0\n closed"),
    REQUEST("GET / HTTP/1.0\r\n\r\n", "@0 GET / 1.0 head 16-18 no body end 18 body 0\n closed"),
    REQUEST("GET / HTTP/1.7\r\n\r\n", "@0 GET / 1.1 head 16-18 no body keep end 18 body 0\n closed"),
    REQUEST("GET /a%20b?c=d HTTP/1.1\nHost: h\n\n",
            "@0 GET /a%20b?c=d 1.1 {Host: h} head 32-33 no body keep end 33 body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nHost: h\n\r\n", "@0 GET / 1.1 {Host: h} head 24-26 no body keep end 26 body 0\n closed"),
    REQUEST("get /\xc3\xa4 HTTP/1.1\r\nhOST:h\r\nX-\xe4:\t v w \t\r\nEmpty:\r\nBlank: \t \r\n\r\n",
            "@0 get /\xc3\xa4 1.1 {hOST: h} {X-\xe4: v w} {Empty: } {Blank: } head 58-60 no body keep end 60 body 0\n "
            "closed"),
    REQUEST("!#$%&'*+-.^_`|~09azAZ /x HTTP/1.1\r\n\r\n",
            "@0 !#$%&'*+-.^_`|~09azAZ /x 1.1 head 35-37 no body keep end 37 body 0\n closed"),
    REQUEST("GET http://h:1/x HTTP/1.1\r\n\r\n",
            "@0 GET http://h:1/x 1.1 head 27-29 no body keep end 29 body 0\n closed"),
    REQUEST("GET coap+tcp-x.1://h HTTP/1.1\r\n\r\n",
            "@0 GET coap+tcp-x.1://h 1.1 head 31-33 no body keep end 33 body 0\n closed"),
    REQUEST("OPTIONS * HTTP/1.1\r\n\r\n", "@0 OPTIONS * 1.1 head 20-22 no body keep end 22 body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nA: b\r\n  c\r\n\t\r\n d\r\nE:\r\n f\r\n\r\n",
            "@0 GET / 1.1 {A: b c  d} {E: f} head 42-44 no body keep end 44 body 0\n closed"),
    REQUEST("\r\n\nGET / HTTP/1.1\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n",
            "@3 GET / 1.1 head 19-21 no body keep end 21 body 0\n@23 GET / 1.1 head 39-41 no body keep end 41 body 0\n "
            "closed"),
    REQUEST("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "@4 GET / 1.1 head 20-22 no body keep end 22 body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nX-Name-That-Is-Longer-Than-Any-That-Somebody-Would-Ever-Want-To-Capture: v\r\nHost: "
            "h\r\n\r\n",
            "@0 GET / 1.1 {Host: h} head 101-103 no body keep end 103 body 0\n closed"),
    REQUEST(
        "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: 9\r\n\r\n",
        "@0 GET / 1.1 {A: 1} {B: 2} {C: 3} {D: 4} {E: 5} {F: 6} {G: 7} {H: 8} {I: 9} head 70-72 no body keep end 72 "
        "body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nX-Y : v\r\n\r\n",
            "@0 GET / 1.1 {X-Y: v} head 25-27 no body keep end 27 body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nConnection: a, CLOSE ,b\r\n\r\n",
            "@0 GET / 1.1 {Connection: a, CLOSE ,b} head 41-43 no body end 43 body 0\n closed"),
    REQUEST("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "@0 GET / 1.0 {Connection: Keep-Alive} head 40-42 no body keep end 42 body 0\n closed"),
    REQUEST("GET / HTTP/1.0\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            "@0 GET / 1.0 head 16-18 no body end 18 body 0\n closed"),
    ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
           "@0 1.1 200 {Content-Length: 0} head 36-38 no body 0 keep end 38 body 0\n closed"),
    ANSWER("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
           "@0 1.1 404 {Content-Length: 0} head 33-35 no body 0 keep end 35 body 0\n closed"),
    ANSWER("HTTP/1.0 500 \ncontent-length:3\n\nabc",
           "@0 1.0 500 {content-length: 3} head 31-32 length 3 end 35 body 3\n closed"),
    ANSWER("HTTP/1.1 299 \xc3\xa4\tb\r\nContent-Length: 0\r\n\r\n",
           "@0 1.1 299 {Content-Length: 0} head 38-40 no body 0 keep end 40 body 0\n closed"),

    /* Where messages end. */
    REQUEST("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /POST /b HTTP/1.1\r\ncontent-length: 2\r\n\r\nxx",
            "@0 POST /a 1.1 {Content-Length: 5} head 37-39 length 5 keep end 44 body 5\n"
            "@44 POST /b 1.1 {content-length: 2} head 81-83 length 2 keep end 85 body 2\n closed"),
    REQUEST(
        "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nHEAD /c HTTP/1.1\r\n\r\n",
        "@0 GET /a 1.1 head 17-19 no body keep end 19 body 0\n@19 GET /b 1.1 head 36-38 no body keep end 38 body 0\n"
        "@38 HEAD /c 1.1 head 56-58 no body keep end 58 body 0\n closed"),
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
            "0000C \t;a=\"b;c\";d\r\n0\r\n\r\nGET / H\r\n2\r\nxx\r\n0\r\nTrailer: 1\r\n  2\r\nContent-Length: 9\r\nX: "
            "GET / HTTP/1.1\r\n\r\n"
            "GET / HTTP/1.1\r\n\r\n",
            "@0 POST / 1.1 {Transfer-Encoding: Chunked} head 45-47 chunked keep end 147 body 14\n"
            "@147 GET / 1.1 head 163-165 no body keep end 165 body 0\n closed"),
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\ntransfer-encoding: , chunked,\r\n\r\n0\r\n\r\n",
            "@0 POST / 1.1 {Transfer-Encoding: gzip} {transfer-encoding: , chunked,} head 73-75 chunked keep end 80 "
            "body 0\n closed"),
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nab",
            "@0 POST / 1.1 {Content-Length: 2} {Content-Length: 2, 2} head 58-60 length 2 keep end 62 body 2\n closed"),
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n0123456789abcde\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "@0 POST / 1.1 {Transfer-Encoding: chunked} head 45-47 chunked keep end 87 body 25\n closed"),
    ANSWER("HTTP/1.1 200 OK\r\n\r\nto the\r\n\r\nHTTP/1.1 200 end",
           "@0 1.1 200 head 17-19 to close end 45 body 26\n closed"),
    ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxyz",
           "@0 1.1 200 {Transfer-Encoding: gzip} head 42-44 to close end 47 body 3\n closed"),
    ANSWER("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nxyz",
           "@0 1.0 200 {Connection: keep-alive} head 41-43 to close end 46 body 3\n closed"),
    ANSWER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 204 "
           "No\r\nContent-Length: 7\r\n\r\n"
           "HTTP/1.1 304 No\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 "
           "OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nz",
           "@0 1.1 200 {Transfer-Encoding: chunked} head 45-47 chunked keep end 60 body 3\n"
           "@60 1.1 204 {Content-Length: 7} head 96-98 no body 7 keep end 98 body 0\n"
           "@98 1.1 304 {Content-Length: 7} {Transfer-Encoding: chunked} head 162-164 no body 7 keep end 164 body 0\n"
           "@164 1.1 200 {Content-Length: 1} {Connection: close} head 219-221 length 1 end 222 body 1\n closed"),
    ANSWER("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
           "1\r\n\r\nx",
           "@0 1.1 103 {Link: </x>} head 38-40 no body keep interim\n@40 1.1 100 head 54-56 no body keep interim\n"
           "@56 1.1 200 {Content-Length: 1} head 92-94 length 1 keep end 95 body 1\n closed"),
    ANSWER_TO(HEAD, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHTTP/1.1 404 No\r\n\r\n",
              "@0 1.1 100 head 16-18 no body keep interim\n"
              "@18 1.1 200 {Content-Length: 10} head 55-57 no body 10 keep end 57 body 0\n"
              "@57 1.1 404 head 74-76 no body keep end 76 body 0\n closed"),
    ANSWER_TO(CONNECT,
              "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\x16\x03",
              "@0 1.1 407 {Content-Length: 1} head 36-38 length 1 keep end 39 body 1\n"
              "@39 1.1 200 {Content-Length: 1} head 75-77 tunnel 1 end 77 body 0 tunnel\n tunnelled"),
    ANSWER("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
           "@0 1.1 101 {Upgrade: websocket} head 44-46 tunnel upgrade end 46 body 0 tunnel\n tunnelled"),

    /* What waits. */
    REQUEST("CONNECT h:443 HTTP/1.1\r\n\r\n", "@0 CONNECT h:443 1.1 head 24-26 no body keep end 26 body 0\n closed"),
    REQUEST("CONNECT [::1]:443 HTTP/1.1\r\n\r\n\x16\x03\x01",
            "@0 CONNECT [::1]:443 1.1 head 28-30 no body keep end 30 body 0\n uncertain"),
    REQUEST(
        "GET /c HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "@0 GET /c 1.1 {Connection: upgrade} {Upgrade: h2c} head 52-54 no body keep upgrade end 54 body 0\n uncertain"),
    REQUEST("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            "@0 PUT / 1.1 {Expect: 100-Continue} {Content-Length: 1} head 57-59 length 1 keep continue end 60 body 1\n "
            "closed"),
    REQUEST("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            "@0 PUT / 1.0 {Expect: 100-continue} {Content-Length: 1} head 57-59 length 1 end 60 body 1\n closed"),
    REQUEST("GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
            "@0 GET / 1.1 {Expect: 100-continue} head 38-40 no body keep end 40 body 0\n closed"),

    /* Preambles. */
    REQUEST("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n\r\n",
            "proxy 192.0.2.1 56324\n@42 GET / 1.1 head 58-60 no body keep end 60 body 0\n closed"),
    REQUEST("PROXY TCP6 2001:DB8::1 ::1 65535 1\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
            "proxy 2001:DB8::1 65535\n@38 POST / 1.1 head 55-57 no body keep end 57 body 0\n closed"),
    REQUEST("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n",
            "proxy  0\n@15 GET / 1.1 head 31-33 no body keep end 33 body 0\n closed"),
    REQUEST("PROXY UNKNOWN a b c 1\r\nGET / HTTP/1.1\r\n\r\n",
            "proxy  0\n@23 GET / 1.1 head 39-41 no body keep end 41 body 0\n closed"),
    REQUEST("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\x7f\0\0\1\x0a\0\0\2\xdd\xd5\0\x50xyzGET / HTTP/1.1\r\n\r\n",
            "proxy 7f000001 56789\n@31 GET / 1.1 head 47-49 no body keep end 49 body 0\n closed"),
    REQUEST("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
            "0123456789abcdef"
            "0123456789abcdef"
            "\1\2\0\x50GET / HTTP/1.1\r\n\r\n",
            "proxy 30313233343536373839616263646566 258\n@52 GET / 1.1 head 68-70 no body keep end 70 body 0\n closed"),
    REQUEST("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.1\r\n\r\n",
            "proxy  0\n@16 GET / 1.1 head 32-34 no body keep end 34 body 0\n closed"),
    REQUEST("\r\n\r\n\0\r\nQUIT\n\x21\x31\0\4unixGET / HTTP/1.1\r\n\r\n",
            "proxy  0\n@20 GET / 1.1 head 36-38 no body keep end 38 body 0\n closed"),
    REQUEST("PROPFIND / HTTP/1.1\r\n\r\n", "@0 PROPFIND / 1.1 head 21-23 no body keep end 23 body 0\n closed"),
    REQUEST("PROXYX / HTTP/1.1\r\n\r\n", "@0 PROXYX / 1.1 head 19-21 no body keep end 21 body 0\n closed"),
    REQUEST("PUT / HTTP/1.1\r\n\r\n", "@0 PUT / 1.1 head 16-18 no body keep end 18 body 0\n closed"),
    REQUEST("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("PROXY TCP4 192.0.2.1 192.0.2.2\r\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("PROXY TCP4 localhost 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("PROXY TCP4  192.0.2.2 1 2 3\r\n", " not http"),
    REQUEST("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", " not http"),
    REQUEST("PROXY UNKNOWN "
            ".........................................................................................................."
            "..............\r\n",
            " not http"),
    REQUEST("\r\n\r\n\0\r\nQUIX", " not http"),
    REQUEST("\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0", " not http"),
    REQUEST("PROXY TCP4 192", " cut"),
};

/* What is no HTTP/1, or not to be counted. */
static const struct message refused[] = {
    REQUEST("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", " not http"),
    REQUEST("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "@0 SSH-2.0-OpenSSH_9.2p1 not http"),
    REQUEST("*1\r\n$4\r\nPING\r\n", "@0 not http"),
    REQUEST("GET key\r\n", "@0 GET not http"),
    REQUEST("SET /key HTTP\r\n", "@0 SET /key not http"),
    REQUEST("EHLO mail.example.com\r\n", "@0 EHLO not http"),
    REQUEST("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "@0 PRI * not http"),
    REQUEST("OPTIONS rtsp://h/x RTSP/1.0\r\n\r\n", "@0 OPTIONS rtsp://h/x not http"),
    REQUEST("INVITE sip:bob@h SIP/2.0\r\n\r\n", "@0 INVITE not http"),
    REQUEST("GET /\r\n", "@0 GET not http"),
    REQUEST("GET / HTTP/1.1 \r\n\r\n", "@0 GET / not http"),
    REQUEST("GET / HTTP/1.1x\nHost: h\r\n\r\n", "@0 GET / not http"),
    REQUEST("GET foo HTTP/1.1\r\n\r\n", "@0 GET not http"),
    REQUEST("PROXY /x HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("A-METHOD-OF-SIXTY-FIVE-LETTERS-WHICH-IS-ONE-MORE-THAN-THE-LONGEST /x HTTP/1.1\r\n\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 099 X\r\n\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 2000 OK\r\n\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 200 a\x01\nA: b\r\n\r\n", "@0 not http"),
    REQUEST("GET / HTTP/1.1\r\nX\x7fY: a value of some length\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\nA: a value with a \x01 in it, and more\r\n\r\n", "@0 GET / 1.1 {A malformed"),
    REQUEST("GET  / HTTP/1.1\r\n\r\n", "@0 GET not http"),
    REQUEST("GET /  HTTP/1.1\r\n\r\n", "@0 GET / not http"),
    REQUEST("GET /a b HTTP/1.1\r\n\r\n", "@0 GET /a not http"),
    REQUEST("GET / HTTP/1.\r\n\r\n", "@0 GET / not http"),
    REQUEST("GET / HTTP/1.10\r\n\r\n", "@0 GET / not http"),
    REQUEST("GET / http/1.1\r\n\r\n", "@0 GET / not http"),
    REQUEST("GET / HTTP/1.1\r\r\n", "@0 GET / not http"),
    REQUEST("GET a-scheme-that-is-longer://x HTTP/1.1\r\n", "@0 GET not http"),
    REQUEST("GET http:/x HTTP/1.1\r\n", "@0 GET not http"),
    REQUEST("OPTIONS ** HTTP/1.1\r\n", "@0 OPTIONS not http"),
    REQUEST("GET\t/ HTTP/1.1\r\n", "@0 not http"),
    REQUEST("(GET) / HTTP/1.1\r\n", " not http"),
    REQUEST("\n\n\n\n\n\n\n\n\nGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("\rGET / HTTP/1.1\r\n\r\n", " not http"),
    REQUEST("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n", "@0 not http"),
    REQUEST("GET / HTTP/1.1\r\n A: folded\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\nno colon\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\nno-colon\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\n: v\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n", "@0 GET / 1.1 {A malformed"),
    REQUEST("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", "@0 GET / 1.1 {A malformed"),
    REQUEST("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\n\rA: b\r\n\r\n", "@0 GET / 1.1 malformed"),
    REQUEST("GET / HTTP/1.1\r\nA: b\r\n\rB: c\r\n\r\n", "@0 GET / 1.1 {A: b} malformed"),
    REQUEST("GET / HTTP/1.0\r\n\r\nGET", "@0 GET / 1.0 head 16-18 no body end 18 body 0\n closed"),
    REQUEST("GET / HTTP/1.1\r\nHost:", "@0 GET / 1.1 {Host cut"),
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nxx",
            "@0 POST / 1.1 {Content-Length: 3} head 36-38 length 3 keep cut"),
    ANSWER("HTTP/1.1 20 OK\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 2000 OK\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 099 OK\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 2OO OK\r\n", "@0 not http"),
    ANSWER("HTTP/1.1  200 OK\r\n", "@0 not http"),
    ANSWER("HTTP/2 200\r\n", "@0 not http"),
    ANSWER("HTTP/1.1 200 O\0K\r\n", "@0 not http"),
    ANSWER("ICY 200 OK\r\n", " not http"),
    ANSWER("<html>", " not http"),
    ANSWER("\r\nHTTP/1.1 200 OK\r\n", " not http"),
    ANSWER("HTTP/1.1 204 No\r\n\r\nbody", "@0 1.1 204 head 17-19 no body keep end 19 body 0\n not http"),
};

#define UNFRAMED_REQUEST(headers) REQUEST("POST / HTTP/1.1\r\n" headers "\r\n\r\n0\r\n\r\n", NULL)
#define UNFRAMED_ANSWER(headers) ANSWER("HTTP/1.1 200 OK\r\n" headers "\r\n\r\n0\r\n\r\n", NULL)

/* Heads that two receivers may take for different messages. */
static const struct message unframed[] = {
    UNFRAMED_REQUEST("Content-Length: 5\r\nTransfer-Encoding: chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked\r\nContent-Length: 5"),
    UNFRAMED_REQUEST("Content-Length: 5\r\nContent-Length: 6"),
    UNFRAMED_REQUEST("Content-Length: 5, 6"),
    UNFRAMED_REQUEST("Content-Length: 5,"),
    UNFRAMED_REQUEST("Content-Length: ,5"),
    UNFRAMED_REQUEST("Content-Length:"),
    UNFRAMED_REQUEST("Content-Length: +5"),
    UNFRAMED_REQUEST("Content-Length: -5"),
    UNFRAMED_REQUEST("Content-Length: 0x5"),
    UNFRAMED_REQUEST("Content-Length: 5 5"),
    UNFRAMED_REQUEST("Content-Length: 5;"),
    UNFRAMED_REQUEST("Content-Length: 5.0"),
    UNFRAMED_REQUEST("Content-Length : 5"),
    UNFRAMED_REQUEST("Content-Length\t: 5"),
    UNFRAMED_REQUEST("Content-Length:\r\n 5"),
    UNFRAMED_REQUEST("Content-Length: 5\r\n 5"),
    UNFRAMED_REQUEST("Content-Length: 9223372036854775808"),
    UNFRAMED_REQUEST("Content-Length: 18446744073709551621"),
    UNFRAMED_REQUEST("Content-Length: 99999999999999999999999999999999999"),
    UNFRAMED_REQUEST("Transfer-Encoding:"),
    UNFRAMED_REQUEST("Transfer-Encoding: ,"),
    UNFRAMED_REQUEST("Transfer-Encoding: gzip"),
    UNFRAMED_REQUEST("Transfer-Encoding: identity"),
    UNFRAMED_REQUEST("Transfer-Encoding: xchunked"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked;q=1"),
    UNFRAMED_REQUEST("Transfer-Encoding: \"chunked\""),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked, chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked, gzip"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked, identity"),
    UNFRAMED_REQUEST("Transfer-Encoding: identity, chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding : chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding:\r\n chunked"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked\r\n gzip"),
    UNFRAMED_REQUEST("Transfer-Encoding: chunked                                                           x "),
    UNFRAMED_ANSWER("Content-Length: 5\r\nTransfer-Encoding: chunked"),
    UNFRAMED_ANSWER("Content-Length: 5, 6"),
    UNFRAMED_ANSWER("Content-Length: x"),
    UNFRAMED_ANSWER("Transfer-Encoding: identity"),
    UNFRAMED_ANSWER("Transfer-Encoding: chunked, gzip"),
    REQUEST("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL),
    REQUEST("CONNECT h:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", NULL),
    REQUEST("CONNECT h:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL),
    ANSWER("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL),
};

static const char *const chunks[] = {
    "\r\n",
    ";a\r\n",
    "x\r\n",
    "-1\r\n",
    "0x1\r\na\r\n",
    "1\na\r\n",
    "1\r\nab\r\n",
    "1\r\na\n",
    "1\r\na\r\r",
    "1 1\r\na\r\n",
    "1;a\nb\r\na\r\n",
    "1;\0",
    "8000000000000000\r\n",
    "FFFFFFFFFFFFFFFF\r\n",
    "10000000000000000\r\n",
    "00000000000000001\r\na\r\n",
    " 1\r\na\r\n",
    "1\r\na0\r\n\r\n",
    "0\r\nA\r\n\r\n",
    "0\r\n A: b\r\n\r\n",
    "0\r\n\rx",
};

static struct http1_text whole, cut;

static void same(const struct http1_text *text, const char *expected, const char *how, size_t at)
{
    ck_assert_msg(strcmp(text->text, expected) == 0, "%s %zu:\n%s\ninstead of\n%s", how, at, text->text, expected);
}

static void give_guarded(struct http1_text *text, const char *bytes, size_t len)
{
    http1_give(text, guarded(bytes, len), len);
}

static void give_in_pieces(const struct message *message, const struct oi_http1_wanted *only, bool told, size_t size)
{
    http1_start(&cut, message->side, message->answers);
    cut.only = only;
    cut.told = told;
    for (size_t at = 0; at < message->len; at += size)
        give_guarded(&cut, message->bytes + at, message->len - at < size ? message->len - at : size);
    http1_end(&cut);
}

/* Who names the headers that are wanted is told the same of them, and of all else, as who picks them himself. */
static void every_way_wanted(const struct message *message)
{
    static const struct oi_http1_wanted sets[] = {
        {0xffff, UINT64_MAX, false}, /* all */
        {0xffff, UINT64_MAX, true},
        {0, 0, false}, /* none */
        {0, 0, true},
        {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONTENT_LENGTH, UINT64_C(1) << 3 | 1 << 5, false}, /* some */
        {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONTENT_LENGTH, UINT64_C(1) << 3 | 1 << 5, true},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        http1_start(&whole, message->side, message->answers);
        whole.only = &sets[i];
        for (size_t at = 0; at < message->len; at++)
            give_guarded(&whole, message->bytes + at, 1);
        http1_end(&whole);
        for (size_t at = 1; at <= message->len; at++) {
            http1_start(&cut, message->side, message->answers);
            cut.only = &sets[i];
            cut.told = true;
            give_guarded(&cut, message->bytes, at);
            give_guarded(&cut, message->bytes + at, message->len - at);
            http1_end(&cut);
            same(&cut, whole.text, "wanted, cut at", at);
        }
        for (size_t size = 1; size <= 3; size += 2) {
            give_in_pieces(message, &sets[i], true, size);
            same(&cut, whole.text, "wanted, pieces of", size);
        }
    }
}

/* Whole, cut in two at every place, in single bytes, and in pieces of three. */
static void every_way(const struct message *message, const char *expected)
{
    http1_start(&whole, message->side, message->answers);
    give_guarded(&whole, message->bytes, message->len);
    http1_end(&whole);
    if (expected)
        same(&whole, expected, "whole", 0);
    for (size_t at = 1; at < message->len; at++) {
        http1_start(&cut, message->side, message->answers);
        give_guarded(&cut, message->bytes, at);
        give_guarded(&cut, message->bytes + at, message->len - at);
        http1_end(&cut);
        same(&cut, whole.text, "cut at", at);
    }
    for (size_t size = 1; size <= 3; size += 2) {
        give_in_pieces(message, NULL, false, size);
        same(&cut, whole.text, "pieces of", size);
    }
    every_way_wanted(message);
    http1_start(&whole, message->side, message->answers);
    give_guarded(&whole, message->bytes, message->len);
    http1_end(&whole);
}

START_TEST(messages_are_read_however_they_are_cut)
{
    every_way(&messages[_i], messages[_i].events);
}
END_TEST

START_TEST(what_is_no_http_is_refused_however_it_is_cut)
{
    every_way(&refused[_i], refused[_i].events);
}
END_TEST

START_TEST(an_uncertain_end_is_said_to_be_one)
{
    every_way(&unframed[_i], NULL);
    ck_assert_msg(strstr(whole.text, " unframed") && strstr(whole.text, " uncertain") && !strstr(whole.text, " end"),
                  "%s", whole.text);
}
END_TEST

START_TEST(bad_chunks_are_refused)
{
    char bytes[256];
    int len = snprintf(bytes, sizeof bytes, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunks[_i]);
    len += chunks[_i][strlen(chunks[_i]) - 1] == ';'; /* the NUL, too */
    struct message message = {REQUESTS, 0, bytes, (size_t)len, NULL};
    every_way(&message, NULL);
    ck_assert_msg(strstr(whole.text, " malformed") && !strstr(whole.text, " end"), "%s", whole.text);
}
END_TEST

/* Another message follows each of those that leave the connection open. */
START_TEST(neighbours_do_not_disturb)
{
    const struct message *message = &messages[_i];
    static const char next[] = "\r\nGET /next HTTP/1.1\r\n\r\n";
    bool request = message->side == REQUESTS, open = strstr(message->events, " keep end") != NULL;
    if (!request || !open || strstr(message->events, "uncertain") || strstr(message->events, "CONNECT"))
        return;
    char *bytes = malloc(message->len + sizeof next), expected[4096];
    memcpy(bytes, message->bytes, message->len);
    memcpy(bytes + message->len, next, sizeof next - 1);
    size_t at = message->len + 2;
    snprintf(expected, sizeof expected, "%.*s@%zu GET /next 1.1 head %zu-%zu no body keep end %zu body 0\n closed",
             (int)(strlen(message->events) - strlen(" closed")), message->events, at, at + 20, at + 22, at + 22);
    struct message both = {REQUESTS, 0, bytes, message->len + sizeof next - 1, NULL};
    every_way(&both, expected);
    free(bytes);
}
END_TEST

static const struct {
    const char *name;
    enum oi_http1_header header;
} known[] = {
    {"Host", OI_HTTP1_HOST},
    {"Connection", OI_HTTP1_CONNECTION},
    {"Content-Length", OI_HTTP1_CONTENT_LENGTH},
    {"Transfer-Encoding", OI_HTTP1_TRANSFER_ENCODING},
    {"Upgrade", OI_HTTP1_UPGRADE},
    {"Expect", OI_HTTP1_EXPECT},
    {"Content-Type", OI_HTTP1_CONTENT_TYPE},
    {"User-Agent", OI_HTTP1_USER_AGENT},
    {"Forwarded", OI_HTTP1_FORWARDED},
    {"X-Forwarded-For", OI_HTTP1_X_FORWARDED_FOR},
    {"X-Forwarded-Host", OI_HTTP1_X_FORWARDED_HOST},
    {"X-Forwarded-Proto", OI_HTTP1_X_FORWARDED_PROTO},
    {"X-Forwarded-Port", OI_HTTP1_X_FORWARDED_PORT},
};

static enum oi_http1_header header_named(const char *name, size_t len)
{
    static const struct oi_http1_wanted all = {0xffff, UINT64_MAX, false};
    struct oi_http1 state;
    struct oi_http1_event event;
    char bytes[128];
    size_t total = (size_t)snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%.*s: 1\r\n\r\n", (int)len, name);
    const char *at = guarded(bytes, total);
    oi_http1_init(&state, REQUESTS);
    do {
        size_t used = oi_http1_next_wanted(&state, &all, at, total, &event);
        at += used;
        total -= used;
    } while (event.kind != OI_HTTP1_FIELD);
    ck_assert_uint_eq(event.len, len);
    return (enum oi_http1_header)event.header;
}

START_TEST(a_name_is_known_in_any_case_and_only_whole)
{
    char name[32];
    size_t len = strlen(known[_i].name);
    memcpy(name, known[_i].name, len);
    ck_assert_int_eq(header_named(name, len), known[_i].header);
    for (size_t at = 0; at < len; at++) {
        bool letter = name[at] != '-';
        name[at] = (char)(name[at] ^ (letter ? 0x20 : 0));
        ck_assert_int_eq(header_named(name, len), known[_i].header);
        for (int bit = 0; bit < 8; bit++) {
            char before = name[at], other = (char)(before ^ 1 << bit);
            if ((unsigned char)other <= ' ' || other == ':' || other == 0x7f || (bit == 5 && letter))
                continue;
            name[at] = other;
            ck_assert_int_eq(header_named(name, len), OI_HTTP1_OTHER_HEADER);
            name[at] = before;
        }
    }
    ck_assert_int_eq(header_named(name, len - 1), OI_HTTP1_OTHER_HEADER);
}
END_TEST

START_TEST(lines_longer_than_any_buffer)
{
    enum { PATH = 100000 };
    static char bytes[PATH + 64], expected[PATH + 128];
    memcpy(bytes, "GET /", 5);
    memset(bytes + 5, 'x', PATH);
    int tail = snprintf(bytes + 5 + PATH, 64, " HTTP/1.1\r\nHost: h\r\n\r\n");
    snprintf(expected, sizeof expected, "@0 %.*s 1.1 {Host: h} head %d-%d no body keep end %d body 0\n closed",
             5 + PATH, bytes, 5 + PATH + tail - 2, 5 + PATH + tail, 5 + PATH + tail);
    size_t len = 5 + (size_t)PATH + (size_t)tail, sizes[] = {len, 4096, 1460, 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        http1_start(&cut, REQUESTS, 0);
        for (size_t at = 0; at < len; at += sizes[i])
            give_guarded(&cut, bytes + at, len - at < sizes[i] ? len - at : sizes[i]);
        http1_end(&cut);
        same(&cut, expected, "pieces of", sizes[i]);
    }
}
END_TEST

START_TEST(a_header_behind_64_kib_of_others_is_seen)
{
    enum { OTHERS = 64 * 1024 };
    static char bytes[OTHERS + 512];
    size_t len = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\n");
    while (len < OTHERS)
        len += (size_t)sprintf(bytes + len, "X-Cookie-%zu: %0100zu\r\n", len, len);
    len += (size_t)sprintf(bytes + len, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    size_t place = len;
    len += (size_t)sprintf(bytes + len, "\r\n");
    char expected[256];
    snprintf(expected, sizeof expected,
             " {traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01} head %zu-%zu no body keep end "
             "%zu body 0\n",
             place, len, len);
    for (size_t size = len; size > 100; size /= 9) {
        http1_start(&cut, REQUESTS, 0);
        for (size_t at = 0; at < len; at += size)
            give_guarded(&cut, bytes + at, len - at < size ? len - at : size);
        ck_assert_msg(strstr(cut.text, expected) != NULL, "pieces of %zu", size);
    }
}
END_TEST

START_TEST(a_thousand_requests_and_their_answers)
{
    struct http1_text *t = &cut;
    static const char request[] = "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    http1_start(t, REQUESTS, 0);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_uint_eq(t->state.message, i);
        t->len = 0;
        http1_give(t, request, sizeof request - 1);
        ck_assert(!oi_http1_inside(&t->state));
    }
    ck_assert_uint_eq(t->state.offset, 1000 * (sizeof request - 1));
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    http1_start(t, ANSWERS, 0);
    for (unsigned i = 0; i < 1000; i++) {
        t->len = 0;
        http1_give(t, answer, sizeof answer - 1);
    }
    ck_assert_uint_eq(t->state.message, 1000);
    ck_assert(!t->over);
}
END_TEST

/* sendfile and splice: the kernel says how many, nobody sees which. */
START_TEST(bodies_may_pass_unseen)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab";
    http1_start(&cut, ANSWERS, 0);
    http1_give(&cut, head, sizeof head - 1);
    http1_give(&cut, NULL, 999900);
    ck_assert(oi_http1_inside(&cut.state));
    http1_give(&cut, NULL, 98);
    ck_assert(!oi_http1_inside(&cut.state));
    http1_give(&cut, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n", 51);
    http1_give(&cut, NULL, 16);
    http1_give(&cut, "\r\n0\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", 26);
    http1_give(&cut, NULL, 12345);
    http1_end(&cut);
    same(&cut,
         "@0 1.1 200 {Content-Length: 1000000} head 42-44 length 1000000 keep end 1000044 body 1000000\n"
         "@1000044 1.1 200 {Transfer-Encoding: chunked} head 1000089-1000091 chunked keep end 1000118 body 16\n"
         "@1000118 1.0 200 head 1000135-1000137 to close end 1012482 body 12345\n closed",
         "unseen", 0);
}
END_TEST

static const struct message unseen[] = {
    REQUEST("", " unseen"),
    REQUEST("GET / HT", "@0 GET / unseen"),
    REQUEST("GET / HTTP/1.1\r\nA: b", "@0 GET / 1.1 {A unseen"),
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n",
            "@0 POST / 1.1 {Content-Length: 7} head 36-38 length 7 keep end 45 body 7\n unseen"),
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n",
            "@0 POST / 1.1 {Transfer-Encoding: chunked} head 45-47 chunked keep unseen"),
    REQUEST("GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            "@0 GET / 1.1 {Connection: close} head 35-37 no body end 37 body 0\n unseen"),
};

START_TEST(elsewhere_they_may_not)
{
    http1_start(&cut, unseen[_i].side, 0);
    give_guarded(&cut, unseen[_i].bytes, unseen[_i].len);
    http1_give(&cut, NULL, 8);
    same(&cut, unseen[_i].events, "unseen", 0);
    http1_give(&cut, "GET / HTTP/1.1\r\n\r\n", 18);
    http1_give(&cut, NULL, 8);
    http1_end(&cut);
    same(&cut, unseen[_i].events, "nothing after it", 0);
}
END_TEST

/* --- what the answers say of the requests
 * ------------------------------------------------------------------------------ */

/* The requests' side is told what an answer says, as a caller would: both sides are parsed. */
struct told {
    const char *request, *answer, *more, *events; /* of the requests */
};

#define UPGRADE "GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
#define UPGRADE_EVENTS                                                                                                 \
    "@0 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 58-60 no body keep upgrade end 60 body 0\n"
#define EXPECT "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
#define EXPECT_EVENTS "@0 PUT / 1.1 {Expect: 100-continue} {Content-Length: 3} head 57-59 length 3 keep continue"
#define NEXT "GET /n HTTP/1.1\r\n\r\n"

static const struct told told[] = {
    {"CONNECT h:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x01" NEXT,
     "@0 CONNECT h:1 1.1 head 22-24 no body keep end 24 body 0\n tunnelled"},
    {"CONNECT h:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", NEXT,
     "@0 CONNECT h:1 1.1 head 22-24 no body keep end 24 body 0\n@24 GET /n 1.1 head 41-43 no body keep end 43 body 0\n "
     "closed"},
    {UPGRADE, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n", "\x81\x01x", UPGRADE_EVENTS " tunnelled"},
    {UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NEXT,
     UPGRADE_EVENTS "@60 GET /n 1.1 head 77-79 no body keep end 79 body 0\n closed"},
    {UPGRADE, "HTTP/1.1 103 Hints\r\n\r\n", NEXT, UPGRADE_EVENTS " uncertain"},
    {UPGRADE, "", NEXT, UPGRADE_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 100 Continue\r\n\r\n", "abc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    {EXPECT, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n", "abc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    {EXPECT, "HTTP/1.1 102 P\r\n\r\n", "abc", EXPECT_EVENTS " end 62 body 3\n closed"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", NEXT, EXPECT_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", "abc", EXPECT_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", "", EXPECT_EVENTS " cut"},
    {EXPECT "a", "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", "bc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    /* An early answer, no expectation: the body is counted on. */
    {"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", "abc" NEXT,
     "@0 PUT / 1.1 {Content-Length: 3} head 35-37 length 3 keep end 40 body 3\n"
     "@40 GET /n 1.1 head 57-59 no body keep end 59 body 0\n closed"},
    /* An upgrade that is decided before its body has come. */
    {"PUT / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "abc" NEXT,
     "@0 PUT / 1.1 {Upgrade: x} {Content-Length: 3} head 47-49 length 3 keep upgrade end 52 body 3\n"
     "@52 GET /n 1.1 head 69-71 no body keep end 71 body 0\n closed"},
    {"PUT / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n", "abc" NEXT,
     "@0 PUT / 1.1 {Upgrade: x} {Content-Length: 3} head 47-49 length 3 keep upgrade end 52 body 3 tunnel\n tunnelled"},
    /* Pipelined: the answer is an older request's. */
    {"GET /o HTTP/1.1\r\n\r\n" EXPECT, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "abc",
     "@0 GET /o 1.1 head 17-19 no body keep end 19 body 0\n"
     "@19 PUT / 1.1 {Expect: 100-continue} {Content-Length: 3} head 76-78 length 3 keep continue end 81 body 3\n "
     "closed"},
    {NEXT UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NEXT,
     "@0 GET /n 1.1 head 17-19 no body keep end 19 body 0\n"
     "@19 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 77-79 no body keep upgrade end 79 body 0\n "
     "uncertain"},
    {UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", UPGRADE NEXT,
     UPGRADE_EVENTS
     "@60 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 118-120 no body keep upgrade end 120 body 0\n"
     " uncertain"},
};

static void answer(struct oi_http1 *answers, struct oi_http1 *requests, const char *bytes)
{
    struct oi_http1_event event;
    size_t len = strlen(bytes);
    do {
        size_t used = oi_http1_next(answers, bytes, len, &event);
        bytes += used;
        len -= used;
        if (event.kind == OI_HTTP1_BEGIN && requests->head.method == OI_HTTP1_METHOD_CONNECT)
            oi_http1_answers(answers, OI_HTTP1_METHOD_CONNECT);
        if (event.kind == OI_HTTP1_HEAD)
            oi_http1_answered(requests, &event);
    } while (event.kind != OI_HTTP1_MORE && event.kind != OI_HTTP1_OVER);
}

START_TEST(answers_decide_what_follows_a_request)
{
    static const struct oi_http1_wanted all = {0xffff, UINT64_MAX, true};
    const struct told *t = &told[_i];
    for (int heads = 0; heads < 2; heads++) {
        struct oi_http1 answers;
        oi_http1_init(&answers, OI_HTTP1_ANSWERS);
        http1_start(&cut, REQUESTS, 0);
        cut.only = heads ? &all : NULL;
        cut.told = heads;
        give_guarded(&cut, t->request, strlen(t->request));
        answer(&answers, &cut.state, t->answer);
        give_guarded(&cut, t->more, strlen(t->more));
        http1_end(&cut);
        same(&cut, t->events, "told", (size_t)_i);
    }
}
END_TEST

/* --- the interface
 * ------------------------------------------------------------------------------------------------------ */

START_TEST(a_copy_of_the_state_is_a_snapshot)
{
    static const char bytes[] = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    http1_start(&whole, REQUESTS, 0);
    http1_give(&whole, bytes, sizeof bytes - 1);
    http1_end(&whole);
    for (size_t at = 0; at < sizeof bytes - 1; at++) {
        static struct http1_text ahead;
        http1_start(&cut, REQUESTS, 0);
        give_guarded(&cut, bytes, at);
        ahead = cut; /* parses on, in vain */
        give_guarded(&ahead, bytes + at, sizeof bytes - 1 - at);
        give_guarded(&ahead, "garbage", 7);
        give_guarded(&cut, bytes + at, sizeof bytes - 1 - at);
        http1_end(&cut);
        same(&cut, whole.text, "snapshot", at);
    }
}
END_TEST

static const struct {
    const char *name;
    enum oi_http1_header header;
} names[] = {
    {"Host", OI_HTTP1_HOST},
    {"CONNECTION", OI_HTTP1_CONNECTION},
    {"content-length", OI_HTTP1_CONTENT_LENGTH},
    {"Transfer-Encoding", OI_HTTP1_TRANSFER_ENCODING},
    {"Upgrade", OI_HTTP1_UPGRADE},
    {"Expect", OI_HTTP1_EXPECT},
    {"Content-Type", OI_HTTP1_CONTENT_TYPE},
    {"User-Agent", OI_HTTP1_USER_AGENT},
    {"Forwarded", OI_HTTP1_FORWARDED},
    {"X-Forwarded-For", OI_HTTP1_X_FORWARDED_FOR},
    {"x-forwarded-host", OI_HTTP1_X_FORWARDED_HOST},
    {"X-Forwarded-Proto", OI_HTTP1_X_FORWARDED_PROTO},
    {"X-FORWARDED-PORT", OI_HTTP1_X_FORWARDED_PORT},
    {"Hosts", OI_HTTP1_OTHER_HEADER},
    {"Post", OI_HTTP1_OTHER_HEADER},
    {"X_Forwarded_For", OI_HTTP1_OTHER_HEADER},
    {"traceparent", OI_HTTP1_OTHER_HEADER},
};

/* The only event of the wanted kind in what is given, or none. */
static bool find(struct oi_http1 *state, const char *bytes, size_t len, enum oi_http1_kind kind,
                 struct oi_http1_event *event)
{
    do {
        size_t used = oi_http1_next(state, bytes, len, event);
        bytes += used;
        len -= used;
    } while (event->kind != kind && event->kind != OI_HTTP1_MORE && event->kind != OI_HTTP1_OVER);
    return event->kind == kind;
}

/* Of each message: bytes that are said not to be looked at may be others, or none at all. */
START_TEST(what_is_not_looked_at_is_said)
{
    const struct message *message = &messages[_i];
    size_t part;
    http1_start(&cut, message->side, message->answers);
    http1_start(&whole, message->side, message->answers);
    for (size_t at = 0; at < message->len; at += part) {
        uint64_t unread = oi_http1_unread(&cut.state);
        size_t left = message->len - at;
        part = unread == 0 ? 1 : unread < left ? (size_t)unread : left;
        http1_give(&cut, unread == 0 ? message->bytes + at : NULL, part);
        http1_give(&whole, message->bytes + at, part);
        ck_assert_mem_eq(&cut.state, &whole.state, sizeof cut.state);
    }
    http1_end(&cut);
    http1_end(&whole);
    same(&cut, whole.text, "not looked at", 0);
}
END_TEST

START_TEST(the_bytes_of_a_body_are_not_looked_at)
{
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n";
    http1_start(&cut, REQUESTS, 0);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0);
    http1_give(&cut, head, sizeof head - 2);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0);
    http1_give(&cut, "\n", 1);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0x1f);
    http1_start(&cut, ANSWERS, 0);
    http1_give(&cut, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n12345", 47);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 12345 - 5);
}
END_TEST

START_TEST(known_headers_are_told_by_number)
{
    char bytes[128];
    int len = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%s: 1\r\n\r\n", names[_i].name);
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    ck_assert(find(&state, bytes, (size_t)len, OI_HTTP1_HEADER, &event));
    ck_assert_int_eq(event.header, names[_i].header);
    ck_assert_uint_eq(event.offset, 16);
}
END_TEST

START_TEST(values_that_are_not_taken_are_passed_over)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx";
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    ck_assert(!find(&state, bytes, sizeof bytes - 1, OI_HTTP1_VALUE, &event));
    ck_assert_uint_eq(state.message, 1);
}
END_TEST

/* Replacing a forwarded id in a copy needs to know where it stands. */
START_TEST(values_stand_in_the_bytes_given)
{
    static const char bytes[] = "GET /abc HTTP/1.1\r\nA:  b c \r\n\r\n";
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    const char *given = guarded(bytes, sizeof bytes - 1);
    size_t used = 0;
    for (;;) {
        used += oi_http1_next(&state, given + used, sizeof bytes - 1 - used, &event);
        if (event.kind == OI_HTTP1_TARGET) {
            ck_assert_ptr_eq(event.at, given + 4);
            ck_assert_uint_eq(event.offset, 4);
        } else if (event.kind == OI_HTTP1_HEADER) {
            oi_http1_take(&state);
        } else if (event.kind == OI_HTTP1_VALUE) {
            ck_assert_ptr_eq(event.at, given + 23);
            ck_assert_uint_eq(event.len, 3);
            ck_assert_uint_eq(event.offset, 23);
            break;
        }
        ck_assert_int_ne(event.kind, OI_HTTP1_MORE);
    }
}
END_TEST

START_TEST(methods_that_frame_answers_differently_are_told)
{
    static const struct {
        const char *bytes;
        enum oi_http1_method method;
    } methods[] = {
        {"HEAD / HTTP/1.1\r\n\r\n", OI_HTTP1_METHOD_HEAD},   {"CONNECT h:1 HTTP/1.1\r\n\r\n", OI_HTTP1_METHOD_CONNECT},
        {"head / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},  {"GET / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},
        {"HEADS / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct oi_http1 state;
        struct oi_http1_event event;
        oi_http1_init(&state, OI_HTTP1_REQUESTS);
        ck_assert(find(&state, methods[i].bytes, strlen(methods[i].bytes), OI_HTTP1_END, &event));
        ck_assert_int_eq(event.head.method, methods[i].method);
        ck_assert_uint_eq(event.message, 0);
    }
}
END_TEST

/* Pieces put together at random: all ways to cut them tell the same. */
START_TEST(chance_finds_no_difference_between_ways_to_cut)
{
    static const char *const pieces[] = {
        "GET / HTTP/1.1\r\n",
        "POST /x HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 404\n",
        "HTTP/1.1 100 C\r\n",
        "\r\n",
        "\n",
        "\r",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "A: b\r\n",
        " folded\r\n",
        "Connection: close\r\n",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n",
        "Upgrade: x\r\n",
        "CONNECT h:1 HTTP/1.1\r\n",
        ": ",
        " ",
        "\t",
        "\0",
        "Expect: 100-continue\r\n",
        "X",
        "Content-Length:",
    };
    unsigned seed = 12345;
    for (int round = 0; round < 2000; round++) {
        char bytes[512];
        size_t len = 0;
        for (int i = 0; i < 10; i++) {
            seed = seed * 1103515245 + 12345;
            const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)];
            size_t n = *piece ? strlen(piece) : 1;
            memcpy(bytes + len, piece, n);
            len += n;
        }
        enum oi_http1_side side = bytes[0] == 'H' ? ANSWERS : REQUESTS;
        static const struct oi_http1_wanted some = {1u << OI_HTTP1_CONTENT_LENGTH, 1u << 1, true};
        for (size_t step = 0; step < 6; step++) {
            static const size_t sizes[] = {512, 1, 3, 5, 512, 19};
            struct http1_text *t = step == 0 ? &whole : &cut;
            http1_start(t, side, 0);
            t->only = &some;
            t->told = step > 3;
            for (size_t at = 0, n; at < len; at += n) {
                n = len - at < sizes[step] ? len - at : sizes[step];
                http1_give(t, bytes + at, n);
            }
            http1_end(t);
            if (step > 0)
                same(&cut, whole.text, "pieces of", sizes[step]);
        }
    }
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, messages_are_read_however_they_are_cut, 0, COUNT(messages));
    tcase_add_loop_test(tests, what_is_no_http_is_refused_however_it_is_cut, 0, COUNT(refused));
    tcase_add_loop_test(tests, an_uncertain_end_is_said_to_be_one, 0, COUNT(unframed));
    tcase_add_loop_test(tests, bad_chunks_are_refused, 0, COUNT(chunks));
    tcase_add_loop_test(tests, neighbours_do_not_disturb, 0, COUNT(messages));
    tcase_add_loop_test(tests, a_name_is_known_in_any_case_and_only_whole, 0, sizeof known / sizeof *known);
    tcase_add_test(tests, lines_longer_than_any_buffer);
    tcase_add_test(tests, a_header_behind_64_kib_of_others_is_seen);
    tcase_add_test(tests, a_thousand_requests_and_their_answers);
    tcase_add_test(tests, bodies_may_pass_unseen);
    tcase_add_loop_test(tests, elsewhere_they_may_not, 0, COUNT(unseen));
    tcase_add_loop_test(tests, answers_decide_what_follows_a_request, 0, COUNT(told));
    tcase_add_test(tests, a_copy_of_the_state_is_a_snapshot);
    tcase_add_loop_test(tests, known_headers_are_told_by_number, 0, COUNT(names));
    tcase_add_test(tests, values_that_are_not_taken_are_passed_over);
    tcase_add_test(tests, values_stand_in_the_bytes_given);
    tcase_add_loop_test(tests, what_is_not_looked_at_is_said, 0, COUNT(messages));
    tcase_add_test(tests, the_bytes_of_a_body_are_not_looked_at);
    tcase_add_test(tests, methods_that_frame_answers_differently_are_told);
    tcase_add_test(tests, chance_finds_no_difference_between_ways_to_cut);
    return run_suite("http1", tests);
}
