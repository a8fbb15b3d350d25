"""Servers that serve all requests in one loop, and never wait for one."""

import os

import pytest

from harness import app
from measure import Server, check
from names import Names


def event(mode):
    return lambda place: [app("parenting_event"), mode, place.port, place.redis.port if place.redis else 0, place.second.port]


TWICE = ("Redis", "Redis")
TURN = {"OTEL_NATIVE_CONTEXT": "turn"}

NGINX = """
    {user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr; events {{ worker_connections 512; }}
    http {{
        access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
        {before}
        upstream others {{ server 127.0.0.1:{to}; {kept} }}
        server {{
            listen 127.0.0.1:{port};
            {lines}
            location / {{ proxy_pass http://others; {version} {inside} }}
        }}
    }}
"""
KEPT = {"kept": "keepalive 64;", "version": 'proxy_http_version 1.1; proxy_set_header Connection "";'}


def nginx(**words):
    def command(place):
        (place.folder / "t").mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        words_of_all = {"kept": "", "version": "", "before": "", "inside": "", "lines": "", **words}
        (place.folder / "conf").write_text(NGINX.format(user=user, port=place.port, to=place.second.port, **words_of_all))
        return ["/usr/sbin/nginx", "-p", place.folder, "-e", "stderr", "-c", place.folder / "conf"]
    return command


HAPROXY = """
    global
      nbthread 2
      insecure-setuid-wanted
    defaults
      mode http
      timeout connect 5s
      timeout client 60s
      timeout server 60s
    frontend f
      bind 127.0.0.1:{port}
      default_backend others
    backend others
      server other 127.0.0.1:{to}
"""
LIGHTTPD = """
    server.document-root = "{folder}"
    server.port = {port}
    server.bind = "127.0.0.1"
    server.modules = ("mod_proxy")
    proxy.server = ("" => (("host" => "127.0.0.1", "port" => {to})))
"""


def configured(text, *words):
    def command(place):
        path = place.folder / "conf"
        path.write_text(text.format(folder=place.folder, port=place.port, to=place.second.port))
        return [*words, path]
    return command


ASKS = "location = /ask { internal; proxy_pass http://others$request_uri; }"
PAGE = """location /t { ssi on; ssi_types *; return 200 '<!--# include virtual="/ask$uri" wait="yes" -->, <!--# include virtual="/ask$uri" -->'; }
          location /ask/ { proxy_pass http://others/; }"""
ZONE = "limit_req_zone $server_addr zone=z:1m rate=100r/s;"
DEAD = "server 127.0.0.1:9 max_fails=0;"


def names(place):
    """Each request asks a server of a name of its own."""
    resolver = place.keep(Names())
    return nginx(before=f"resolver 127.0.0.1:{resolver.port};", lines=f"""
        location ~ ^/(?<tag>t.*)$ {{ proxy_pass http://$tag.test:{place.second.port}; }}""")(place)


ONCE, TWICE, REDIS_TWICE = ("HTTP",), ("HTTP", "HTTP"), ("Redis", "Redis")
ALONE = {1: 100, 8: 0, 64: 0}
TURN = {"OTEL_NATIVE_CONTEXT": "turn"}

SERVERS = [
    Server("nginx", nginx(), ONCE),
    Server("nginx, connections to the other server are kept", nginx(**KEPT), ONCE),
    Server("the same, requests bring a `traceparent`", nginx(**KEPT), ONCE, carried=True),
    Server("nginx, one of two servers refuses connections", nginx(kept=DEAD), ONCE),
    Server("nginx, `auth_request`", nginx(inside="auth_request /ask;", lines=ASKS), TWICE, headers=False),
    Server("nginx, `auth_request`, few connections are kept", nginx(
        inside="auth_request /ask;", lines=ASKS.replace("}", KEPT["version"] + "}"), kept="keepalive 2;", version=KEPT["version"]),
        TWICE, headers=False),
    Server("nginx, pages put together by SSI", nginx(lines=PAGE), TWICE, headers=False),
    Server("nginx, requests delayed by `limit_req`", nginx(inside="limit_req zone=z burst=1000;", before=ZONE), ONCE, right=0),
    Server("nginx, each request looks a name up", names, ONCE, right=0),
    Server("nginx, pipelined requests", nginx(**KEPT), ONCE, pipelined=True, right=0),
    Server("haproxy, two threads", configured(HAPROXY, "/usr/sbin/haproxy", "-db", "-f"), ONCE, right=0),
    Server("lighttpd as a proxy", configured(LIGHTTPD, "/usr/sbin/lighttpd", "-D", "-f"), ONCE, right=0),
    Server("libevent, asynchronous hiredis", event("at-once"), REDIS_TWICE, right=ALONE),
    Server("libevent, asynchronous hiredis, `OTEL_NATIVE_CONTEXT=turn`", event("at-once"), REDIS_TWICE, env=TURN),
    Server("libevent, its own HTTP client", event("http"), TWICE, headers=False, right=ALONE),
    Server("libevent, its own HTTP client, `OTEL_NATIVE_CONTEXT=turn`", event("http"), TWICE, headers=False, env=TURN),
    Server("libevent, asks after a timer", event("timer"), REDIS_TWICE, right=0),
    Server("libevent, asks after a timer when it has begun to answer", event("stream"), REDIS_TWICE, right=0),
    Server("libevent, asks after a timer when it has answered", event("after"), REDIS_TWICE, right=0),
]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_parents(server, place):
    check(server, place)
