"""What the spans of a MariaDB client are expected to be, written once for both attribute sets."""

import subprocess
from dataclasses import dataclass, field

from harness import OtlpSink, start
from harness.programs import instrumented_command, telemetry
from libmariadb_client import DUP, NEW, NEW_SCOPE, SCOPE, check

SETS = {"old": {}, "new": NEW, "dup": DUP}


@dataclass
class Expected:
    """One span. Either a statement's, with its text as it is shown and the first table of it, or one named after the
    operation. `rows`: returned to the client (`...`: any number but 0); `affected`: the other count. Numbers below 1000 and from
    2000 to 2999 are the client's own errors. A message `...` is not compared. `old` and `new` say what is different from a
    statement in schema `shop` over TCP."""

    text: str = None
    table: str = None
    summary: str = None
    name: str = None
    rows: int = None
    affected: int = None
    error: str = None
    message: str = ""
    batch: int = None
    old: dict = field(default_factory=dict)
    new: dict = field(default_factory=dict)

    @property
    def operation(self):
        return self.name or self.text.split()[0].split(";")[0]

    @property
    def status(self):
        return ("ERROR", self.message) if self.error else ("UNSET", "")

    def old_attributes(self, client):
        count = self.rows if self.affected is None else self.affected
        return client.old(**{"db__statement": self.text, "db__operation": self.operation, "db__sql__table": self.table,
                             "db__rows_affected": count, **self.old})

    def new_attributes(self, client):
        from_server = self.error and self.error.isdigit() and 1000 <= int(self.error) and not 2000 <= int(self.error) < 3000
        return client.new(**{"db__query__text": self.text, "db__query__summary": self.title if self.text else None,
                             "db__operation__name": self.name, "db__response__returned_rows": self.rows,
                             "db__operation__batch__size": self.batch, "error__type": self.error,
                             "db__response__status_code": self.error if from_server else None, **self.new})

    @property
    def title(self):
        """The span's name in the new set, which is the statement's summary."""
        plain = self.summary or " ".join(filter(None, (self.operation, self.table)))
        return f"BATCH {plain}" if self.batch else plain

    def compare(self, span, client, which, library="libmariadb"):
        old, new = self.old_attributes(client), self.new_attributes(client)
        attributes = {"old": old, "new": new, "dup": {**old, **new}}[which]
        if self.rows is ...:
            for count in {"db.rows_affected", "db.response.returned_rows"} & attributes.keys():
                assert span.attributes[count] > 0
                attributes[count] = span.attributes[count]
        name = self.operation if which == "old" else self.title
        check(span, name, attributes, (self.status[0], span.status[1]) if self.message is ... else self.status,
              (f"otel-instrument.{library}", (SCOPE if which == "old" else NEW_SCOPE)[1]))


def compare(client, script, expected, which, env=None, run=None):
    """Runs a script, bare and instrumented, and compares all of its spans, in the order of their start."""
    spans = (run or client.run)(*script, env={**SETS[which], **(env or {})})
    assert [span.name for span in spans] == [one.operation if which == "old" else one.title for one in expected]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)
    return spans


def place(host=None, port=None, user="app", schema="shop"):
    """The attributes of a connection that is not the usual one, for both sets."""
    path = host if host and host.startswith("/") else None
    at = f"{user}@" if user else ""
    string = f"mysql://{at}/{schema or ''}?unix_socket={path}" if path else (
        f"mysql://{at}{host}{f':{port}' if port else ''}{f'/{schema}' if schema else ''}" if host else None)
    return {"old": dict(net__peer__name=host, net__peer__port=port, db__user=user, db__name=schema, db__connection_string=string),
            "new": dict(server__address=host, server__port=port, db__namespace=schema)}


def driven(client, script, acts, which, before, same=True):
    """The spans of a script that waits for each of the acts; output bare and instrumented is the same, where
    it is not by chance."""
    outputs = []
    for launcher in (False, True):
        before()
        with OtlpSink() as sink:
            command = [client.program, "init", *script]
            process = start(instrumented_command(command) if launcher else command, env=telemetry(sink, SETS[which]),
                            stdin=subprocess.PIPE)
            lines = []
            try:
                for act in acts:
                    while (line := process.stdout.readline()) != b"waiting\n":
                        assert line, process.stderr.read()
                        lines.append(line)
                    act()
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                rest, errors = process.communicate(timeout=30)
            finally:
                process.kill()  # or what it holds would keep the next test waiting
            outputs.append((b"".join(lines) + rest, errors, process.returncode))
            spans = sink.spans()
    assert outputs[0] == outputs[1] or not same
    assert [output[2] for output in outputs] == [0, 0]
    return sorted(spans, key=lambda span: span.start)
