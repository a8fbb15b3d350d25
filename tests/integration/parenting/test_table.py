"""The documentation's table promises what the tests beside this one ask for, no more and no less."""

import table
from measure import REQUESTS


def test_the_documentation_promises_what_is_measured():
    lines = [table.line(server, in_flight, table.promised(server, in_flight, requests))
             for server in table.declared() for in_flight, requests in REQUESTS.items()]
    assert table.written() == table.HEAD + lines, "make update-parenting writes it anew"


def test_each_server_has_a_name_of_its_own():
    names = [table.kept(server, 1) for server in table.declared()]
    assert len(set(names)) == len(names)
