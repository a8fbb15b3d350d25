"""Servers of other runtimes: loops, green threads, pools, and a loop that several threads run. They ask over sockets of their own."""

import pytest

from harness import app
from measure import Server, check

NODE = """
const http = require('http');
const [port, url, how] = process.argv.slice(2);
const later = turn => how === 'timer' || how === 'after' ? setTimeout(turn, 5) : turn();
const agent = new http.Agent({ keepAlive: true, maxSockets: how === 'few' ? 3 : Infinity });

function ask(tag, done) {
    if (how === 'fetch')
        return fetch(url + tag).then(answer => answer.text()).then(done);
    const place = new URL(url + tag);
    if (how === 'name')
        place.hostname = 'localhost';
    http.get(place, { agent, family: 4 }, answer => {
        let text = '';
        answer.on('data', data => text += data).on('end', () => done(text));
    });
}

http.createServer((request, answer) => {
    if (how === 'after')
        answer.end(request.url.slice(1));
    later(() => ask(request.url, text => answer.end(text)));
}).listen(+port, '127.0.0.1');
"""
AIOHTTP = """
import asyncio, sys
from aiohttp import ClientSession, web

url, how = sys.argv[2:]
async def answer(request):
    if how == "timer":
        await asyncio.sleep(0.005)
    async with request.app["session"].get(url + request.path) as got:
        return web.Response(text=await got.text())

async def app():
    application = web.Application()
    application["session"] = ClientSession()
    application.router.add_get("/{tag}", answer)
    return application

web.run_app(app(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
GEVENT = """
from gevent import monkey
monkey.patch_all()
import http.client, sys
from urllib.parse import urlsplit
from gevent.pywsgi import WSGIServer

second, idle = urlsplit(sys.argv[2]).netloc, []
def answer(environ, start):
    client = idle.pop() if idle else http.client.HTTPConnection(second)
    client.request("GET", environ["PATH_INFO"])
    text = client.getresponse().read()
    if sys.argv[3] == "kept":
        idle.append(client)
    else:
        client.close()
    start("200 OK", [("Content-Length", str(len(text)))])
    return [text]

WSGIServer(("127.0.0.1", int(sys.argv[1])), answer, log=None).serve_forever()
"""
JAVA = """
import com.sun.net.httpserver.*;
import java.net.*;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.Executors;

public class Ask {
    public static void main(String[] a) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0])), 128);
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            URI target = URI.create(a[1] + exchange.getRequestURI());
            byte[] text;
            if (a[2].equals("connection")) {
                try (var input = target.toURL().openStream()) {
                    text = input.readAllBytes();
                }
            } else {
                try {
                    text = client.send(HttpRequest.newBuilder(target).build(), HttpResponse.BodyHandlers.ofByteArray()).body();
                } catch (InterruptedException e) {
                    throw new java.io.IOException(e);
                }
            }
            exchange.sendResponseHeaders(200, text.length);
            exchange.getResponseBody().write(text);
            exchange.close();
        });
        server.start();
    }
}
"""
APACHE = """
ServerRoot {folder}
PidFile pid
ErrorLog error.log
Listen 127.0.0.1:{port}
ServerName localhost
DefaultRuntimeDir {folder}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
StartServers 2
ThreadsPerChild 80
MaxRequestWorkers 160
KeepAliveTimeout 60
ProxyPass / {url}/ {options}
"""


def script(name, text, how):
    def command(place):
        path = place.folder / name
        path.write_text(text, encoding="utf-8")
        runtime = {"js": ["/usr/bin/node"], "py": ["/usr/bin/python3"], "java": ["/usr/bin/java", "-XX:TieredStopAtLevel=1"]}
        return [*runtime[path.suffix[1:]], path, place.port, place.url, how]
    return command


def apache(options):
    def command(place):
        (place.folder / "conf").write_text(APACHE.format(folder=place.folder, port=place.port, url=place.url, options=options))
        return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", place.folder / "conf"]
    return command


def asio(how, threads):
    return lambda place: [app("parenting_asio"), how, threads, place.port, place.second.port]


HTTP = ("HTTP",)
SERVERS = [
    Server("Node, `http.request`", script("ask.js", NODE, "request"), HTTP, 0),
    Server("Node, `fetch`", script("ask.js", NODE, "fetch"), HTTP, 0),
    Server("Node, `http.request` to a name", script("ask.js", NODE, "name"), HTTP, 0),
    Server("Node, `http.request` over at most 3 connections", script("ask.js", NODE, "few"), HTTP, 0),
    Server("Node, `http.request` after a timer", script("ask.js", NODE, "timer"), HTTP, 0),
    Server("Node, `http.request` after a timer when it has answered", script("ask.js", NODE, "after"), HTTP, 0),
    Server("Python asyncio: aiohttp", script("ask.py", AIOHTTP, ""), HTTP, 0),
    Server("Python asyncio: aiohttp, after a timer", script("ask.py", AIOHTTP, "timer"), HTTP, 0),
    Server("gevent", script("ask.py", GEVENT, ""), HTTP, 0),
    Server("gevent, connections to the other server are kept", script("ask.py", GEVENT, "kept"), HTTP, 0),
    Server("Apache httpd, event MPM, `mod_proxy`", apache("disablereuse=on"), HTTP),
    Server("Apache httpd, the same, connections to the other server are kept", apache(""), HTTP),
    Server("JDK, `com.sun.net.httpserver` with eight threads, `URLConnection`", script("Ask.java", JAVA, "connection"), HTTP),
    Server("JDK, the same with `HttpClient`", script("Ask.java", JAVA, "client"), HTTP, 0),
    Server("Asio, one thread", asio("at-once", 1), HTTP, 0),
    Server("Asio, four threads", asio("at-once", 4), HTTP, 0),
    Server("Asio, four threads, asks in a function that is put off", asio("posted", 4), HTTP, 0),
    Server("Asio, four threads, asks after a timer when it has answered", asio("after", 4), HTTP, 0),
]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_parents(server, place):
    check(server, place)
