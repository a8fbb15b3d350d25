"""Each hooked function of GnuTLS, its success and its failure: what it returns is the same as without us."""

import re

import pytest

from harness import app, certificates, paths, same_output

# Where each succeeds: here, or in the programs of test_gnutls.py and test_gnutls_bytes.py. Those that return nothing cannot fail.
ELSEWHERE = ["gnutls_client.c", "gnutls_server.c", "gnutls_writes.c", "gnutls_session.h"]
SUCCEED_HERE = {"gnutls_record_send_early_data", "gnutls_record_recv_early_data", "gnutls_record_discard_queued"}
FAIL = {"gnutls_record_send": -408, "gnutls_record_send2": -408, "gnutls_record_send_range": -50, "gnutls_record_send_file": -64,
        "gnutls_record_recv": -408, "gnutls_record_recv_seq": -54, "gnutls_record_recv_packet": -10, "gnutls_record_recv_early_data": -50,
        "gnutls_record_discard_queued": 0, "gnutls_record_check_corked": 0, "gnutls_record_uncork": 0, "gnutls_record_send_early_data": 0}
FAIL_WORDS = {"gnutls_handshake", "gnutls_bye"}
CANNOT_FAIL = {"gnutls_init", "gnutls_deinit", "gnutls_record_cork", "gnutls_transport_set_push_function",
               "gnutls_transport_set_vec_push_function", "gnutls_transport_set_pull_function"}


def hooked():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((paths.SOURCE / "hooks").glob("gnutls*.c")))
    return set(re.findall(r"^OI_HOOK\([^,]*, *(\w+),", text, re.MULTILINE))


@pytest.mark.parametrize("env", [{}, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}], ids=["old", "new"])
def test_functions(env):
    result = same_output([app("gnutls_functions"), *certificates.server()], env=env)
    said = result.stdout.decode()
    assert result.returncode == 0
    for name, value in FAIL.items():
        assert re.search(rf"^{name}\(session[^)]*\): {value}$", said, re.MULTILINE), name
    for name in FAIL_WORDS:
        assert f"{name}: failed\n" in said
    assert "gnutls_record_send_early_data: 0\ntaken: 1\n" in said and "gnutls_record_discard_queued(session) > 0: 1\n" in said
    path = "url.path" if env else "http.target"
    where = "url.full" if env else "http.url"
    # What is asked early may have to be asked again, and what was thrown away was not asked: of such a session nothing is told.
    assert sorted((span.kind, span.name, span.attributes.get(path) or span.attributes[where], span.status) for span in result.spans) == [
        ("CLIENT", "GET", "https://example.test/first", ("UNSET", "")), ("SERVER", "GET /early", "/early", ("UNSET", "")),
        ("SERVER", "GET /first", "/first", ("UNSET", "")), ("SERVER", "GET /later", "/later", ("UNSET", ""))]


def test_every_function_is_in_the_table():
    programs = "".join((paths.SOURCE / "tests" / "apps" / name).read_text(encoding="utf-8") for name in ELSEWHERE)
    succeed = SUCCEED_HERE | {name for name in hooked() if re.search(rf"\b{name}\b", programs)}
    assert succeed == hooked()
    assert set(FAIL) | FAIL_WORDS == hooked() - CANNOT_FAIL
