"""PHP, which opens its extensions with RTLD_DEEPBIND: its curl extension, and libraries through its FFI."""

import pytest
from harness import bare, free_port, instrumented, not_under, same_output
from host import SETTINGS, both, expect, fetched, gets, outcome
from test_dynamic import HIREDIS, SETS
from test_libcurl import COULDNT_CONNECT, OTHER_SPAN, OTHER_TRACE, Call, carried, failed, header_of, in_order, said_of, seen

PHP = "/usr/bin/php"

pytestmark = not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND")

EASY = r"""
[, $base, $refused] = $argv;
$handle = curl_init("$base/bytes/3");
curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_USERAGENT => "php/1", CURLOPT_HTTPHEADER => ["X-One: 1"]]);
var_dump(curl_exec($handle), curl_getinfo($handle, CURLINFO_RESPONSE_CODE));
curl_setopt_array($handle, [CURLOPT_URL => "$base/echo", CURLOPT_POSTFIELDS => "one=1&two=2"]);
var_dump(curl_exec($handle));
$copy = curl_copy_handle($handle);
curl_setopt_array($copy, [CURLOPT_URL => "$base/redirect/2", CURLOPT_FOLLOWLOCATION => true, CURLOPT_HTTPGET => true]);
var_dump(curl_exec($copy), curl_getinfo($copy, CURLINFO_REDIRECT_COUNT));
curl_reset($handle);
curl_setopt_array($handle, [CURLOPT_URL => "$base/status/404", CURLOPT_NOBODY => true]);
var_dump(curl_exec($handle), curl_getinfo($handle, CURLINFO_HTTP_CODE));
curl_setopt($handle, CURLOPT_URL, $refused);
var_dump(curl_exec($handle), curl_errno($handle), curl_error($handle) != "");
curl_setopt_array($copy, [CURLOPT_URL => "$base/bytes/5", CURLOPT_HTTPHEADER => [
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]]);
var_dump(curl_exec($copy));
"""


def php(program, *arguments, settings=()):
    return [PHP, *[word for setting in settings for word in ("-d", setting)], "-r", program, "--", *arguments]


# --- one after the other --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [(), ("opcache.enable_cli=1", "opcache.jit=tracing", "opcache.jit_buffer_size=16M")],
                         ids=["plain", "opcache"])
def test_one_after_the_other(settings, http_server):
    url, refused = http_server.url, f"http://127.0.0.1:{free_port()}/"
    calls = [
        Call("GET", url + "/bytes/3", received=3, agent="php/1"),
        Call("POST", url + "/echo", sent=11, received=11, agent="php/1"),
        Call("GET", url + "/redirect/2", received=6, resend=2, agent="php/1"),
        Call("HEAD", url + "/status/404", status=404, received=0),
        failed("HEAD", refused, "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT), peer=None),
        Call("GET", url + "/bytes/5", received=5, agent="php/1"),
    ]
    for env, attributes in SETS:
        result = same_output(php(EASY, url, refused, settings=settings), env=env, before=http_server.reset)
        assert result.returncode == 0 and result.stdout.startswith(b'string(3) "xxx"\nint(200)\n')
        spans = in_order(result.spans)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    assert [(span.trace_id == OTHER_TRACE, span.parent_span_id) for span in spans] == [(False, "")] * 5 + [(True, OTHER_SPAN)]
    first, second, third, fourth, _, last = spans
    requests = http_server.requests
    carried([first, second, third, third, third, fourth], requests[:-1])
    assert requests[-1].header("traceparent") == f"00-{last.trace_id}-{OTHER_SPAN}-01"
    assert [request.header("X-One") for request in requests] == ["1"] * 5 + [None] * 2


# --- many at once ---------------------------------------------------------------------------------------------------------

MULTI = r"""
[, $base] = $argv;
$multi = curl_multi_init();
$share = curl_share_init();
curl_share_setopt($share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
$handles = [];
for ($size = 5; $size < 25; $size++) {
    $handle = curl_init("$base/bytes/$size");
    curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_SHARE => $share]);
    curl_multi_add_handle($multi, $handle);
    $handles[] = $handle;
}
do {
    $status = curl_multi_exec($multi, $running);
    while ($info = curl_multi_info_read($multi))
        $results[] = $info["result"];
    if ($running)
        curl_multi_select($multi);
} while ($running && $status == CURLM_OK);
foreach ($handles as $handle) {
    echo strlen(curl_multi_getcontent($handle)), " ";
    curl_multi_remove_handle($multi, $handle);
    curl_close($handle);
}
echo count($results), " ", array_sum($results), "\n";
curl_multi_close($multi);
"""


def test_many_at_once(http_server):
    calls = [Call("GET", f"{http_server.url}/bytes/{size}", received=size) for size in range(5, 25)]
    for env, attributes in SETS:
        result = same_output(php(MULTI, http_server.url), env=env, before=http_server.reset)
        assert result.returncode == 0 and result.stdout.endswith(b"24 20 0\n")
        spans = in_order(result.spans)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    assert all(span.parent_span_id == "" for span in spans) and len({span.trace_id for span in spans}) == 20
    expected = {span.attributes["url.full"].removeprefix(http_server.url): header_of(span) for span in spans}
    assert {request.path: request.header("traceparent") for request in http_server.requests} == expected
    assert len(http_server.requests) == 20


# --- its processes --------------------------------------------------------------------------------------------------------

FORK = r"""
[, $base] = $argv;
function fetch($path) {
    $handle = curl_init($path);
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    return curl_exec($handle);
}
echo fetch("$base/?parent");
for ($i = 0; $i < 3; $i++) {
    $child = pcntl_fork();
    if ($child == 0) {
        echo fetch("$base/?child$i");
        exit($i);
    }
    pcntl_waitpid($child, $status);
    echo pcntl_wexitstatus($status), "\n";
}
echo fetch("$base/?again");
pcntl_exec("/bin/echo", ["executed"], []);
"""


def test_forked_children_and_exec(http_server, sink):
    result = both(php(FORK, http_server.url), sink, env={"OTEL_SEMCONV_STABILITY_OPT_IN": ""})
    assert result.stdout.endswith(b"hello\nexecuted\n") and result.returncode == 0
    expect(sink.spans(), *[fetched(http_server, f"/?{name}") for name in ("parent", "child0", "child1", "child2", "again")])


# --- FFI --------------------------------------------------------------------------------------------------------------------

FFI = r"""
[, $library, $socket] = $argv;
$redis = FFI::cdef("
    void *redisConnectUnix(const char *path);
    int *redisCommand(void *context, const char *format, ...);
    void freeReplyObject(void *reply);
    void redisFree(void *context);
", $library);
$context = $redis->redisConnectUnix($socket);
for ($i = 0; $i < 3; $i++) {
    $reply = $redis->redisCommand($context, "GET %s", "php:$i");
    echo $reply[0], "\n";
    $redis->freeReplyObject($reply);
}
$redis->redisFree($context);
try {
    FFI::cdef("void redisNothing(void);", $library);
} catch (FFI\Exception $e) {
    echo $e->getMessage(), "\n";
}
try {
    FFI::cdef("void *mysql_init(void *);");
} catch (FFI\Exception $e) {
    echo $e->getMessage(), "\n";
}
"""


def test_a_library_through_ffi(redis, sink):
    """The extension asks dlsym, and was itself opened with RTLD_DEEPBIND."""
    result = both(php(FFI, HIREDIS, redis.socket, settings=["ffi.enable=1"]), sink)
    assert result.stdout.startswith(b"4\n4\n4\nFailed resolving C function 'redisNothing'\n")
    expect(sink.spans(), *gets(redis, "php:0", "php:1", "php:2"))


# --- and the rest of it ------------------------------------------------------------------------------------------------------

OTHERS = r"""
echo json_encode(["extensions" => get_loaded_extensions(), "opcache" => opcache_get_status(false) !== false]), "\n";
echo openssl_digest("x", "sha256"), " ", iconv("UTF-8", "ISO-8859-1", "x"), " ", bin2hex(sodium_crypto_generichash("x")), "\n";
echo shell_exec("echo from the shell"), date("Y", 0), " ", gethostbyname("localhost"), "\n";
$process = proc_open(["/bin/cat"], [["pipe", "r"], ["pipe", "w"]], $pipes);
fwrite($pipes[0], "through a pipe\n");
fclose($pipes[0]);
echo stream_get_contents($pipes[1]), proc_close($process), "\n";
exit(7);
"""


def test_its_other_extensions(sink):
    command = php(OTHERS, settings=["opcache.enable_cli=1"])
    expected = bare(command)
    result = instrumented(command, sink, env=SETTINGS)
    assert outcome(result) == outcome(expected) and result.returncode == 7
    assert sink.spans() == []
