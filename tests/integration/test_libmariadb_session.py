"""libmariadb under the agent: what happens to a connection besides statements."""

import pytest

from harness import certificates, same_output
from test_libmariadb import DUP, NEW, NEW_SCOPE, Client, check

READ = ["store", "free"]


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


def test_no_operations_of_the_programs(client):
    """COM_PING, COM_RESET_CONNECTION: the session goes on where it was."""
    before, after = client.run(client.tcp, "ping", "query=SELECT 1", *READ, "ping", "reset", "query=SELECT 2", *READ, "close")
    for span in (before, after):
        check(span, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


def test_a_reset_in_the_middle_of_rows(client):
    stored, prepared = client.run(client.tcp, "query=SELECT 1", *READ[:1], "stmt", "prepare=SELECT 1 UNION SELECT 2", "execute",
                                  "sfetch=1", "reset", "sclose", "close")
    check(stored, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))
    check(prepared, "SELECT", client.old(db__statement="SELECT ? UNION SELECT ?", db__operation="SELECT", db__rows_affected=1))


@pytest.mark.parametrize("opt_in", [{}, NEW, DUP])
def test_a_connection_that_was_lost_and_made_again(client, opt_in):
    """Killed by itself; the library connects again inside the next call."""
    killed, lost, again = client.run("reconnect", client.tcp, "query=SELECT 0", *READ, "kill", "ping", "query=SELECT * FROM nosuch",
                                     "query=SELECT id FROM t", *READ, "close", env=opt_in)
    assert (killed.name, killed.status[0]) == ("SELECT", "UNSET")
    old = dict(db__operation="SELECT")
    bad = {**(client.old(**old, db__statement="SELECT * FROM nosuch", db__sql__table="nosuch") if opt_in != NEW else {}),
           **(client.new(db__query__text="SELECT * FROM nosuch", db__query__summary="SELECT nosuch", error__type="1146",
                         db__response__status_code="1146") if opt_in else {})}
    good = {**(client.old(**old, db__statement="SELECT id FROM t", db__sql__table="t", db__rows_affected=0)
               if opt_in != NEW else {}),
            **(client.new(db__query__text="SELECT id FROM t", db__query__summary="SELECT t", db__response__returned_rows=0)
               if opt_in else {})}
    scope = [NEW_SCOPE] if opt_in else []
    check(lost, "SELECT nosuch" if opt_in else "SELECT", bad, ("ERROR", "Table 'shop.nosuch' doesn't exist"), *scope)
    check(again, "SELECT t" if opt_in else "SELECT", good, ("UNSET", ""), *scope)


def test_rows_from_a_file(client, tmp_path):
    (tmp_path / "rows").write_text("1\tx\n2\ty\n", encoding="utf-8")
    good, missing = client.run("infile", client.tcp, f"query=LOAD DATA LOCAL INFILE '{tmp_path}/rows' INTO TABLE t",
                               f"query=LOAD DATA LOCAL INFILE '{tmp_path}/nosuch' INTO TABLE t", "close")
    attributes = dict(db__statement="LOAD DATA LOCAL INFILE ? INTO TABLE t", db__operation="LOAD", db__sql__table="t")
    check(good, "LOAD", client.old(**attributes, db__rows_affected=2))
    check(missing, "LOAD", client.old(**attributes), missing.status)
    assert missing.status[0] == "ERROR" and "not found" in missing.status[1]


def test_tls(mariadb):
    """A server with a certificate; the spans are those of any connection."""
    class Encrypted(type(mariadb)):
        def command(self):
            certificate, key = certificates.server()
            return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    with Encrypted() as server:
        client = Client(server)
        (span,) = client.run(f"ca={certificates.authority()}", client.tcp, "cipher", "query=SELECT 1", *READ, "close")
        check(span, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))
        result = same_output([client.program, "init", f"ca={certificates.authority()}", client.tcp, "cipher", "close"])
        assert b"cipher: 1\n" in result.stdout
