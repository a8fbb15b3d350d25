"""The client for the tests of libmariadb: a C program that makes one call of the library an argument; what its spans look like."""

from harness import app, same_output

SCOPE = ("otel-instrument.libmariadb", "https://opentelemetry.io/schemas/1.11.0")
NEW_SCOPE = ("otel-instrument.libmariadb", "https://opentelemetry.io/schemas/1.25.0")
NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database"}
DUP = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database/dup"}
PARAMETERS = {"OTEL_NATIVE_DB_PARAMETERS": "true"}
SYNTAX = ("You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the "
          "right syntax to use near '?' at line 1")
STATEMENTS = ["query=SELECT 1", "store", "fetch", "free", "query=INSERT INTO t VALUES (1, 'x'), (2, 'y')",
              "real_query=UPDATE t SET data = 'z' WHERE id > 0", "query=DELETE FROM t WHERE id = 77"]


class Client:
    """Runs tests/apps/mysql_script.c against a server and knows what its spans look like."""

    def __init__(self, server):
        self.server = server
        self.program = app("mysql_script")
        self.tcp = f"connect=127.0.0.1,app,secret,shop,{server.port},-"
        self.multi = f"connect_multi=127.0.0.1,app,secret,shop,{server.port},-"
        self.unix = f"connect=localhost,app,secret,shop,-,{server.socket}"

    def reset(self):
        self.server.reset()
        self.server.sql("CREATE TABLE t (id INT PRIMARY KEY, data MEDIUMBLOB)")
        self.server.sql("DELIMITER //\nCREATE PROCEDURE two_sets() BEGIN SELECT 1; SELECT 2 UNION SELECT 3; DELETE FROM t; "
                        "END //\nCREATE PROCEDURE breaks() BEGIN SELECT 1; SELECT * FROM nosuch; END //")

    def run(self, *script, env=None):
        """The spans of `init <script>`, in the order of their start."""
        result = same_output([self.program, "init", *script], env=env, before=self.reset)
        assert result.returncode == 0
        return sorted(result.spans, key=lambda span: span.start)

    def old(self, **more):
        port = self.server.port
        attributes = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "127.0.0.1",
                      "net.peer.port": port, "db.connection_string": f"mysql://app@127.0.0.1:{port}/shop"}
        return merged(attributes, more)

    def old_unix(self, **more):
        return self.old(net__peer__name=self.server.socket, net__peer__port=None,
                        db__connection_string=f"mysql://app@/shop?unix_socket={self.server.socket}", **more)

    def new_unix(self, **more):
        return self.new(server__address=self.server.socket, server__port=None, **more)

    def new(self, **more):
        attributes = {"db.system.name": "mariadb", "db.namespace": "shop", "server.address": "127.0.0.1",
                      "server.port": self.server.port}
        return merged(attributes, more)


def merged(attributes, more):
    """Keyword arguments name attributes with `__` for a dot; None takes one away."""
    for key, value in more.items():
        attributes[key.replace("__", ".")] = value
    return {key: value for key, value in attributes.items() if value is not None}


def check(span, name, attributes, status=("UNSET", ""), scope=SCOPE):
    assert (span.name, span.kind, span.status, span.attributes, span.parent_span_id, span.dropped_attributes) == (
        name, "CLIENT", status, attributes, "", 0)
    assert (span.scope_name, span.schema_url) == scope
    assert span.start < span.end
