"""Client libraries that a program reaches by pointer: dlsym in C, ctypes, Ruby's Fiddle and ffi."""

import os
import re
import shutil
import subprocess

import pytest
from harness import LIBRARY, HttpServer, app, bare, instrumented, not_under, preloaded, same_output
from host import SETTINGS, both, expect, get, gets, outcome
from test_libcurl import DUP, NEW, Call, carried, failed, in_order, seen

RUBY, PYTHON = "/usr/bin/ruby", "/usr/bin/python3"
OPENSSL, GNUTLS = "libcurl.so.4", "libcurl-gnutls.so.4"
SETS = [(None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})]


def path_of(name):
    """Where the linker finds a library."""
    found = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    return os.path.realpath(found)


HIREDIS, MARIADB = path_of("libhiredis.so"), path_of("libmariadb.so")

# --- dlsym itself -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode, status", [("found", 10), ("unread", 11), ("same", 12), ("indirect", 13)])
@pytest.mark.parametrize("flags", [[], ["-DLINKED", "-lcurl"], ["-fsanitize=address"]], ids=["alone", "linked", "sanitized"])
def test_answers_are_those_of_the_bare_program(flags, mode, status, how, sink):
    """Found or not, what dlerror says, what is equal. That we export a wrapper of it does not make a function exist."""
    command = [app("dynamic_symbols", *flags), mode, OPENSSL]
    expected = bare(command)
    result = how(command, sink)
    assert outcome(result) == outcome(expected) and result.returncode == status
    assert sink.spans() == []


@not_under("address", "its runtime cannot be in a process twice")
def test_a_namespace_of_its_own(sink):
    """What dlmopen opens is not ours to watch: its libc is another one, and so are its handles."""
    result = both([app("dynamic_symbols"), "namespace", app("mysql_fake")], sink)
    assert result.returncode == 14 and b"another 1\n" in result.stdout
    assert sink.spans() == []


@pytest.mark.parametrize("setting", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "*"},
                                     {"OTEL_NATIVE_EXCLUDE_PROGRAMS": "dynamic_*"}])
def test_answers_where_nothing_is_traced(setting, http_server, sink):
    both([app("dynamic_symbols"), "found", OPENSSL], sink, env=setting)
    both([app("dynamic_curl"), "each", http_server.url + "/", OPENSSL], sink, env=setting)
    assert sink.spans() == []


def test_one_library_that_is_switched_off(http_server, redis, sink):
    off = {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libcurl"}
    both([app("dynamic_curl"), "each", http_server.url + "/", OPENSSL], sink, env=off)
    both([app("host_plugin"), "symbol", HIREDIS, redis.socket], sink, env=off)
    expect(sink.spans(), get(redis, "symbol:1"))


def test_copies_stay_apart():
    """All of them through the same call sites: what they are is told by the pointers alone. They word the same error
    differently."""
    with HttpServer(tls=True) as server:
        result = same_output([app("dynamic_curl"), "each", server.url + "/", OPENSSL, GNUTLS])
        told = result.stdout.decode().splitlines()
        assert len(told) == 6 and len(set(told)) == 2 and told[0::2] == [told[0]] * 3
        call = failed("GET", server.url + "/", "CURLE_PEER_FAILED_VERIFICATION",
                      "SSL peer certificate or SSH remote key was not OK")
        assert seen(result.spans) == [call.brief(call.old())] * 6


@pytest.mark.parametrize("libraries", [[OPENSSL, GNUTLS], [GNUTLS, OPENSSL]], ids=["openssl", "gnutls"])
def test_a_copy_that_was_opened_for_all_to_see(libraries, http_server):
    """Beside another one: a caller alone would not tell which is meant."""
    url = http_server.url + "/bytes/3"
    result = same_output([app("dynamic_curl"), "global", url, *libraries], before=http_server.reset)
    told = result.stdout.decode().splitlines()
    assert len(told) == 4 and told[0] == told[2] == told[3] != told[1]
    call = Call("GET", url, received=3)
    spans = in_order(result.spans)
    assert seen(spans) == [call.brief(call.old())] * 4
    carried(spans, http_server.requests)


@pytest.mark.parametrize("linked", ["-lcurl", "-l:libcurl-gnutls.so.4"])
def test_copies_beside_one_that_the_program_is_linked_with(linked, http_server):
    """The wrapper's own address is that of the program's copy; the other one has entries of its own."""
    program = app("dynamic_curl", "-Wl,--no-as-needed", linked)
    result = same_output([program, "each", http_server.url + "/bytes/3", GNUTLS, OPENSSL], before=http_server.reset)
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert "GnuTLS" in result.stdout.decode().splitlines()[0] and "OpenSSL" in result.stdout.decode().splitlines()[1]
    spans = in_order(result.spans)
    assert seen(spans) == [call.brief(call.old())] * 6
    carried(spans, http_server.requests)


@pytest.mark.parametrize("library", [OPENSSL, GNUTLS])
@pytest.mark.parametrize("mode, times", [("again", 10), ("left", 2)])
def test_a_library_that_is_closed_and_opened_again(mode, times, library, http_server):
    result = same_output([app("dynamic_curl"), mode, http_server.url + "/bytes/3", library], before=http_server.reset)
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    spans = in_order(result.spans)
    assert seen(spans) == [call.brief(call.old())] * times
    carried(spans, http_server.requests)


def test_more_functions_than_there_are_entries(redis, sink, tmp_path):
    """What has none is the library's own, and is not traced. Those of copies that are closed are used again."""
    copies = [shutil.copy(HIREDIS, tmp_path / f"{number}.so") for number in range(40)]
    result = both([app("dynamic_many"), redis.socket, *copies], sink)
    assert result.returncode == 80 and b"first 1\nlast 1\nagain 1\n" in result.stdout
    expect(sink.spans(), *gets(redis, "first", "again"))


@pytest.mark.parametrize("mode", ["symbol", "module"])
def test_handles_of_a_library_that_comes_back_elsewhere(mode, sink):
    """What was remembered beside them belongs to a copy that is gone: nothing of it may be called, and what waits for the
    end of the program is delivered as it is."""
    fake = app("mysql_fake")
    library = fake if mode == "symbol" else app("dynamic_left_module", "-Wl,--no-as-needed", str(fake))
    result = same_output([app("dynamic_left"), mode, library], sink, env={"OTEL_SEMCONV_STABILITY_OPT_IN": "database"})
    assert result.stdout == b"0 1\n0\nclosed 0\nunloaded 1\nelsewhere 1\n0 1\n0 1\n" and result.returncode == 70
    common = {"db.system.name": "mysql", "db.namespace": "shop", "server.address": "db.example", "server.port": 3307}

    def select(text, summary="SELECT", **more):
        return (summary, "CLIENT", "UNSET", {**common, "db.query.text": text, "db.query.summary": summary, **more})

    assert [span.brief() for span in in_order(result.spans)] == [
        select("SELECT ?", **{"db.response.returned_rows": 1}),
        select("SELECT ? FROM waiting", "SELECT waiting"),
        select("SELECT ? FROM fresh", "SELECT fresh", **{"db.response.returned_rows": 1})]


@not_under("address", "its runtime asks the interposer for the next function, and gets its own: the program hangs bare too")
@pytest.mark.parametrize("order", ["before", "after", "launcher"])
def test_another_interposer_of_dlsym(order, redis, sink):
    """It is asked as often as without us, and neither of us asks the other in circles."""
    command = [app("host_plugin"), "symbol", HIREDIS, redis.socket]
    other = app("dynamic_interposer")
    expected = bare(command, env={"LD_PRELOAD": other})
    assert b"interposer: 3 symbols, 1 libraries" in expected.stderr
    if order == "launcher":
        result = instrumented(command, sink, env={**SETTINGS, "LD_PRELOAD": other})
    else:
        objects = f"{other}:{LIBRARY}" if order == "before" else f"{LIBRARY}:{other}"
        result = preloaded(command, sink, env={**SETTINGS, "LD_PRELOAD": objects})
    assert outcome(result) == outcome(expected)
    expect(sink.spans(), get(redis, "symbol:1"))


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_interposer_that_asks_a_handle_for_the_real_function(order, sink):
    """Behind us it is called by our wrapper: what it asks for is the library's own, or one call would be two spans."""
    fake, other = app("mysql_fake"), app("dynamic_wrapper")
    command, env = [app("mysql_fake_user", "-Wl,--no-as-needed", str(fake))], {"WRAPPED_LIBRARY": fake}
    expected = bare(command, env={**env, "LD_PRELOAD": other})
    assert b"wrapper: 2 queries" in expected.stderr
    objects = f"{other}:{LIBRARY}" if order == "before" else f"{LIBRARY}:{other}"
    result = preloaded(command, sink, env={**env, "LD_PRELOAD": objects, "OTEL_SEMCONV_STABILITY_OPT_IN": "database"})
    assert outcome(result) == outcome(expected)
    common = {"db.system.name": "mysql", "db.namespace": "shop", "server.address": "db.example", "server.port": 3307}
    assert [span.brief() for span in in_order(sink.spans())] == [
        ("SELECT", "CLIENT", "UNSET", {**common, "db.query.text": "SELECT ?", "db.query.summary": "SELECT",
                                       "db.response.returned_rows": 1}),
        ("INSERT t", "CLIENT", "UNSET", {**common, "db.query.text": "INSERT INTO t VALUES (?)",
                                         "db.query.summary": "INSERT t"})]


@pytest.mark.parametrize("order", ["before", "after"])
def test_dlsym_before_the_agent_has_begun(order, redis, sink):
    command = [app("host_exit"), "return", redis.socket]
    other = app("dynamic_early")
    expected = bare(command, env={"LD_PRELOAD": other})
    assert b"early: 1 1 0 " in expected.stderr
    objects = f"{other}:{LIBRARY}" if order == "before" else f"{LIBRARY}:{other}"
    result = preloaded(command, sink, env={**SETTINGS, "LD_PRELOAD": objects})
    assert outcome(result) == outcome(expected)
    expect(sink.spans(), *gets(redis, "main:1"))


def test_a_plugin_whose_constructor_waits_for_a_thread(redis, sink):
    """It holds the loader's lock meanwhile: a hook that asked dlsym would wait for ever."""
    env = {"REDIS_SOCKET": redis.socket}
    both([app("host_plugin"), "load", app("dynamic_thread"), redis.socket], sink, env=env)
    expect(sink.spans(), *gets(redis, *["module:1"] * 10, *["constructor:1"] * 5))


@not_under("address", "its runtime needs what musl has not")
def test_a_musl_program_in_the_same_environment(tmp_path, sink):
    """A child of a traced program, say. Our object must not ask for what musl lacks, and answer as musl does."""
    source = tmp_path / "program.c"
    source.write_text(r"""
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    printf("%d\n", dlsym(RTLD_DEFAULT, "puts") != NULL);
    printf("%d ", dlsym(RTLD_NEXT, "nothing_like_it") != NULL);
    puts(dlerror());
    void *library = dlopen("libnothing.so", RTLD_NOW);
    printf("%d %s\n", library != NULL, dlerror());
    return 3;
}
""")
    program = tmp_path / "program"
    subprocess.run(["musl-gcc", source, "-o", program], check=True)
    result = preloaded([program], sink)
    assert outcome(result) == outcome(bare([program])) and result.returncode == 3
    assert sink.spans() == []


# --- ctypes -----------------------------------------------------------------------------------------------------------

CTYPES_CURL = """
import ctypes, sys
curl = ctypes.CDLL(sys.argv[1])
curl.curl_easy_init.restype = ctypes.c_void_p
for name in ("curl_easy_setopt", "curl_easy_perform", "curl_easy_cleanup", "curl_easy_getinfo"):
    getattr(curl, name).argtypes = [ctypes.c_void_p]
URL, WRITEFUNCTION, STATUS = 10002, 20011, 0x200002
body = []
@ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
def write(data, size, count, _):
    body.append(data[:size * count])
    return size * count
handle = curl.curl_easy_init()
for path in sys.argv[2:]:
    curl.curl_easy_setopt(handle, URL, path.encode())
    curl.curl_easy_setopt(handle, WRITEFUNCTION, write)
    code = curl.curl_easy_perform(handle)
    status = ctypes.c_long()
    curl.curl_easy_getinfo(handle, STATUS, ctypes.byref(status))
    print(code, status.value, b"".join(body))
curl.curl_easy_cleanup(handle)
"""


@pytest.mark.parametrize("library", [OPENSSL, GNUTLS])
def test_libcurl_through_ctypes(library, http_server):
    url = http_server.url
    calls = [Call("GET", url + "/bytes/3", received=3), Call("GET", url + "/status/404", status=404, received=11)]
    for env, attributes in SETS:
        result = same_output([PYTHON, "-c", CTYPES_CURL, library, url + "/bytes/3", url + "/status/404"], env=env,
                             before=http_server.reset)
        spans = in_order(result.spans)
        assert result.returncode == 0 and seen(spans) == [call.brief(attributes(call)) for call in calls]
        carried(spans, http_server.requests)


CTYPES_REDIS = """
import ctypes, sys
redis = ctypes.CDLL(sys.argv[1])
redis.redisConnectUnix.restype = redis.redisCommand.restype = ctypes.c_void_p
redis.freeReplyObject.argtypes = redis.redisFree.argtypes = [ctypes.c_void_p]
context = redis.redisConnectUnix(sys.argv[2].encode())
for format, *values in ((b"SET %s %d", b"count", 7), (b"GET %s", b"count"), (b"LPUSH %s %s", b"count", b"x")):
    reply = redis.redisCommand(ctypes.c_void_p(context), format, *values)
    print(ctypes.c_int.from_address(reply).value)
    redis.freeReplyObject(reply)
redis.redisFree(context)
"""


def test_hiredis_through_ctypes(redis, sink):
    """redisCommand takes any number of values: an entry must hand all of them on."""
    result = both([PYTHON, "-c", CTYPES_REDIS, HIREDIS, redis.socket], sink)
    assert result.stdout == b"5\n1\n6\n"
    common = {"db.system.name": "redis", "db.namespace": "0", "server.address": redis.socket, "network.transport": "unix"}
    wrong = {"error.type": "WRONGTYPE", "db.response.status_code": "WRONGTYPE"}
    expect(sink.spans(), get(redis, "count"),
           ("SET", "CLIENT", "UNSET", {**common, "db.operation.name": "SET", "db.query.text": "SET count ?",
                                       "db.redis.args_length": 3}),
           ("LPUSH", "CLIENT", "ERROR", {**common, **wrong, "db.operation.name": "LPUSH", "db.query.text": "LPUSH count ?",
                                         "db.redis.args_length": 3}))


CTYPES_MARIADB = """
import ctypes, sys
mysql = ctypes.CDLL(sys.argv[1])
mysql.mysql_init.restype = mysql.mysql_store_result.restype = ctypes.c_void_p
mysql.mysql_error.restype = ctypes.c_char_p
mysql.mysql_num_rows.restype = ctypes.c_uint64
for name in ("query", "store_result", "num_rows", "free_result", "error", "close"):
    getattr(mysql, "mysql_" + name).argtypes = [ctypes.c_void_p]
handle = ctypes.c_void_p(mysql.mysql_init(None))
print(bool(mysql.mysql_real_connect(handle, b"127.0.0.1", b"app", b"secret", b"shop", int(sys.argv[2]), None,
                                    ctypes.c_ulong(0))))
for text in (b"SELECT 1 UNION SELECT 2", b"SELECT * FROM nosuch"):
    failed = mysql.mysql_query(handle, text)
    print(failed, mysql.mysql_error(handle))
    if not failed:
        result = mysql.mysql_store_result(handle)
        print(mysql.mysql_num_rows(result))
        mysql.mysql_free_result(result)
mysql.mysql_close(handle)
"""


def test_libmariadb_through_ctypes(mariadb):
    for opt_in in ("", "database", "database/dup"):
        result = same_output([PYTHON, "-c", CTYPES_MARIADB, MARIADB, mariadb.port], before=mariadb.reset,
                             env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
        assert result.returncode == 0 and result.stdout.startswith(b"True\n0 b''\n2\n1 ")
        old = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "127.0.0.1",
               "net.peer.port": mariadb.port, "db.connection_string": f"mysql://app@127.0.0.1:{mariadb.port}/shop",
               "db.operation": "SELECT"}
        new = {"db.system.name": "mariadb", "db.namespace": "shop", "server.address": "127.0.0.1", "server.port": mariadb.port}
        first, second = {}, {}
        if opt_in != "database":
            first |= {**old, "db.statement": "SELECT ? UNION SELECT ?", "db.rows_affected": 2}
            second |= {**old, "db.statement": "SELECT * FROM nosuch", "db.sql.table": "nosuch"}
        if opt_in:
            first |= {**new, "db.query.summary": "SELECT SELECT", "db.query.text": "SELECT ? UNION SELECT ?",
                      "db.response.returned_rows": 2}
            second |= {**new, "db.query.summary": "SELECT nosuch", "db.query.text": "SELECT * FROM nosuch",
                       "error.type": "1146", "db.response.status_code": "1146"}
        names = ["SELECT SELECT", "SELECT nosuch"] if opt_in else ["SELECT", "SELECT"]
        assert [(span.name, span.kind, span.status, span.scope_name, span.attributes) for span in in_order(result.spans)] == [
            (names[0], "CLIENT", ("UNSET", ""), "otel-instrument.libmariadb", first),
            (names[1], "CLIENT", ("ERROR", "Table 'shop.nosuch' doesn't exist"), "otel-instrument.libmariadb", second)]


# --- Ruby ---------------------------------------------------------------------------------------------------------------

FIDDLE = """
require 'fiddle'
redis = Fiddle.dlopen(ARGV[0])
pointer, int = Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT
connect = Fiddle::Function.new(redis['redisConnectUnix'], [pointer], pointer)
ask = Fiddle::Function.new(redis['redisCommandArgv'], [pointer, int, pointer, pointer], pointer)
give = Fiddle::Function.new(redis['freeReplyObject'], [pointer], Fiddle::TYPE_VOID)
free = Fiddle::Function.new(redis['redisFree'], [pointer], Fiddle::TYPE_VOID)
context = connect.call(ARGV[1])
3.times do |i|
  words = ['GET', "fiddle:#{i}"]
  reply = ask.call(context, 2, words.pack('pp'), words.map(&:size).pack('q*'))
  puts reply[0, 4].unpack1('l')
  give.call(reply)
end
free.call(context)
begin
  redis['redisNothing']
rescue Fiddle::DLError => e
  puts e.message
end
"""

FFI = """
require 'ffi'
module Redis
  extend FFI::Library
  ffi_lib ARGV[0]
  attach_function :redisConnectUnix, [:string], :pointer
  attach_function :redisCommand, [:pointer, :string, :varargs], :pointer
  attach_function :freeReplyObject, [:pointer], :void
  attach_function :redisFree, [:pointer], :void
end
context = Redis.redisConnectUnix(ARGV[1])
3.times do |i|
  reply = Redis.redisCommand(context, 'GET %s', :string, "ffi:#{i}")
  puts reply.read_int
  Redis.freeReplyObject(reply)
end
Redis.redisFree(context)
"""


@pytest.mark.parametrize("name, program", [pytest.param("fiddle", FIDDLE, id="fiddle"), pytest.param("ffi", FFI, id="ffi")])
def test_hiredis_through_ruby(name, program, redis, sink):
    result = both([RUBY, "-e", program, HIREDIS, redis.socket], sink)
    assert re.match(rb"4\n4\n4\n", result.stdout)
    expect(sink.spans(), *gets(redis, *[f"{name}:{number}" for number in range(3)]))
