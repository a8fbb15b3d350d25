"""libotel-exporter.so against receivers that are overloaded, broken, slow, gone; and while the process is leaving."""

import base64
import struct
import time

import pytest
from exporter import OK, BadServer, Driving, drive, grpc_ok, http2_calls, http2_frame, read_request, settings
from harness import Answer, OtlpSink, app, free_port

PROTOCOLS = ("http", "grpc")
UNAVAILABLE = {"http": 503, "grpc": "UNAVAILABLE"}
# ExportTraceServiceResponse{partial_success{rejected_spans: 2, error_message: "too old"}} and with no span rejected
REJECTED_2 = b"\x0a\x0b\x08\x02\x12\x07too old"
REMARK = b"\x0a\x09\x12\x07be nice"


def gaps(sink):
    times = [request.time for request in sink.requests]
    return [after - before for before, after in zip(times, times[1:])]


# --- retries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tries_again_after_a_second_or_so(protocol):
    with OtlpSink(protocol) as sink:
        sink.answers.append(Answer(UNAVAILABLE[protocol]))
        outcome = drive(settings(sink.endpoint, protocol), "export", 3)
        assert outcome.batches[0].counts == (3, 0, 0)
        assert len(sink.exactly(3)) == 3
        (gap,) = gaps(sink)
        assert 0.8 <= gap < 2
        assert outcome.log == []


@pytest.mark.parametrize("status", (429, 502, 503, 504))
def test_waits_as_long_as_the_receiver_asks(status):
    with OtlpSink() as sink:
        sink.answers.append(Answer(status, {"Retry-After": "2"}))
        assert drive(settings(sink.endpoint), "export", 1).batches[0].counts == (1, 0, 0)
        assert 2 <= gaps(sink)[0] < 3


def test_retry_after_may_be_a_date():
    with OtlpSink() as sink:
        at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 5))
        sink.answers.append(Answer(429, {"Retry-After": at}))
        assert drive(settings(sink.endpoint), "export", 1).batches[0].counts == (1, 0, 0)
        assert gaps(sink)[0] < 0.7


@pytest.mark.parametrize("status", (301, 307, 400, 401, 404, 408, 413, 500, 501, 505))
def test_does_not_try_again_what_cannot_succeed(status):
    with OtlpSink() as sink, OtlpSink() as other:
        sink.answers.append(Answer(status, {"Location": f"{other.endpoint}/v1/traces", "Retry-After": "0"}))
        outcome = drive(settings(sink.endpoint), "export", 2)
        assert outcome.batches[0].counts == (0, 0, 2)
        assert (len(sink.requests), other.requests) == (1, [])
        assert outcome.log == [f"2 cannot export traces to {sink.endpoint}/v1/traces: HTTP status {status}; "
                               "spans are dropped until it works"]


RETRYABLE = ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
FINAL = ("UNKNOWN", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
         "FAILED_PRECONDITION", "UNIMPLEMENTED", "INTERNAL", "UNAUTHENTICATED")


def retry_info(seconds):
    """google.rpc.Status with one RetryInfo, as grpc-status-details-bin."""
    url = b"type.googleapis.com/google.rpc.RetryInfo"
    info = b"\x0a\x02\x08" + bytes([seconds])
    any_message = b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(info)]) + info
    return {"grpc-status-details-bin": b"\x08\x08\x12\x04busy\x1a" + bytes([len(any_message)]) + any_message}


@pytest.mark.parametrize("status", RETRYABLE)
def test_grpc_status_that_may_pass(status):
    with OtlpSink("grpc") as sink:
        sink.answers.append(Answer(status, retry_info(0)))
        assert drive(settings(sink.endpoint, "grpc"), "export", 1).batches[0].counts == (1, 0, 0)
        assert len(sink.requests) == 2


@pytest.mark.parametrize("status", FINAL)
def test_grpc_status_that_stays(status):
    with OtlpSink("grpc") as sink:
        sink.answers.append(Answer(status, message="caf\xe9 100%"))
        outcome = drive(settings(sink.endpoint, "grpc"), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert len(sink.requests) == 1
        assert outcome.log == [f"2 cannot export traces to {sink.endpoint}: {status}: caf?? 100%; "
                               "spans are dropped until it works"]


def test_grpc_retry_info_says_when():
    with OtlpSink("grpc") as sink:
        sink.answers.append(Answer("RESOURCE_EXHAUSTED", retry_info(2)))
        assert drive(settings(sink.endpoint, "grpc"), "export", 1).batches[0].counts == (1, 0, 0)
        assert 2 <= gaps(sink)[0] < 3


# --- the budget --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gives_up_when_the_next_try_would_be_too_late(protocol):
    with OtlpSink(protocol) as sink:
        sink.answers.extend([Answer(UNAVAILABLE[protocol])] * 9)
        outcome = drive(settings(sink.endpoint, protocol, exporter_otlp_timeout="2000"), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert outcome.batches[0].ms <= 2000
        assert len(sink.requests) == 2  # at 0 and about 1 s; about 3 s would be too late


def test_gives_up_at_once_when_asked_to_wait_too_long():
    with OtlpSink() as sink:
        sink.answers.append(Answer(429, {"Retry-After": "60"}))
        outcome = drive(settings(sink.endpoint), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert outcome.batches[0].ms < 700


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_receiver_that_never_answers_costs_the_budget(protocol):
    with BadServer(lambda connection, _: connection.recv(1) and time.sleep(30)) as server:
        outcome = drive(settings(server.endpoint, protocol, exporter_otlp_timeout="600"), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert 590 <= outcome.batches[0].ms < 1200
        assert len(outcome.log) == 1


def test_an_answer_byte_by_byte_costs_the_budget():
    def behave(connection, _):
        read_request(connection)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.01)

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint, exporter_otlp_timeout="600"), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert 590 <= outcome.batches[0].ms < 1200


def test_name_servers_that_do_not_answer_cost_the_budget():
    """Resolving happens on a thread of libcurl's, and nobody waits for its end: neither a batch nor a program that ends."""
    shallow = {"LD_PRELOAD": app("slow_resolver"), "EXPORTER_DRIVER_SHALLOW": "1"}
    env = settings("http://collector.example:4318", exporter_otlp_timeout="600")
    begin = time.monotonic()
    outcome = drive(env, "export", 1, "leave", 0, 300, "export", 1, extra_env=shallow)
    assert [batch.counts for batch in outcome.batches] == [(0, 0, 1)] * 2
    assert 590 <= outcome.batches[0].ms < 1000
    assert 290 <= outcome.batches[1].ms < 500
    assert time.monotonic() - begin < 4


def test_the_batch_processor_s_timeout_counts_too():
    with BadServer(lambda connection, _: connection.recv(1) and time.sleep(30)) as server:
        outcome = drive(settings(server.endpoint, bsp_export_timeout="400"), "export", 1)
        assert 390 <= outcome.batches[0].ms < 1000


# --- leaving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_leaving_with_nobody_listening_takes_no_time(protocol):
    outcome = drive(settings(f"http://127.0.0.1:{free_port()}", protocol), "leave", 0, 2000, "export", 1, "export", 1)
    assert [batch.counts for batch in outcome.batches] == [(0, 0, 1)] * 2
    assert sum(batch.ms for batch in outcome.batches) < 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_leaving_tries_once(protocol):
    with OtlpSink(protocol) as sink:
        sink.answers.extend([Answer(UNAVAILABLE[protocol])] * 9)
        outcome = drive(settings(sink.endpoint, protocol), "leave", 0, 2000, "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert outcome.batches[0].ms < 700
        assert len(sink.requests) == 1


@pytest.mark.parametrize("after", (0, 300))
def test_leaving_does_not_wait_for_an_answer_past_its_deadline(after):
    with BadServer(lambda connection, _: connection.recv(1) and time.sleep(30)) as server:
        outcome = drive(settings(server.endpoint), "leave", after, 400, "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert after + 390 <= outcome.batches[0].ms < after + 600
        assert outcome.log == [f"2 cannot export traces to {server.endpoint}/v1/traces: no answer before the process ended; "
                               "spans are dropped until it works"]


def test_leaving_cuts_a_retry_delay_short():
    """The batch that waits gets one more try, at once."""
    with OtlpSink() as sink:
        sink.answers.append(Answer(503, {"Retry-After": "5"}))
        outcome = drive(settings(sink.endpoint), "leave", 300, 2000, "export", 1)
        assert outcome.batches[0].counts == (1, 0, 0)
        assert outcome.batches[0].ms < 1000


def test_a_flush_cuts_a_retry_delay_short_once():
    with OtlpSink() as sink:
        sink.answers.extend([Answer(503)] * 9)
        outcome = drive(settings(sink.endpoint), "hurry", "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert outcome.batches[0].ms < 700
        assert len(sink.requests) == 2


# --- broken receivers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"))
def test_a_connection_lost_in_mid_answer_is_tried_again(part):
    def behave(connection, number):
        while read_request(connection):
            connection.sendall(part if number == 1 else OK)
            if number == 1:
                connection.close()
                return

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint), "export", 1)
        assert outcome.batches[0].counts == (1, 0, 0)
        assert server.connections == 2


def test_a_connection_that_is_reset_is_tried_again():
    def behave(connection, number):
        if number == 1:
            connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close resets
            connection.recv(1)
            connection.close()
        else:
            while read_request(connection):
                connection.sendall(OK)

    with BadServer(behave) as server:
        assert drive(settings(server.endpoint), "export", 1).batches[0].counts == (1, 0, 0)


def test_a_grpc_call_that_is_reset_is_tried_again():
    """The stream is reset, the connection stays: what was measured to fail with libcurl 7.88 if it is used again."""
    calls = []

    def behave(connection, number):
        for stream in http2_calls(connection):
            calls.append(number)
            internal_error = (2).to_bytes(4, "big")
            connection.sendall(http2_frame(3, 0, stream, internal_error) if len(calls) == 1 else grpc_ok(stream))

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint, "grpc"), "export", 1, "export", 1)
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0)] * 2
        assert calls[1] == calls[2]  # two calls over the second connection
        assert outcome.log == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("answer", (b"\0\xff\xfe garbage \r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", OK))
def test_garbage_is_survived(protocol, answer):
    def behave(connection, _):
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint, protocol, exporter_otlp_timeout="500"), "export", 1, "export", 1)
        good = protocol == "http" and answer is OK
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0) if good else (0, 0, 1)] * 2
        assert len(outcome.log) == (0 if good else 1)


def test_an_answer_without_end_is_cut():
    def behave(connection, _):
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert server.connections == 1
        assert "the answer is longer than 4 MiB" in outcome.log[0]


def test_a_web_server_is_not_a_collector():
    def behave(connection, _):
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")

    with BadServer(behave) as server:
        outcome = drive(settings(server.endpoint), "export", 1, "export", 1)
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0)] * 2
        assert outcome.log == [
            f"2 {server.endpoint}/v1/traces: the answer is not one of OTLP: is a collector listening there?"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_partial_success(protocol):
    with OtlpSink(protocol) as sink:
        sink.answers.extend([Answer(body=REJECTED_2), Answer(body=REJECTED_2), Answer()])
        outcome = drive(settings(sink.endpoint, protocol), "export", 5, "export", 5, "export", 5)
        assert [batch.counts for batch in outcome.batches] == [(3, 2, 0), (3, 2, 0), (5, 0, 0)]
        assert len(sink.requests) == 3  # never tried again
        assert [line.rsplit("rejected", 1)[1] for line in outcome.log] == [" 2 spans: too old"]


def test_a_remark_without_rejected_spans():
    with OtlpSink() as sink:
        sink.answers.append(Answer(body=REMARK))
        outcome = drive(settings(sink.endpoint), "export", 5)
        assert outcome.batches[0].counts == (5, 0, 0)
        assert outcome.log == [f"2 {sink.endpoint}/v1/traces: be nice"]


def test_http_receiver_behind_a_grpc_setting():
    with OtlpSink() as sink:
        outcome = drive(settings(sink.endpoint, "grpc", exporter_otlp_timeout="500"), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert len(outcome.log) == 1


# --- what is said ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_says_once_that_it_fails_and_once_that_it_works_again(protocol):
    with OtlpSink(protocol) as sink:
        sink.stop()
        driving = Driving(settings(sink.endpoint, protocol, exporter_otlp_timeout="300"), *("export", 2) * 3, "line",
                          *("export", 1) * 3)
        driving.wait()
        sink.start()
        driving.go()
        outcome = driving.finish()
        assert [batch.counts for batch in outcome.batches] == [(0, 0, 2)] * 3 + [(1, 0, 0)] * 3
        first, second = outcome.log
        assert first.startswith(f"2 cannot export traces to {sink.endpoint}")
        assert first.endswith("; spans are dropped until it works")
        assert second.startswith(f"2 exporting traces to {sink.endpoint}")
        assert second.endswith(" works again; 6 spans were lost")


def test_names_no_secret():
    port = free_port()
    env = settings(f"http://user:secret@127.0.0.1:{port}?key=secret", exporter_otlp_headers="a=secret;",
                   exporter_otlp_timeout="300")
    outcome = drive(env, "export", 1)
    assert outcome.log[-1].startswith(f"2 cannot export traces to http://127.0.0.1:{port}/v1/traces: ")
    assert "secret" not in "".join(outcome.log)


def test_basic_authentication_in_the_endpoint():
    with OtlpSink() as sink:
        drive(settings(f"http://user:secret@127.0.0.1:{sink.port}"), "export", 1)
        assert sink.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"user:secret").decode()
