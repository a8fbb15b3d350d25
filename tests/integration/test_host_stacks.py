"""Small stacks: what the hooks take beside what the call takes anyway."""

from harness import not_under
from host import SETTINGS, app, bare, both, expect, gets, instrumented

# Of the program's stack, over the same call without us, at the deepest point.
MOST = {"redis_append": 2048, "redis_get": 2048, "mysql_query": 2048, "fork": 2048, "exec_nothing": 2048}


def measured(output):
    """{job: (result, bytes of stack written to)}"""
    return {name: (int(result), int(used)) for name, result, used in map(str.split, output.decode().splitlines())}


@not_under("address undefined", "what it adds to a function needs stack too")
def test_the_stack_a_hook_takes_is_within_2_kib(redis, mariadb, sink):
    command = [app("host_stack"), "measure", redis.socket, mariadb.socket]
    without = measured(bare(command).stdout)
    within = measured(instrumented(command, sink, env=SETTINGS).stdout)
    assert {name: result for name, (result, _) in within.items()} == dict.fromkeys(MOST, 1)
    more = {name: within[name][1] - without[name][1] for name in within}
    assert {name: taken for name, taken in more.items() if taken > MOST[name]} == {}, f"all: {more}"


def test_threads_of_the_smallest_stack_make_instrumented_calls(redis, mariadb, sink):
    result = both([app("host_stack"), "small", redis.socket, mariadb.socket], sink)
    assert result.returncode == 0
    select = ("SELECT", "CLIENT", "UNSET", {
        "db.system.name": "mariadb",
        "db.namespace": "shop",
        "db.query.text": "SELECT ?",
        "db.query.summary": "SELECT",
        "db.response.returned_rows": 1,
        "server.address": mariadb.socket,
    })
    expect(sink.spans(), select)


def test_a_program_with_much_thread_local_data_gets_its_worker(redis, sink):
    result = both([app("host_thread_local"), "ask", redis.socket], sink)
    assert result.returncode == 49
    expect(sink.spans(), *gets(redis, "main:1"))
