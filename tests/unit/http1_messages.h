/* HTTP/1 messages, what is told of them, and how the tests give them to the parser. */
#ifndef OI_TESTS_HTTP1_MESSAGES_H
#define OI_TESTS_HTTP1_MESSAGES_H

#include "tests/unit/http1_text.h"
#include "tests/unit/run.h"

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

/* http1_interface.c, which is part of the same program. */
void http1_interface_tests(TCase *tests);

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

/* What was told of the whole, and of what was cut. */
static struct http1_text whole, cut;

static inline void same(const struct http1_text *text, const char *expected, const char *how, size_t at)
{
    ck_assert_msg(strcmp(text->text, expected) == 0, "%s %zu:\n%s\ninstead of\n%s", how, at, text->text, expected);
}

static inline void give_guarded(struct http1_text *text, const char *bytes, size_t len)
{
    http1_give(text, guarded(bytes, len), len);
}

#endif
