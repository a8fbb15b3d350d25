"""What the comparison prints, and docs/reference.md."""

import rules
from harness import SOURCE

DOCUMENT = SOURCE / "docs" / "reference.md"
BEGIN, END = "<!-- begin {} -->", "<!-- end {} -->"
SYSTEMS = {"server": "SERVER", "mysql": "MySQL", "redis": "Redis", "http": "HTTP client"}


def shown(value):
    return "–" if value is None else "`" + str(value).replace("|", "\\|").replace("\n", " ") + "`"


def line(*cells):
    return f"| {' | '.join(cells)} |"


def whole(which, result):
    """Span by span, field by field."""
    text = [f"# The {which} attribute set"]
    for request, spans in result:
        text += ["", f"## {request.method} {request.path}: {request.status}", "",
                 line("span", "", "otel-instrument", "opentelemetry-instrument", ""), "|---|---|---|---|---|"]
        for rows in spans:
            for row in rows:
                rule = None if row.equal else rules.reason(which, row)
                why = "" if row.equal else rule.why if rule else "**no reason is known**"
                text.append(line(SYSTEMS[row.system] if row is rows[0] else "", row.what, shown(row.ours), shown(row.theirs), why))
    return text


def brief(which, result):
    """A line for each reason, with the first difference it was given for; then what is the same in all spans."""
    text = [line("span", "", "otel-instrument", "opentelemetry-instrument", "why"), "|---|---|---|---|---|"]
    rows = sorted((row for _, spans in result for rows in spans for row in rows), key=lambda row: list(SYSTEMS).index(row.system))
    told = set()
    for row in (row for row in rows if not row.equal):
        rule = rules.reason(which, row)
        if rule and (row.system, row.what, id(rule)) not in told:
            told.add((row.system, row.what, id(rule)))
            text.append(line(SYSTEMS[row.system], row.what if row.what in rules.WORDS else f"`{row.what}`", shown(row.ours), shown(row.theirs), rule.why))
    different = {(row.system, row.what) for row in rows if not row.equal}
    text += ["", "The same in both, in every span:", ""]
    for system, name in SYSTEMS.items():
        same = dict.fromkeys(row.what for row in rows if row.system == system and row.what != "span" and (system, row.what) not in different)
        text.append(f"- {name}: " + ", ".join(what if what in rules.WORDS else f"`{what}`" for what in same))
    return text


def written(which):
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(BEGIN.format(which))[1].split(END.format(which))[0].strip().splitlines()


def write(results):
    text = DOCUMENT.read_text(encoding="utf-8")
    for which, result in results.items():
        before, rest = text.split(BEGIN.format(which))
        lines = "\n".join(brief(which, result))
        text = f"{before}{BEGIN.format(which)}\n{lines}\n{END.format(which)}{rest.split(END.format(which))[1]}"
    DOCUMENT.write_text(text, encoding="utf-8")
