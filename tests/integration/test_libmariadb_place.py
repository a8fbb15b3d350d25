"""libmariadb under the agent: where a connection is, whoever said so: arguments, options, a file, the environment."""

import pytest

from harness import MariaDB, app, certificates, free_port, same_output
from libmariadb_client import Client
from mysql_spans import SETS, Expected, compare, place

ONE = ["query=SELECT 1", "store", "free"]
SELECTED = Expected("SELECT ?", rows=1)
NOWHERE = "connect=-,-,-,-,-,-"


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


@pytest.fixture(params=SETS)
def which(request):
    return request.param


def selected(at):
    return Expected("SELECT ?", rows=1, **at)


# What says where: script, lines of a file, environment; and where that is.
USUAL = "user=app\npassword=secret\ndatabase=shop\n"
WAYS = {
    "file": (["defaults=FILE", NOWHERE], "[client]\nhost=127.0.0.1\nport=PORT\n" + USUAL, {}, "tcp"),
    "file-socket": (["defaults=FILE", NOWHERE], "[client]\nsocket=SOCKET\n" + USUAL, {}, "unix"),
    "file-protocol": (["defaults=FILE", "connect=localhost,-,-,-,-,-"], "[client]\nprotocol=1\nport=PORT\n" + USUAL, {}, "local"),
    "group": (["defaults=FILE", "group=mine", NOWHERE], "[client]\nhost=nosuch.invalid\n[mine]\nhost=127.0.0.1\nport=PORT\n" + USUAL,
              {}, "tcp"),
    "file-and-arguments": (["defaults=FILE", "connect=127.0.0.1,-,-,-,PORT,-"], "[client]\nhost=nosuch.invalid\nport=7\n" + USUAL, {},
                           "tcp"),
    "options": (["host=127.0.0.1", "port=PORT", "user=app", "password=secret", "schema=shop", NOWHERE], None, {}, "tcp"),
    "string": (["connect=host=127.0.0.1;port=PORT;user=app;password=secret;database=shop,-,-,-,-,-"], None, {}, "tcp"),
    "port-environment": (["connect=127.0.0.1,app,secret,shop,-,-"], None, {"MYSQL_TCP_PORT": "PORT"}, "tcp"),
    "socket-environment": (["connect=localhost,app,secret,shop,-,-"], None, {"MYSQL_UNIX_PORT": "SOCKET"}, "unix"),
    "socket-by-default": (["connect=-,app,secret,shop,-,-"], None, {"MYSQL_UNIX_PORT": "SOCKET"}, "unix"),
    "socket-and-port": (["connect=localhost,app,secret,shop,PORT,SOCKET"], None, {}, "unix"),
    "localhost-by-tcp": (["tcp", "connect=localhost,app,secret,shop,PORT,-"], None, {}, "local"),
    "password-environment": (["connect=127.0.0.1,app,-,shop,PORT,-"], None, {"MYSQL_PWD": "secret"}, "tcp"),
    "no-schema": (["connect=127.0.0.1,app,secret,-,PORT,-"], None, {}, "bare"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_says_where(client, tmp_path, way, which):
    """The connected library knows."""
    server = client.server
    script, lines, env, kind = WAYS[way]

    def filled(text):
        return text.replace("FILE", str(tmp_path / "my.cnf")).replace("PORT", str(server.port)).replace("SOCKET", server.socket)

    if lines:
        (tmp_path / "my.cnf").write_text(filled(lines), encoding="utf-8")
    at = {"tcp": place("127.0.0.1", server.port), "unix": place(server.socket), "local": place("localhost", server.port),
          "bare": place("127.0.0.1", server.port, schema=None)}[kind]
    env = {name: filled(value) for name, value in env.items()}
    compare(client, [*map(filled, script), *ONE, "close"], [selected(at)], which, env=env)


def refused(code, message, at):
    """Which system the server is, it has not said."""
    return Expected(name="connect", error=code, message=message, old=at["old"], new={**at["new"], "db__system__name": "mysql"})


DENIED = "Access denied for user 'app'@'127.0.0.1' (using password: YES)"
DENIED_HERE = "Access denied for user 'app'@'localhost' (using password: YES)"


@pytest.mark.parametrize("case", ["arguments", "file", "port-environment", "options", "here", "socket", "list"])
def test_a_connect_that_fails(client, tmp_path, case, which):
    """Said is what the program has said, and what the message names; nothing is guessed."""
    server, nobody = client.server, free_port()
    (tmp_path / "my.cnf").write_text(f"[client]\nhost=127.0.0.1\nport={server.port}\nuser=app\npassword=wrong\n", encoding="utf-8")
    (tmp_path / "list.cnf").write_text(f"[client]\nhost=127.0.0.1:{nobody},127.0.0.1:{free_port()}\n", encoding="utf-8")
    unknown = place(None, user=None, schema=None)
    script, env, expected = {
        "arguments": ([f"connect=127.0.0.1,app,wrong,shop,{server.port},-"], {}, refused("1045", DENIED, place("127.0.0.1", server.port))),
        "file": ([f"defaults={tmp_path}/my.cnf", NOWHERE], {}, refused("1045", DENIED, unknown)),
        "port-environment": (["connect=127.0.0.1,app,wrong,shop,-,-"], {"MYSQL_TCP_PORT": server.port},
                             refused("1045", DENIED, place("127.0.0.1"))),
        "options": (["host=127.0.0.1", f"port={nobody}", NOWHERE], {},
                    refused("2002", "Can't connect to server on '127.0.0.1' (115)", place("127.0.0.1", user=None, schema=None))),
        "here": (["connect=localhost,app,wrong,shop,-,-"], {"MYSQL_UNIX_PORT": server.socket},
                 refused("1045", DENIED_HERE, place("localhost"))),
        "socket": ([f"connect=localhost,app,wrong,shop,{server.port},{server.socket}"], {},
                   refused("1045", DENIED_HERE, place(server.socket))),
        "list": ([f"defaults={tmp_path}/list.cnf", NOWHERE], {},
                 refused("2002", "Can't connect to server on '127.0.0.1' (115)", place("127.0.0.1", user=None, schema=None))),
    }[case]
    compare(client, [*script, "close"], [expected], which, env=env)


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encrypted():
    """A server with a certificate, that lets `app` in over TLS only."""
    class Encrypted(MariaDB):
        ACCOUNTS = MariaDB.ACCOUNTS + "ALTER USER app@'%' REQUIRE SSL;\n"

        def command(self):
            certificate, key = certificates.server()
            return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    with Encrypted() as server:
        yield server


def test_tls(encrypted, which):
    """The spans are those of any connection."""
    client = Client(encrypted)
    script = [f"ca={certificates.authority()}", client.tcp, *ONE, "stmt", "prepare=SELECT id FROM t WHERE id = ?", "bind=1", "execute",
              "sstore", "sclose", "query=SELECT * FROM nosuch", "close"]
    compare(client, script, [SELECTED, Expected("SELECT id FROM t WHERE id = ?", "t", rows=0),
                             Expected("SELECT * FROM nosuch", "nosuch", error="1146", message="Table 'shop.nosuch' doesn't exist")],
            which)
    result = same_output([client.program, "init", f"ca={certificates.authority()}", client.tcp, "cipher", "close"])
    assert b"cipher: 1\n" in result.stdout and result.spans == []


def test_tls_in_flight(encrypted, which):
    """Four connections on one thread, through the non-blocking interface; one without TLS is refused."""
    client = Client(encrypted)
    ca = f"ca={certificates.authority()}"
    words = [word for i in range(4) for word in ([ca, "connect", f"query=SELECT {i} AS c{i}, SLEEP(0.05)", "store", "free", "close", "/"])]
    result = same_output([app("mysql_poll"), encrypted.port, *words, "connect", "close"], env=SETS[which])
    key = "db.statement" if which == "old" else "db.query.text"
    bad, *good = sorted(result.spans, key=lambda span: span.attributes.get(key, ""))
    refused("1045", DENIED, place("127.0.0.1", encrypted.port)).compare(bad, client, which)
    for i, span in enumerate(good):
        Expected(f"SELECT ? AS c{i}, SLEEP(?)", rows=1).compare(span, client, which)
        assert span.end - span.start > 50_000_000
    assert len(good) == 4


def test_tls_fails(encrypted, tmp_path, which):
    """A certificate of somebody else's; a server that asks for TLS."""
    client = Client(encrypted)
    here = place("127.0.0.1", encrypted.port)
    (tmp_path / "nobody.pem").write_text("", encoding="utf-8")
    compare(client, [f"ca={tmp_path}/nobody.pem", client.tcp, "close"], [refused("2026", ..., here)], which)
    compare(client, [client.tcp, "close"], [refused("1045", DENIED, here)], which)


# --- files of the client's -------------------------------------------------------------------------------------------


def test_rows_from_a_file(client, tmp_path, which):
    """Read; a file that is missing; refused by the client's options, and not to be asked for at all."""
    (tmp_path / "rows").write_text("1\tx\n2\ty\n", encoding="utf-8")
    load = [f"query=LOAD DATA LOCAL INFILE '{tmp_path}/{name}' INTO TABLE t" for name in ("rows", "nosuch")]
    text = dict(text="LOAD DATA LOCAL INFILE ? INTO TABLE t", table="t", summary="LOAD DATA t")
    compare(client, ["infile=1", client.tcp, *load, *ONE, "close"],
            [Expected(**text, affected=2), Expected(**text, error="2", message=...), SELECTED], which)
    compare(client, ["infile=0", client.tcp, load[0], *ONE, "close"], [Expected(**text, error="4166", message=...), SELECTED], which)
