"""OTLP messages, decoded with the protobuf library of Python from our own schema, and the span as tests compare it."""

import importlib
import os
import subprocess
import sys
from dataclasses import dataclass

from .paths import OUT, SOURCE, locked

SCHEMA = SOURCE / "exporter" / "proto"
SERVICE = "opentelemetry/proto/collector/trace/v1/trace_service.proto"
KINDS = {0: "UNSPECIFIED", 1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}


def trace_service():
    """The module with the trace service's messages, compiled from exporter/proto when that has changed."""
    protos = sorted(SCHEMA.rglob("*.proto"))
    target = OUT / "proto"
    stamp = target / "stamp"
    newest = max(os.stat(proto).st_mtime for proto in protos)
    with locked("proto"):
        if not stamp.exists() or stamp.stat().st_mtime < newest:
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["protoc", f"-I{SCHEMA}", f"--python_out={target}", *map(str, protos)], check=True)
            stamp.touch()
    if str(target) not in sys.path:
        sys.path.insert(0, str(target))
    return importlib.import_module(SERVICE.removesuffix(".proto").replace("/", ".") + "_pb2")


@dataclass
class Span:
    """One span with everything that stands around it in the request."""

    name: str
    kind: str  # CLIENT, SERVER, INTERNAL, PRODUCER, CONSUMER
    status: tuple  # (code, message): ("UNSET", ""), ("ERROR", "…")
    attributes: dict
    trace_id: str
    span_id: str
    parent_span_id: str  # "": a root
    flags: int
    trace_state: str
    resource: dict
    scope_name: str
    scope_version: str
    schema_url: str  # of the scope's spans
    resource_schema_url: str
    start: int  # Unix time, ns
    end: int
    dropped_attributes: int

    def brief(self):
        """What two runs of one program have in common: no ids, no times."""
        return (self.name, self.kind, self.status[0], self.attributes)


def value_of(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(any_value.kvlist_value.values)
    return getattr(any_value, kind) if kind else None


def attributes_of(pairs):
    """As a dictionary; a key that stands twice is a defect of the sender."""
    attributes = {pair.key: value_of(pair.value) for pair in pairs}
    assert len(attributes) == len(pairs), f"a key stands twice: {[pair.key for pair in pairs]}"
    return attributes


def decode(body):
    """The spans of one ExportTraceServiceRequest."""
    request = trace_service().ExportTraceServiceRequest.FromString(body)
    return [
        span_of(span, resource_spans, scope_spans)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def span_of(span, resource_spans, scope_spans):
    return Span(
        name=span.name,
        kind=KINDS[span.kind],
        status=(STATUS[span.status.code], span.status.message),
        attributes=attributes_of(span.attributes),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        flags=span.flags,
        trace_state=span.trace_state,
        resource=attributes_of(resource_spans.resource.attributes),
        scope_name=scope_spans.scope.name,
        scope_version=scope_spans.scope.version,
        schema_url=scope_spans.schema_url,
        resource_schema_url=resource_spans.schema_url,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        dropped_attributes=span.dropped_attributes_count,
    )


def trees(spans, form=Span.brief):
    """Every trace as nested lists [form(span), child, child…], children in order of their start; roots likewise. A span
    whose parent is not among them counts as a root. `form` says what of a span is compared."""
    known = {(span.trace_id, span.span_id) for span in spans}
    assert len(known) == len(spans), "a span id stands twice"
    children = {}
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        key = (span.trace_id, span.parent_span_id)
        children.setdefault(key if key in known else None, []).append(span)

    def nest(span):
        return [form(span), *map(nest, children.get((span.trace_id, span.span_id), []))]

    return [nest(root) for root in children.get(None, [])]


def tree(spans, form=Span.brief):
    """The one trace that `spans` are."""
    assert len({span.trace_id for span in spans}) == 1, "more than one trace:\n" + outline(spans)
    (root,) = trees(spans, form)
    return root


def same_trace(spans):
    return len({span.trace_id for span in spans}) == 1


def outline(spans):
    """For people: a line a span, indented."""
    lines = []

    def write(node, depth):
        lines.append("  " * depth + node[0])
        for child in node[1:]:
            write(child, depth + 1)

    for root in trees(spans, lambda span: f"{span.name} {span.kind} {span.status} {span.attributes}"):
        write(root, 0)
    return "\n".join(lines)
