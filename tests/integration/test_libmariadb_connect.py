"""libmariadb under the agent: connecting, and what is said where it fails."""

import pytest

from harness import free_port
from libmariadb_client import NEW, NEW_SCOPE, Client, check


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


def test_connect_is_a_span_on_request(client):
    env = {"OTEL_NATIVE_CONNECT_SPANS": "true", **NEW}
    connect, select = client.run(client.tcp, "query=SELECT 1", "store", "free", "close", env=env)
    check(connect, "connect", client.new(db__operation__name="connect"), scope=NEW_SCOPE)
    assert select.name == "SELECT"


def failed_connect(client, connect, env=None, *before):
    (span,) = client.run(*before, connect, "close", env=env)
    return span


def test_wrong_password(client):
    message = "Access denied for user 'app'@'127.0.0.1' (using password: YES)"
    connect = client.tcp.replace("secret", "wrong")
    check(failed_connect(client, connect), "connect", client.old(db__operation="connect"), ("ERROR", message))
    check(failed_connect(client, connect, NEW), "connect",
          client.new(db__system__name="mysql", db__operation__name="connect", error__type="1045",
                     db__response__status_code="1045"), ("ERROR", message), NEW_SCOPE)


def test_no_server(client):
    port = free_port()
    connect = f"connect=127.0.0.1,app,secret,shop,{port},-"
    message = "Can't connect to server on '127.0.0.1' (115)"
    check(failed_connect(client, connect), "connect",
          client.old(db__operation="connect", net__peer__port=port,
                     db__connection_string=f"mysql://app@127.0.0.1:{port}/shop"), ("ERROR", message))
    check(failed_connect(client, connect, NEW), "connect",
          client.new(db__system__name="mysql", db__operation__name="connect", server__port=port, error__type="2002"),
          ("ERROR", message), NEW_SCOPE)


def test_unknown_database(client):
    span = failed_connect(client, client.tcp.replace("shop", "nosuch"), NEW)
    check(span, "connect", client.new(db__system__name="mysql", db__namespace="nosuch", db__operation__name="connect",
                                      error__type="1049", db__response__status_code="1049"),
          ("ERROR", "Unknown database 'nosuch'"), NEW_SCOPE)


def test_unknown_host(client):
    span = failed_connect(client, "connect=nosuch.invalid,app,secret,shop,7,-", NEW)
    assert (span.attributes["server.address"], span.attributes["server.port"], span.attributes["error.type"]) == (
        "nosuch.invalid", 7, "2005")


@pytest.mark.parametrize("script", [
    ["connect=localhost,app,secret,shop,-,/nosuch/mysql.sock"], ["connect=-,app,secret,shop,-,/nosuch/mysql.sock"],
    ["defaults=FILE", "connect=-,-,-,-,-,-"]])
def test_no_socket(client, tmp_path, script):
    """The last one is in a file only the library reads: its message names the place."""
    (tmp_path / "my.cnf").write_text("[client]\nsocket=/nosuch/mysql.sock\nuser=app\n", encoding="utf-8")
    script = [word.replace("FILE", str(tmp_path / "my.cnf")) for word in script]
    (span,) = client.run(*script, "close", env=NEW)
    assert span.status == ("ERROR", "Can't connect to local server through socket '/nosuch/mysql.sock' (2)")
    assert span.attributes["server.address"] == "/nosuch/mysql.sock"
    assert "server.port" not in span.attributes


def test_defaults_file_gives_the_real_values(client, tmp_path):
    (tmp_path / "my.cnf").write_text(
        f"[client]\nhost=127.0.0.1\nport={client.server.port}\nuser=app\npassword=secret\ndatabase=shop\n", encoding="utf-8")
    (span,) = client.run(f"defaults={tmp_path}/my.cnf", "connect=-,-,-,-,-,-", "query=SELECT 1", "store", "free", "close")
    check(span, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


@pytest.mark.parametrize("opt_in", ["", "database", "database/dup"])
def test_a_connection_string_is_not_shown(client, opt_in):
    """libmariadb takes one as host; it holds a password."""
    connect = f"connect=host=127.0.0.1;port={free_port()};user=app;password=geheim,-,-,-,-,-"
    (span,) = client.run(connect, "close", env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
    assert span.name == "connect" and span.status[0] == "ERROR"
    assert "geheim" not in repr(span)


def test_connecting_twice_changes_nothing(client):
    twice, select = client.run(client.tcp, "connect=other.invalid,else,x,y,9,-", "query=SELECT 1", "store", "free", "close")
    check(twice, "connect", client.old(db__operation="connect"), twice.status)
    assert twice.status[0] == "ERROR"
    check(select, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


def test_a_second_try_may_succeed(client):
    failed, select = client.run(f"connect=127.0.0.1,app,secret,shop,{free_port()},-", client.tcp, "query=SELECT 1", "store",
                                "free", "close")
    assert failed.name == "connect" and failed.status[0] == "ERROR"
    check(select, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


def test_what_connecting_does_inside_is_no_span(client):
    spans = client.run("command=SET NAMES utf8mb4", client.tcp, "query=SELECT 1", "store", "free", "close")
    assert [span.name for span in spans] == ["SELECT"]
