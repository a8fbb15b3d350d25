"""Programs as Debian ships them: nothing they say or do changes."""

import pytest
from harness import not_under
from host import SETTINGS, bare, instrumented, outcome, preloaded

SOURCE = "#include <stdio.h>\nint main(void)\n{\n    puts(\"made\");\n    return 3;\n}\n"

SCRIPTS = {
    "true": "/bin/true",
    "false": "/bin/false",
    "ls": "ls -la /etc/default . /nonexistent",
    "git": "git --version; git -C /nonexistent status",
    "gcc": "gcc -o made made.c && ./made; echo $?; gcc -o broken broken.c; rm -f made",
    "g++": "exec 2>&1; echo 'int main() { throw 1; }' > throw.cc && g++ -o throw throw.cc && sh -c './throw 2> said; echo $?' 2> /dev/null; head -n 1 said",
    "perl": "perl -e 'print join(q(,), map { $_ * 2 } 1..5), qq(\\n); system(q(echo from perl)); exit 4'",
    "perl-fork": "perl -e '$| = 1; for (1..5) { if (!fork) { exit $_ } } my $s = 0; $s += $? >> 8 while wait > 0; print qq($s\\n)'",
    "python": "/usr/bin/python3 -c 'import threading, subprocess, sys; print(subprocess.run([\"echo\", \"hi\"]).returncode); sys.exit(6)'",
    "python-fork": "/usr/bin/python3 -c 'import multiprocessing as m; p = m.Pool(3); print(p.map(abs, range(-20, 0))); p.close(); p.join()'",
    "tar": "tar -cf - made.c | tar -tvf - | wc -l; tar -czf t.gz made.c && tar -tzf t.gz; rm -f t.gz",
    "env": "env -i A=1 env | grep -v TRACEPARENT; env A=2 sh -c 'echo $A'",
    "nice": "nice -n 5 nice; timeout 5 echo timely; timeout 0.2 sleep 5; echo $?",
    "ssh": "ssh -V; ssh -o BatchMode=yes -o ConnectTimeout=1 -p 1 127.0.0.1 true; echo $?",
    "subshells": "(exit 3); echo $?; x=$(echo inner; exit 4); echo $x $?; echo a | cat | tr a b; { echo c; } 2>&1 | cat",
    "background": "sleep 0.1 & wait; for i in 1 2 3 4 5; do (echo $i >> list) & done; wait; sort list; rm list",
    "traps": "trap 'echo leaving' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; exit 9",
    "killed": "exec 2> /dev/null; sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -KILL $$'; echo $?; sh -c 'kill -PIPE $$'; echo $?",
    "broken pipe": "yes | head -n 3; seq 100000 | head -n 1; echo ${PIPESTATUS[0]}",
    "exec": "exec 5>&1; echo five >&5; exec 5>&-; exec sh -c 'echo replaced; exit 12'",
    "not found": "nonexistent-command; echo $?; /etc/passwd; echo $?",
    "here": "cat << END\nhere $((1 + 2))\nEND\nread -r line <<< words; echo \"$line\"; cat <(echo substituted)",
    "find": "find . -name 'made.c' -exec echo found {} + ; find . -name made.c | xargs -n1 basename",
    "awk": "echo 1 2 3 | awk '{ print $1 + $2; system(\"echo from awk\"); \"date +%Y\" | getline y; print (y > 2000) }'",
    "dd": "dd if=/dev/zero bs=1k count=3 2>/dev/null | wc -c",
    "script": "./script.sh one two",
    "su": "su -s /bin/sh -c 'id -un; exit 7' nobody; echo $?",
    "setsid": "setsid -w sh -c 'echo session'; nohup echo hup 2>/dev/null; stdbuf -oL echo buffered",
    "flock": "flock -n lockfile echo locked; rm -f lockfile",
    "diff": "diff made.c broken.c; echo $?",
    "make": "printf 'all: one\\n\\t@echo done\\none:\\n\\t@echo one\\n' > Makefile; make -s -j2; make -s nothing; echo $?; rm Makefile",
    "dash": "dash -c 'exec 3<made.c; read -r a <&3; echo \"$a\"; ulimit -n'",
    "sed": "sed -n '1,2p' made.c; sed -i s/made/done/ made.c; grep -c done made.c; sed -i s/done/made/ made.c",
    "ldd": "ldd /bin/true | grep -v -e libotel -e vdso | sed 's/ (.*//'",
}


NOT_UNDER = {
    "dd": not_under("address", "it calls aligned_alloc with a size that the runtime ends a program for"),
    "ldd": not_under("address", "it lists the runtimes"),
}


@pytest.fixture
def workplace(tmp_path):
    (tmp_path / "made.c").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "broken.c").write_text(SOURCE.replace(";", ""), encoding="utf-8")
    script = tmp_path / "script.sh"
    script.write_text('#!/bin/sh\necho "script $# $*"\nexit 2\n', encoding="utf-8")
    script.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("process_span", ["false", "true"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=NOT_UNDER.get(name, ())) for name in SCRIPTS])
def test_the_same_output_and_status(name, process_span, workplace, sink):
    command = ["bash", "-c", SCRIPTS[name]]
    expected = bare(command, cwd=workplace)
    how = instrumented if process_span == "false" else preloaded
    result = how(command, sink, env={**SETTINGS, "OTEL_NATIVE_PROCESS_SPAN": process_span}, cwd=workplace)
    assert outcome(result) == outcome(expected)
    assert result.stderr == expected.stderr
    if process_span == "false":
        assert sink.requests == []
    else:
        assert {span.kind for span in sink.spans()} == {"INTERNAL"}
