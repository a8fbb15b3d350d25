"""What the tests stand on: real servers, an OTLP receiver of their own, and ways to run a program.

    from harness import OtlpSink, app, instrumented

    def test_something(redis):
        with OtlpSink() as sink:
            result = instrumented([app("something"), redis.port], sink)
            assert result.returncode == 0
            (span,) = sink.exactly(1)
            assert span.attributes == {...}

tests/README.md says more; each module says what it offers.
"""

from .otlp import Span, same_trace, tree, trees
from .paths import BUILD, LAUNCHER, LIBRARY, OUT, SOURCE
from .programs import Result, app, bare, clean_environment, instrumented, preloaded, run, same_output, serving, start
from .sanitizers import not_under
from .servers import HttpServer, MariaDB, Nginx, Redis, free_port
from .sink import Answer, OtlpSink
from .tcp_servers import Dict, Ftp, Gopher, Proxy, Socks, TcpServer, UnixRelay
from .waiting import wait_until

__all__ = [
    "BUILD", "LAUNCHER", "LIBRARY", "OUT", "SOURCE",
    "Answer", "OtlpSink", "Span", "same_trace", "tree", "trees",
    "HttpServer", "MariaDB", "Nginx", "Redis", "free_port",
    "Dict", "Ftp", "Gopher", "Proxy", "Socks", "TcpServer", "UnixRelay",
    "Result", "app", "bare", "clean_environment", "instrumented", "preloaded", "run", "same_output", "serving", "start",
    "not_under", "wait_until",
]
