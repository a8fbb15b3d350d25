"""Jedis, from Maven Central: what sets its connections up makes no span, each of its commands does."""

import pytest
from maven import classpath
from redis_wire import QUEUE, check, wire
from test_hiredis import MODES, WRONGTYPE, Tcp

from harness import not_under, same_output

PROGRAM = """
import java.util.*;
import redis.clients.jedis.*;
import redis.clients.jedis.exceptions.JedisDataException;

public class Program {
    public static void main(String[] a) {
        var where = new HostAndPort("127.0.0.1", Integer.parseInt(a[0]));
        try (Jedis r = new Jedis(where, DefaultJedisClientConfig.builder().database(3).clientName("app").build())) {
            for (int i = Integer.parseInt(a[1]); i > 0; i--)
                if (r.lpop("counter") != null || i == 1 && r.ping() == null)
                    System.exit(1);
            if (!a[1].equals("0"))
                return;
            r.set("user:1", "Ann");
            System.out.println(r.get("user:1"));
            Pipeline pipe = r.pipelined();
            pipe.set("p", "1");
            pipe.incr("p");
            Response<Long> failed = pipe.lpush("p", "1");
            pipe.sync();
            Transaction t = r.multi();
            t.set("t", "1");
            t.incr("t");
            System.out.println(t.exec());
            try {
                failed.get();
            } catch (JedisDataException e) {
                System.out.println(e.getMessage());
            }
            try {
                r.lpush("user:1", "1");
            } catch (JedisDataException e) {
                System.out.println(e.getMessage());
            }
            r.hset("h", Map.of("field", "value"));
            System.out.println(r.blpop(0.01, "empty"));
        }
        try (JedisPooled pool = new JedisPooled(where)) {
            System.out.println(pool.incr("n") + pool.incr("n"));
        }
    }
}
"""


@pytest.fixture
def jedis(tmp_path, redis):
    """Runs the program: with a number, it asks as often."""
    source = tmp_path / "Program.java"
    source.write_text(PROGRAM, encoding="utf-8")
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", classpath("redis.clients:jedis:5.2.0"), source, redis.port]

    def run(count, env):
        result = same_output([*command, count], env=env, before=redis.reset, timeout=120)
        assert result.returncode == 0
        return result.spans
    return run


@pytest.mark.parametrize("mode", MODES)
@not_under("address", "Java's own memory")
def test_jedis(jedis, redis, mode):
    wrong = ("WRONGTYPE", WRONGTYPE)
    check(jedis(0, mode), Tcp(redis.port), wire("SET user:1 ?", db=3), wire("GET user:1", db=3),
          wire("SET p ?", db=3, together=3), wire("INCR p", db=3, together=3), wire("LPUSH p ?", db=3, together=3, reply=wrong),
          wire("MULTI", db=3, together=3), wire("SET t ?", db=3, together=3), wire("INCR t", db=3, together=3), wire("EXEC", db=3),
          wire("LPUSH user:1 ?", db=3, reply=wrong), wire("HSET h field ?", db=3), wire("INCR n"), wire("INCR n"), mode=mode)


@not_under("address", "Java's own memory")
def test_ten_thousand_commands(jedis, redis):
    spans = jedis(10000, QUEUE)
    expected = wire("LPOP ?", db=3)
    check(spans, Tcp(redis.port), *[expected] * 10000)
    assert len({span.span_id for span in spans}) == len({span.trace_id for span in spans}) == 10000
