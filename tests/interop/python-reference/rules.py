"""Why a difference between the two agents' spans is right: a rule for each kind of difference. One that no rule has a reason for is a
defect, and so is a rule that explains nothing."""

import re
from dataclasses import dataclass

SETS = {"old": "", "new": "http,database"}  # OTEL_SEMCONV_STABILITY_OPT_IN
WORDS = ("span", "kind", "parent", "name", "status", "description")  # in a row of a table; all else is an attribute


def here(ours, theirs):
    return ours is not None and theirs is None


def there(ours, theirs):
    return ours is None and theirs is not None


def both(texts):
    """What holds of two texts, and not where there is but one."""
    return lambda ours, theirs: isinstance(ours, str) and isinstance(theirs, str) and texts(ours, theirs)


@dataclass(frozen=True)
class Rule:
    """In spans of `systems`, in the attribute sets `sets`, `what` may differ in the way that `holds` (ours, theirs) says, and `why`. The
    first two and the last are words."""

    systems: str
    what: str
    holds: object
    why: str
    sets: str = "old new"

    def fits(self, which, row):
        return which in self.sets.split() and row.system in self.systems.split() and row.what in self.what.split() and \
            self.holds(row.ours, row.theirs)


@both
def placeholders(ours, theirs):
    return theirs == ours.replace("?", "%s") and ours != theirs


@both
def with_class(ours, theirs):
    """`Class: (1062, "text")`, the text's quoted values masked in ours."""
    found = re.fullmatch(r"\w+Error: \(\d+, \"(.*)\"\)", theirs)
    return found is not None and re.sub(r"'[^']*'(?= for key)", "'?'", found[1]) == ours


@both
def keys_masked(ours, theirs):
    """The same command with the same number of words, in theirs all masked but the first; ours shows no session's id."""
    words, masked = ours.split(), theirs.split()
    return words[0] == masked[0] and set(masked[1:]) == {"?"} and len(words) == len(masked) and set(words[1:]) <= {"?", "api_logs", "session:?"}


@both
def guessed(ours, theirs):
    """A guess where Flask names a route with a variable."""
    method, route = theirs.split(" ")
    pattern = re.sub(r"<[^>]*>", "[^/]+", route)
    return "<" in route and ours.startswith(f"{method} ") and re.fullmatch(pattern, ours.split(" ")[1]) is not None


@both
def nobodys(ours, theirs):
    """The method alone, where Flask has a route with a variable."""
    return theirs.startswith(f"{ours} /") and "<" in theirs


@both
def raw_path(ours, theirs):
    return theirs.startswith(f"{ours} /") and "<" not in theirs


SENT = "what was sent, its values masked; the Python agent shows the text before the library puts values into it, and literals as they are"

RULES = [
    # requests that are served
    Rule("server", "http.route", there,
         "Flask's table of routes is not seen from outside, and a guess is for names only; `OTEL_NATIVE_HTTP_ROUTES` tells it"),
    Rule("server", "name", guessed,
         "a guess: of the path alone what looks like a value is left out, and a name looks like any word; `OTEL_NATIVE_HTTP_ROUTES` tells the route"),
    Rule("server", "name", nobodys, "seen from outside, a path that is answered with 404 is nobody's, and no guess is made"),
    Rule("server", "name", raw_path, "the conventions forbid a path in a name: whatever clients ask for would be one"),
    Rule("server", "description", there,
         "an exception does not leave the process, the answer 500 does; the conventions want no description where the status code says it all"),
    Rule("server", "http.server_name", there, "what WSGI calls the server, not the request's; the conventions dropped it", "old"),
    Rule("server", "http.url", here, "added: the whole URL in one", "old"),
    Rule("server", "http.request_content_length", here, "added: the size of the body", "old"),
    Rule("server http", "http.response_content_length", here, "added: the size of the body", "old"),
    Rule("server", "server.address", both(lambda ours, theirs: theirs == f"{ours}:PORT"), "the port has an attribute of its own", "new"),
    Rule("server redis", "network.peer.address network.peer.port", here, "the conventions recommend it: the other end of the socket", "new"),
    # statements
    Rule("mysql", "db.statement", placeholders, SENT, "old"),
    Rule("mysql", "db.query.text", placeholders, SENT, "new"),
    Rule("mysql", "db.connection_string db.operation db.sql.table db.rows_affected", here, "added: see attributes.md", "old"),
    Rule("mysql", "description", with_class, "the server's message alone, as the conventions want it, without the value that it quotes"),
    Rule("mysql", "name", both(lambda ours, theirs: ours.split()[0] == theirs), "the conventions name a span after its summary", "new"),
    Rule("mysql", "db.query.summary", here, "the conventions recommend it", "new"),
    Rule("mysql", "db.system.name", lambda ours, theirs: (ours, theirs) == ("mariadb", "mysql"), "the server is a MariaDB; the conventions have both", "new"),
    Rule("mysql", "db.response.returned_rows", here, "the conventions have it", "new"),
    Rule("mysql", "db.response.status_code error.type", here, "the conventions require it of what fails", "new"),
    Rule("mysql", "span", lambda ours, theirs: (ours, theirs) == ("connect", None), "a database that lets nobody in is what one wants to know"),
    # commands
    Rule("redis", "db.connection_string db.operation", here, "added: see attributes.md", "old"),
    Rule("redis", "db.query.text", keys_masked, "the conventions want keys to be seen, and values masked; ids of sessions are masked, too", "new"),
    Rule("redis", "db.namespace", here, "the number of the database, which the conventions have here", "new"),
    Rule("redis", "db.operation.name", here, "the conventions require it", "new"),
    # requests to others
    Rule("http", "span", lambda ours, theirs: (ours, theirs) == (None, "GET"),
         "nobody listens there: nothing was sent that would tell what it was to be, and a port is a hint, never proof"),
]


def reason(which, row):
    return next((rule for rule in RULES if rule.fits(which, row)), None)


def unexplained(which, result):
    return [f"{which}: {request.method} {request.path}: {row.system} {row.what}: {row.ours!r}, the Python agent {row.theirs!r}"
            for request, spans in result for rows in spans for row in rows if not row.equal and not reason(which, row)]


def unused(which, result):
    """Rules that explain nothing any more, also in one of their attributes or spans."""
    told = {(id(reason(which, row)), row.system, row.what) for _, spans in result for rows in spans for row in rows if not row.equal}
    return [f"{which}: no {what} of {system} is different for this reason: {rule.why}" for rule in RULES if which in rule.sets.split()
            for system in rule.systems.split() for what in rule.what.split() if (id(rule), system, what) not in told]
