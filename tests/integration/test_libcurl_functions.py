"""Each hooked function of libcurl, its success and its failure, whole spans in both attribute sets: a table, which is compared
with the list of hooks. What a function does beyond that is in test_libcurl.py, test_libcurl_multi.py and their neighbours."""

import re
from dataclasses import dataclass

import pytest
from harness import HttpServer, app, free_port, paths, same_output
from test_libcurl import COULDNT_CONNECT, NEW, Call, failed, in_order, said_of, seen
from test_libcurl_membership import arrived
from test_libcurl_multi import abandoned

GOOD, NOBODY, SLOW = ["easy", "url={good}"], ["easy", "url={nobody}"], ["easy", "url={slow}"]
IN, OUT = ["multi", "add"], ["read", "remove", "end", "close"]


def good(urls):
    return Call("GET", urls["good"], received=3)


def nobody(urls):
    return failed("GET", urls["nobody"], "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT))


def gone(urls):
    return abandoned(urls["slow"], peer="127.0.0.1")


def never_begun(urls):
    return abandoned(urls["slow"])


@dataclass
class Row:
    functions: str  # that succeed or, with `fails`, fail in it: they are refused, or their transfer goes wrong
    script: list
    expected: list
    says: str = ""  # among what the program prints
    fails: bool = False

    def __str__(self):
        return self.functions.split()[0].removeprefix("curl_") + ("-fails" if self.fails else "")


def rows():
    yield Row("curl_easy_init curl_easy_setopt curl_easy_perform curl_easy_cleanup", [*GOOD, "perform", "close"], [good], "perform: 0")
    yield Row("curl_easy_perform", [*NOBODY, "perform", "close"], [nobody], "perform: 7", fails=True)
    yield Row("curl_easy_setopt", [*GOOD, "port=70000", "perform", "close"], [good], "port: 43", fails=True)
    yield Row("curl_easy_reset", [*NOBODY, "body=x", "reset", "url={good}", "perform", "close"], [good], "perform: 0")
    yield Row("curl_easy_reset", [*SLOW, *IN, "reset", "remove", "url={good}", "perform", "end", "close"], [never_begun, good],
              "perform: 0", fails=True)
    yield Row("curl_easy_duphandle", [*GOOD, "copy", "perform", "close"], [good], "perform: 0")
    yield Row("curl_easy_duphandle", [*NOBODY, "copy", "perform", "close"], [nobody], "perform: 7", fails=True)
    yield Row("curl_easy_cleanup", [*SLOW, *IN, "begin", "close", "end"], [gone], "end: 0", fails=True)
    yield Row("curl_multi_init curl_multi_add_handle curl_multi_info_read curl_multi_remove_handle curl_multi_cleanup",
              [*GOOD, *IN, "drive=perform", *OUT], [good], "read: 0")
    yield Row("curl_multi_info_read", [*NOBODY, *IN, "drive=perform", *OUT], [nobody], "read: 7", fails=True)
    yield Row("curl_multi_add_handle", [*GOOD, *IN, "add", "drive=perform", *OUT], [good], "add: 7", fails=True)
    yield Row("curl_multi_remove_handle", [*SLOW, *IN, "begin", "remove", "end", "close"], [gone], "remove: 0", fails=True)
    yield Row("curl_multi_remove_handle", [*GOOD, *IN, "elsewhere", "drive=perform", *OUT], [good], "elsewhere: 1", fails=True)
    yield Row("curl_multi_cleanup", [*SLOW, *IN, "begin", "end", "close"], [gone], "end: 0", fails=True)
    yield Row("curl_multi_setopt", ["multi", "option=push", *GOOD, "add", "drive=perform", *OUT], [good], "option: 0")
    yield Row("curl_multi_setopt", ["multi", "option=none", *GOOD, "add", "drive=perform", *OUT], [good], "option: 6", fails=True)
    for how in ("perform", "socket_action", "socket", "socket_all"):
        yield Row(f"curl_multi_{how}", [*GOOD, *IN, f"drive={how}", *OUT], [good], "read: 0")
        yield Row(f"curl_multi_{how}", [*NOBODY, *IN, f"drive={how}", *OUT], [nobody], "read: 7", fails=True)


ROWS = list(rows())
CANNOT_FAIL = {"curl_easy_init", "curl_multi_init"}


@pytest.mark.parametrize("env, attributes", [(None, Call.old), (NEW, Call.new)], ids=["old", "new"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_function(row, env, attributes):
    """Of each test's own server: a request that arrives late is no other test's matter."""
    with HttpServer() as server:
        urls = {"good": server.url + "/bytes/3", "slow": server.url + "/slow/5", "nobody": f"http://127.0.0.1:{free_port()}/x"}
        result = same_output([app("curl_functions"), *(word.format(**urls) for word in row.script)], env=env, before=server.reset)
        assert result.returncode == 0 and row.says in result.stdout.decode().splitlines()
        calls, spans = [call(urls) for call in row.expected], in_order(result.spans)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
        arrived(server, [span for span, call in zip(spans, row.expected) if call in (good, gone)])


def hooked():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((paths.SOURCE / "hooks").glob("libcurl*.c")))
    return set(re.findall(r"^OI_HOOK\([^,]*, *(\w+),", text, re.MULTILINE))


def test_every_function_is_in_the_table():
    whole, well, badly = hooked(), set(), set()
    for row in ROWS:
        (badly if row.fails else well).update(row.functions.split())
    assert well == whole and badly == whole - CANNOT_FAIL
