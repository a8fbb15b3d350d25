"""A collector that is away, mute, slow, wrong, or dies: the program does not notice, and its end is delayed little."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from harness import Answer, OtlpSink, free_port, wait_until
from host import (FULL, SETTINGS, app, bare, expect, gets, instrumented, instrumented_command, outcome, preloaded, start,
                  telemetry)

ENDINGS = {"return": 7, "exit": 3, "_exit": 4, "quick_exit": 6, "exit-in-thread": 8, "pthread_exit": 0, "busy-threads": 17}


@contextmanager
def listener(serve):
    """A TCP server of our own: `serve(connection)` on a thread for each."""
    server = socket.create_server(("127.0.0.1", 0))
    connections = []

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)  # wakes the thread, which would go on to accept what comes to the number's next owner
        server.close()
        for connection in connections:
            connection.close()


def timed(command, env, how=instrumented):
    begun = time.monotonic()
    result = how(command, env=env)
    return result, time.monotonic() - begun


def mute(connection):
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_collector_that_accepts_and_never_answers(ending, redis):
    """The end is delayed by the shutdown timeout at most; status and output stay."""
    command = [app("host_exit"), ending, redis.socket]
    expected = bare(command)
    with listener(mute) as endpoint:
        env = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "300"}
        result, took = timed(command, env)
    assert outcome(result) == outcome(expected) and result.returncode == ENDINGS[ending]
    assert took < 3


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_collector_that_is_not_there_costs_next_to_nothing(ending, redis):
    command = [app("host_exit"), ending, redis.socket]
    expected = bare(command)
    env = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
           "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "20000"}
    result, took = timed(command, env)
    assert outcome(result) == outcome(expected) and result.returncode == ENDINGS[ending]
    assert took < 3


def test_the_default_bound_of_the_delay_is_two_seconds(redis):
    with listener(mute) as endpoint:
        result, took = timed([app("host_exit"), "exit", redis.socket], {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert result.returncode == 3
    assert 1.5 < took < 4


def test_a_slow_collector_gets_its_spans(redis, sink):
    sink.answers.append(Answer(delay=0.7))
    result, took = timed([app("host_exit"), "exit", redis.socket], telemetry(sink, SETTINGS))
    assert result.returncode == 3 and took > 0.6
    expect(sink.spans(), *gets(redis, "main:1"))


@pytest.mark.parametrize("delay", [0, 0.02, 0.2])
def test_exit_while_the_worker_sends(delay, redis, sink):
    """A batch a span: there is always one under way."""
    env = {**SETTINGS, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1", "OTEL_BSP_SCHEDULE_DELAY": "0"}
    for _ in range(40):
        sink.answers.append(Answer(delay=delay))
    for ending in ("busy-threads", "exit-race", "exit-in-thread"):
        command = [app("host_exit"), ending, redis.socket]
        result = instrumented(command, sink, env=env)
        assert result.returncode == {"busy-threads": 17, "exit-race": 11, "exit-in-thread": 8}[ending], result


@pytest.mark.parametrize("ending", ["exit-race", "busy-threads"])
def test_threads_that_exit_at_once_while_the_collector_is_slow(ending, redis):
    """Only one of them may leave, and not before the worker is out of libcurl."""
    status = {"exit-race": 11, "busy-threads": 17}[ending]
    with OtlpSink() as sink:
        for _ in range(10):
            sink.answers.append(Answer(delay=0.2))
            result = instrumented([app("host_exit"), ending, redis.socket], sink, env=SETTINGS)
            assert result.returncode == status
            assert result.stderr in (b"", FULL % 2048)  # a busy one may well make more than fit


def hang_up(connection):
    connection.recv(10)
    connection.close()


def babble(connection):
    connection.recv(65536)
    connection.sendall(b"\x00\xff" * 4000)
    connection.close()


def flood(connection):
    connection.recv(65536)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 100000)
    except OSError:
        pass


def endless_headers(connection):
    connection.recv(65536)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Header: " + b"y" * 1000 + b"\r\n")
    except OSError:
        pass


def drip(connection):
    connection.recv(65536)
    try:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize("serve", [hang_up, babble, flood, endless_headers, drip])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_is_something_else(serve, protocol, redis):
    command = [app("host_exit"), "return", redis.socket]
    expected = bare(command)
    with listener(serve) as endpoint:
        env = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
               "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "500"}
        result, took = timed(command, env)
    assert outcome(result) == outcome(expected)
    assert took < 3


@pytest.mark.parametrize("endpoint", [
    "http://127.0.0.1:1", "http://nothing.invalid:4318", "http://127.0.0.1:99999", "http://", "nonsense", "ftp://127.0.0.1/",
    "https://127.0.0.1:1", "http://[::1]:1", "http://127.0.0.1:1/%zz?x=y#z", "file:///etc/passwd", " ", "http://user:pw@127.0.0.1:1",
])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_endpoint_that_is_wrong(endpoint, protocol, redis):
    command = [app("host_exit"), "return", redis.socket]
    expected = bare(command)
    env = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
           "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "500"}
    for how in (instrumented, preloaded):
        result, took = timed(command, env, how)
        assert outcome(result) == outcome(expected)
        assert took < 4


def test_a_collector_killed_at_any_moment(redis, tmp_path):
    """Its own process, killed after 1, 2, 3 … requests while the program goes on; the program never notices."""
    program = f"import sys; sys.path.insert(0, {str(__file__.rsplit('/', 2)[0])!r}); from harness import OtlpSink; import time\n"
    program += "s = OtlpSink(); s.start(); print(s.endpoint, flush=True)\nwhile True: time.sleep(1)"
    env = {**SETTINGS, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5", "OTEL_BSP_SCHEDULE_DELAY": "10",
           "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "500"}
    command = [app("host_fds"), "numbers", redis.socket]
    expected = bare(command)
    for pause in (0.0, 0.03, 0.1):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as collector:
            endpoint = collector.stdout.readline().strip()
            process = start(instrumented_command(command), {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
            time.sleep(pause)
            collector.kill()
            stdout, _ = process.communicate(timeout=20)
            assert (stdout, process.returncode) == (expected.stdout, expected.returncode)


def test_a_collector_that_comes_back_gets_what_was_not_given_up(redis):
    """Stopped between two runs of one program: nothing but the spans of its absence is lost."""
    command = [app("host_exit"), "return", redis.socket]
    with OtlpSink() as sink:
        instrumented(command, sink, env=SETTINGS)
        sink.stop()
        instrumented(command, sink, env=SETTINGS)
        sink.start()
        instrumented(command, sink, env=SETTINGS)
        wait_until(lambda: len(sink.spans()) >= 2, what="two spans")
        expect(sink.spans(), *gets(redis, "main:1", "main:1"))


def test_a_full_queue_drops_and_says_so_once(redis):
    """The program is not held up by a receiver that stands still; the closing line accounts for every span."""
    with listener(mute) as endpoint:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
               "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "200", "OTEL_NATIVE_SUMMARY": "true"}
        result = instrumented([app("host_fds"), "numbers", redis.socket], env=env)
    own = [line for line in result.stderr.decode().splitlines() if "summary" in line]
    assert len(own) == 1, result.stderr
    said = [line for line in result.stderr.decode().splitlines() if "OTEL_BSP_MAX_QUEUE_SIZE" in line]
    assert said == [(FULL % 8).decode().strip()]
    numbers = [int(word) for word in own[0].replace(",", " ").split() if word.isdigit()]
    assert "made 50" in own[0] and "delivered 0" in own[0], own
    assert sum(numbers[-5:]) == 50
