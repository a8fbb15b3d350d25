"""Programs as Debian ships them: nothing they say or do changes."""

import shutil

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
    "apt": "apt-get --version; apt-config dump APT::Architecture; dpkg -s bash | head -n 2",
    "gcc object": "gcc -g -O2 -pipe -c made.c && sha256sum made.o && gcc -o made made.o && ./made; echo $?",
    "make -j": "printf 'all: a.o b.o c.o\\n%%.o: made.c\\n\\t@gcc -c -o $@ made.c\\n.SUFFIXES:\\nall: ; @echo all\\n' > Makefile; make -j3 && sha256sum ?.o",
    "coproc": "coproc cat; echo asked >&${COPROC[1]}; read -r answer <&${COPROC[0]}; echo $answer; exec {COPROC[1]}>&-; wait $COPROC_PID; echo $?",
    "/dev/tcp": "exec 3<> /dev/tcp/127.0.0.1/1; echo $?; (exec 3> /dev/udp/127.0.0.1/9; echo lost >&3); echo $?",
    "descriptors": "exec {a}> one 2> two; echo one >&$a; echo two >&2; exec {a}>&- 2>&1; cat one two; exec 9< one; cat <&9; (exec 9<&-; cat <&9; echo $?)",
    "jobs": "set -m; sleep 30 & kill -STOP %1; kill -CONT %1; kill %1; wait %1; echo $?; trap 'echo child' CHLD; (exit 5) & wait $!; echo $?",
    "trapped wait": "trap 'echo end; exit 3' TERM; (sleep 0.05; kill -TERM $$) & wait; echo not here",
    "nested here": "cat <<- A | sed 's/^/> /'\n\tone $(cat <<< two) \"$(cat << B\nthree\nB\n)\"\n\tA",
    "terminal": "TERM=dumb script -E never -qec 'bash --norc -ic \"stty size; (exit 3); echo \\$?; tty > /dev/null && echo one; cat < /dev/tty\"' /dev/null <<< typed",
    "busybox": "busybox sh -c 'echo from $0; exit 4' busybox; echo $?; busybox seq 3 | busybox tac",
    "sudo": "sudo -n -u nobody sh -c 'id -un; env | cut -d= -f1 | grep -e LD_PRELOAD -e OTEL'; echo $?; sudo -V | head -n 1",
    "strace": "strace -f -qq -e trace=write -e signal=none -o calls sh -c 'echo hi; exit 3'; echo $?; sed 's/^[0-9]* *//' calls",
    "gdb": "gcc -g -o made made.c; gdb -nx -batch -ex 'break main' -ex run -ex bt -ex next -ex continue ./made 2>&1 | grep -e '^#' -e '^made' -e 'with code' "
           "| sed 's/process [0-9]*/process/'",
    "screen": "export SCREENDIR=$PWD/screens TERM=vt100; mkdir -m 700 screens; screen -c /dev/null -DmS one sh -c 'echo inside > said'; echo $?; cat said; rm -r screens said",
    "perl sockets": "perl -MIO::Socket::INET -MIO::Select -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => q(127.0.0.1)); if (!fork) { $c = $s->accept; "
                    "print $c uc <$c>; exit } $k = IO::Socket::INET->new(PeerAddr => q(127.0.0.1), PeerPort => $s->sockport); print $k qq(line\\n); "
                    "IO::Select->new($k)->can_read(5); print <$k>; wait; open P, q(-|), q(seq 3); print <P>'",
    "ruby": "ruby -rsocket -e 'p `echo back`; pid = fork { exit 3 }; Process.wait pid; p $?.exitstatus; a, b = UNIXSocket.pair; t = Thread.new { b.gets }; "
            "a.puts 1; p t.value; s = TCPServer.new(\"127.0.0.1\", 0); Thread.new { c = s.accept; c.puts \"hi\"; c.close }; "
            "p TCPSocket.new(\"127.0.0.1\", s.addr[1]).read; warn \"done\"; exit 5'",
    "php": "php -r 'echo strlen(file_get_contents(\"made.c\")), shell_exec(\"echo shell\"); fwrite(STDERR, \"err\\n\"); exit(4);'; echo $?",
    "node": "node -p '[1, 2].map(x => x * 2)'; node -e 'process.stdout.write(\"out\"); console.error(\"err\"); process.exit(3)'; echo $?; node -e 'throw 1' 2> /dev/null; echo $?",
    "java": "java -version; echo $?; java -XX:TieredStopAtLevel=1 -Xshare:auto Small.java one; echo $?",
    "keys": "ssh-keygen -q -t ed25519 -N '' -C one -f key && cut -d' ' -f1,3 key.pub; eval $(ssh-agent) > /dev/null; ssh-add -q key; ssh-add -l | cut -d' ' -f1,3,4; "
            "ssh-agent -k > /dev/null; echo $?; rm key*",
    "openssl": "openssl version; openssl dgst -sha256 made.c; head -c 100000 /dev/zero | openssl enc -aes-128-cbc -K 00 -iv 00 2> /dev/null | sha256sum",
    "xargs": "seq 20 | xargs -P 4 -n 3 sh -c 'echo $# >> counts' sh; sort counts | uniq -c; rm counts",
    "ldd": "ldd /bin/true | grep -v -e libotel -e vdso | sed 's/ (.*//'",
}

JAVA = """
import java.net.*;
import java.nio.file.*;
import java.util.concurrent.*;

public class Small {
    public static void main(String[] a) throws Exception {
        Files.writeString(Path.of("written"), a[0]);
        System.out.println(Files.readString(Path.of("written")));
        System.out.print(new String(new ProcessBuilder("sh", "-c", "echo child").start().getInputStream().readAllBytes()));
        ExecutorService pool = Executors.newFixedThreadPool(3);
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            pool.submit(() -> { try (Socket s = server.accept()) { s.getOutputStream().write("line".getBytes()); } return 0; });
            try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) {
                System.out.println(new String(s.getInputStream().readAllBytes()));
            }
        }
        pool.shutdown();
        System.err.println("err");
        System.exit(3);
    }
}
"""

NOT_UNDER = {
    "dd": not_under("address", "it calls aligned_alloc with a size that the runtime ends a program for"),
    "ldd": not_under("address", "it lists the runtimes"),
    "php": not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND, as PHP opens opcache"),
}


@pytest.fixture
def workplace(tmp_path):
    (tmp_path / "made.c").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "broken.c").write_text(SOURCE.replace(";", ""), encoding="utf-8")
    (tmp_path / "Small.java").write_text(JAVA, encoding="utf-8")
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


@not_under("address", "its allocator and its processes' address space are its own")
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_chromium(tmp_path, sink):
    """It has an allocator of its own, and many processes behind filters of system calls."""
    (tmp_path / "page.html").write_text("<p id=a>before</p><script>a.textContent = 'after'</script>", encoding="utf-8")
    for command in (["--version"], ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/data", "--dump-dom",
                                    f"file://{tmp_path}/page.html"]):
        expected = bare(["chromium", *command], env={"HOME": tmp_path})
        result = instrumented(["chromium", *command], sink, env={**SETTINGS, "HOME": tmp_path})
        assert (result.stdout, result.returncode) == (expected.stdout, 0)
        assert b"otel-instrument" not in result.stderr
    assert b"after" in result.stdout and sink.requests == []
