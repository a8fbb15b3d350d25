"""ruby-mysql2: an extension that Ruby opens with RTLD_LOCAL, and that sends a statement and reads its answer in two calls."""

import pytest

from harness import same_output
from libmariadb_client import Client
from mysql_spans import SETS, Expected, place

CONNECT = """
require "mysql2"
port = ARGV[0].to_i
connect = lambda do |more = {}|
  Mysql2::Client.new({host: "127.0.0.1", port: port, username: "app", password: "secret", database: "shop"}.merge(more))
end
"""

PROGRAM = CONNECT + """
client = connect.call
client.query("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20))")
client.query("INSERT INTO goods VALUES (1, 'it''s'), (2, 'two')")
puts client.affected_rows
client.query("SELECT name FROM goods WHERE id < 9 ORDER BY id").each { |row| p row }

insert = client.prepare("INSERT INTO goods VALUES (?, ?)")
insert.execute(3, "three")
begin
  insert.execute(3, "again")
rescue Mysql2::Error => error
  puts error.error_number
end
client.prepare("SELECT name FROM goods WHERE id = ?").execute(3).each { |row| p row }

begin
  client.query("SELECT * FROM nosuch")
rescue Mysql2::Error => error
  puts error.message
end

client.query("SELECT SLEEP(0.05), 'asynchronous' AS a", async: true)
p IO.select([IO.for_fd(client.socket, autoclose: false)], nil, nil, 10).nil?
client.async_result.each { |row| p row }

rows = 0
# On a connection without prepared statements: when those are collected, the library throws away the rows of others.
other = connect.call
other.query("SELECT seq FROM seq_1_to_1000", stream: true, cache_rows: false).each { |_| rows += 1 }
p rows
other.close
begin
  client.prepare("SELECT * FROM nosuch")
rescue Mysql2::Error => error
  puts error.message
end
client.query("USE mysql")
client.query("SELECT 1")
client.select_db("shop")
p client.ping
client.close
"""

MISSING = dict(error="1146", message="Table 'shop.nosuch' doesn't exist")


@pytest.fixture(params=SETS)
def which(request):
    return request.param


def run(mariadb, program, which, env=None):
    result = same_output(["/usr/bin/ruby", "-e", program, str(mariadb.port)], before=mariadb.reset, env={**SETS[which], **(env or {})})
    assert result.returncode == 0, result.stderr
    return result, sorted(result.spans, key=lambda span: span.start)


def compare(client, spans, expected, which):
    assert len(spans) == len(expected), [span.name for span in spans]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)


def test_statements(mariadb, which):
    elsewhere = place("127.0.0.1", mariadb.port, schema="mysql")
    result, spans = run(mariadb, PROGRAM, which)
    assert b"asynchronous" in result.stdout and b"1062\n" in result.stdout
    insert = dict(text="INSERT INTO goods VALUES (?, ?)", table="goods")
    compare(Client(mariadb), spans, [
        Expected("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(?))", "goods", summary="CREATE TABLE goods", affected=0),
        Expected("INSERT INTO goods VALUES (?, ?), (?, ?)", "goods", affected=2),
        Expected("SELECT name FROM goods WHERE id < ? ORDER BY id", "goods", rows=2),
        Expected(**insert, affected=1),
        Expected(**insert, error="1062", message="Duplicate entry '?' for key 'PRIMARY'"),
        Expected("SELECT name FROM goods WHERE id = ?", "goods", rows=1),
        Expected("SELECT * FROM nosuch", "nosuch", **MISSING),
        Expected("SELECT SLEEP(?), ? AS a", rows=1),
        Expected("SELECT seq FROM seq_1_to_1000", "seq_1_to_1000", rows=1000),
        Expected("SELECT * FROM nosuch", "nosuch", **MISSING),
        Expected("USE mysql", affected=0),
        Expected("SELECT ?", rows=1, **elsewhere),
        Expected(name="USE"),
    ], which)
    assert spans[7].end - spans[7].start > 50_000_000


def test_several_results(mariadb, which):
    program = CONNECT + """
    client = connect.call(flags: Mysql2::Client::MULTI_STATEMENTS)
    client.query("SELECT 1; SELECT 2 UNION SELECT 3").each { |row| p row }
    while client.next_result
      client.store_result.each { |row| p row }
    end
    client.query("DO 1; SELECT * FROM nosuch")
    begin
      client.next_result
    rescue Mysql2::Error => error
      puts error.message
    end
    """
    _, spans = run(mariadb, program, which)
    compare(Client(mariadb), spans, [
        Expected("SELECT ?; SELECT ? UNION SELECT ?", summary="SELECT SELECT SELECT", rows=3),
        Expected("DO ?; SELECT * FROM nosuch", summary="DO SELECT nosuch", affected=0, old={"db__sql__table": "nosuch"}, **MISSING)], which)


def test_refused(mariadb, which):
    program = CONNECT + """
    begin
      connect.call(password: "wrong")
    rescue Mysql2::Error => error
      puts error.message
    end
    """
    _, spans = run(mariadb, program, which)
    compare(Client(mariadb), spans, [
        Expected(name="connect", error="1045", message="Access denied for user 'app'@'127.0.0.1' (using password: YES)",
                 new={"db__system__name": "mysql"})], which)


def test_threads(mariadb, which):
    """Each with a connection of its own, and statements that wait at the same time."""
    program = CONNECT + """
    rows = 8.times.map do |i|
      Thread.new do
        client = connect.call
        found = 5.times.map { client.query("SELECT #{i} AS c#{i}, SLEEP(0.002)").to_a.size }.sum
        client.close
        found
      end
    end
    p rows.map(&:value)
    """
    result, spans = run(mariadb, program, which)
    assert result.stdout == b"[5, 5, 5, 5, 5, 5, 5, 5]\n"
    spans.sort(key=lambda span: span.attributes["db.statement" if which != "new" else "db.query.text"])
    compare(Client(mariadb), spans, [Expected(f"SELECT ? AS c{i // 5}, SLEEP(?)", rows=1) for i in range(40)], which)
    assert len({span.trace_id for span in spans}) == 40
