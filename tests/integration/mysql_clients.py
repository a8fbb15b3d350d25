"""Programs of clients that speak MySQL's protocol over their own sockets, and the spans of their statements."""

import shutil
import subprocess

import pytest

from harness.paths import OUT, locked
from maven import classpath
from mysql_spans import Expected, place

PYTHON, PHP, NODE = "/usr/bin/python3", "/usr/bin/php", "/usr/bin/node"
SCOPE = "otel-instrument.mysql"

PYMYSQL = """
import sys, pymysql
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = pymysql.connect(host=host, port=port, user="app", password="secret", database="shop")
cursor = db.cursor()
def run(*statement):
    try:
        cursor.execute(*statement)
        print(cursor.rowcount, cursor.fetchall())
    except pymysql.Error as e:
        print(e.args[0])
if count:
    for i in range(count):
        run("SELECT %s", (i,))
    sys.exit()
run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)")
cursor.executemany("INSERT INTO p VALUES (%s, %s)", [(1, "one"), (2, "two")])
run("SELECT name FROM p WHERE id > %s", (0,))
run("SELECT * FROM nosuch")
db.ping()
db.commit()
"""
PYMYSQL_SPANS = [
    Expected("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)", "p", summary="CREATE TABLE p", affected=0),
    Expected("INSERT INTO p VALUES (?, ?),(?, ?)", "p", affected=2),
    Expected("SELECT name FROM p WHERE id > ?", "p", rows=2),
    Expected("SELECT * FROM nosuch", "nosuch", error="1146", message="Table 'shop.nosuch' doesn't exist"),
    Expected("COMMIT", affected=0),
]

AIOMYSQL = """
import asyncio, sys, aiomysql
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
async def main():
    db = await aiomysql.connect(host=host, port=port, user="app", password="secret", db="shop")
    cursor = await db.cursor()
    async def run(*statement):
        try:
            await cursor.execute(*statement)
            print(cursor.rowcount, await cursor.fetchall())
        except aiomysql.Error as e:
            print(e.args[0])
    if count:
        for i in range(count):
            await run("SELECT %s", (i,))
        return
    await run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)")
    await cursor.executemany("INSERT INTO p VALUES (%s, %s)", [(1, "one"), (2, "two")])
    await run("SELECT name FROM p WHERE id > %s", (0,))
    await run("SELECT * FROM nosuch")
    await db.ping()
    await db.commit()
    db.close()
asyncio.run(main())
"""

MYSQLI = r"""
[, $host, $port, $count] = $argv;
mysqli_report(MYSQLI_REPORT_OFF);
$db = mysqli_init();
$db->real_connect($host, "app", "secret", "shop", $port);
$db->set_charset("utf8mb4");
function run($text) {
    global $db;
    $result = $db->query($text);
    echo $db->errno, " ", $result instanceof mysqli_result ? json_encode($result->fetch_all()) : $db->affected_rows, "\n";
}
if ($count) {
    for ($i = 0; $i < $count; $i++)
        run("SELECT $i");
    exit;
}
run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
$insert = $db->prepare("INSERT INTO p VALUES (?, ?)");
foreach ([[1, "one"], [2, "two"]] as [$id, $name]) {
    $insert->bind_param("is", $id, $name);
    echo $insert->execute(), " ", $insert->affected_rows, "\n";
}
$insert->close();
$select = $db->prepare("SELECT name FROM p WHERE id > ?");
$zero = 0;
$select->bind_param("i", $zero);
$select->execute();
echo json_encode($select->get_result()->fetch_all()), "\n";
run("SELECT * FROM nosuch");
var_dump($db->prepare("SELECT * FROM nosuch"));
$db->multi_query("SELECT 1; SELECT 2 UNION SELECT 3; DELETE FROM p");
do {
    if ($result = $db->store_result())
        echo json_encode($result->fetch_all()), "\n";
} while ($db->more_results() && $db->next_result());
$db->select_db("mysql");
run("SELECT 4");
$db->close();
"""
PREPARED_SPANS = [Expected("INSERT INTO p VALUES (?, ?)", "p", affected=1), Expected("INSERT INTO p VALUES (?, ?)", "p", affected=1),
                  Expected("SELECT name FROM p WHERE id > ?", "p", rows=2)]


def mysqli_spans(port):
    there = place("127.0.0.1", port, schema="mysql")
    return [
        PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], PYMYSQL_SPANS[3],
        Expected("SELECT ?; SELECT ? UNION SELECT ?; DELETE FROM p", "p", summary="SELECT SELECT SELECT DELETE p", rows=3, affected=2),
        Expected(name="USE", **there), Expected("SELECT ?", rows=1, **there),
    ]


PDO = r"""
[, $host, $port, $count] = $argv;
$db = new PDO("mysql:host=$host;port=$port;dbname=shop;charset=utf8mb4", "app", "secret",
              [PDO::ATTR_ERRMODE => PDO::ERRMODE_SILENT, PDO::ATTR_EMULATE_PREPARES => false]);
function run($text) {
    global $db;
    $result = $db->query($text);
    echo $result ? json_encode($result->fetchAll(PDO::FETCH_NUM)) : $db->errorInfo()[1], "\n";
}
if ($count) {
    for ($i = 0; $i < $count; $i++)
        $db->exec("DO $i");
    exit;
}
echo $db->exec("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)"), "\n";
$insert = $db->prepare("INSERT INTO p VALUES (?, ?)");
$insert->execute([1, "one"]);
$insert->execute([2, "two"]);
$select = $db->prepare("SELECT name FROM p WHERE id > ?");
$select->execute([0]);
echo json_encode($select->fetchAll(PDO::FETCH_NUM)), "\n";
run("SELECT * FROM nosuch");
$db->beginTransaction();
$db->commit();
"""
PDO_SPANS = [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], Expected("START TRANSACTION", summary="START", affected=0),
             Expected("COMMIT ", affected=0)]

MYSQLJS = r"""
const [host, port, count] = process.argv.slice(1);
const db = require("mysql").createConnection({host, port, user: "app", password: "secret", database: "shop"});
const run = (...statement) => new Promise(resolve => db.query(...statement, (error, rows) => {
    console.log(error ? error.errno : JSON.stringify(rows.affectedRows ?? rows));
    resolve();
}));
(async () => {
    for (let i = 0; i < count; i++)
        await run("SELECT ?", [i]);
    if (count > 0)
        return db.end();
    await run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
    await run("INSERT INTO p VALUES ?", [[[1, "one"], [2, "two"]]]);
    await run("SELECT name FROM p WHERE id > ?", [0]);
    await run("SELECT * FROM nosuch");
    await new Promise(resolve => db.ping(resolve));
    await new Promise(resolve => db.commit(resolve));
    db.end();
})();
"""
MYSQLJS_SPANS = [PYMYSQL_SPANS[0], Expected("INSERT INTO p VALUES (?, ?), (?, ?)", "p", affected=2), *PYMYSQL_SPANS[2:]]

MYSQL2 = r"""
const [host, port, count] = process.argv.slice(1);
(async () => {
    const db = await require("mysql2/promise").createConnection({host, port, user: "app", password: "secret", database: "shop"});
    const run = async (how, ...statement) => {
        try {
            const [rows] = await db[how](...statement);
            console.log(JSON.stringify(rows.affectedRows ?? rows));
        } catch (error) {
            console.log(error.errno);
        }
    };
    for (let i = 0; i < count; i++)
        await run("query", "SELECT ?", [i]);
    if (count > 0)
        return db.end();
    await run("query", "CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
    await run("execute", "INSERT INTO p VALUES (?, ?)", [1, "one"]);
    await run("execute", "INSERT INTO p VALUES (?, ?)", [2, "two"]);
    await run("execute", "SELECT name FROM p WHERE id > ?", [0]);
    await run("query", "SELECT * FROM nosuch");
    await run("execute", "SELECT * FROM nosuch");
    await db.ping();
    await run("query", "USE mysql");
    await run("query", "SELECT 1");
    await db.end();
})();
"""


def mysql2_spans(port):
    there = place("127.0.0.1", port, schema="mysql")
    return [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], PYMYSQL_SPANS[3], Expected("USE mysql", affected=0),
            Expected("SELECT ?", rows=1, **there)]


JDBC = r"""
import java.sql.*;
public class Program {
    static Connection db;
    static void run(String text) throws Exception {
        try (Statement statement = db.createStatement()) {
            boolean rows = statement.execute(text);
            int count = 0;
            if (rows)
                while (statement.getResultSet().next())
                    count++;
            System.out.println(rows ? count : statement.getUpdateCount());
        } catch (SQLException e) {
            System.out.println(e.getErrorCode());
        }
    }
    public static void main(String[] args) throws Exception {
        db = DriverManager.getConnection("jdbc:DRIVER://" + args[0] + ":" + args[1] + "/shop?useServerPrepStmts=true", "app", "secret");
        int count = Integer.parseInt(args[2]);
        for (int i = 0; i < count; i++)
            run("SELECT " + i);
        if (count > 0)
            return;
        run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO p VALUES (?, ?)")) {
            for (int i = 1; i <= 2; i++) {
                insert.setInt(1, i);
                insert.setString(2, i == 1 ? "one" : "two");
                System.out.println(insert.executeUpdate());
            }
        }
        try (PreparedStatement select = db.prepareStatement("SELECT name FROM p WHERE id > ?")) {
            select.setInt(1, 0);
            ResultSet rows = select.executeQuery();
            while (rows.next())
                System.out.println(rows.getString(1));
        }
        run("SELECT * FROM nosuch");
        System.out.println(db.isValid(1));
        db.setAutoCommit(false);
        run("DELETE FROM p");
        db.commit();
        db.close();
    }
}
"""
JDBC_SPANS = [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], Expected("set autocommit=?", summary="set", affected=0),
              Expected("DELETE FROM p", "p", affected=2), PYMYSQL_SPANS[4]]
CONNECTOR_SPANS = [*JDBC_SPANS[:5], Expected("SET autocommit=?", summary="SET", affected=0), *JDBC_SPANS[6:],
                   Expected("ROLLBACK", affected=0)]  # when it closes


def mysql2():
    """The folder it is installed in, from npm's registry."""
    folder = OUT / "mysql2"
    with locked("mysql2"):
        if not (folder / "node_modules" / "mysql2").exists():
            if not shutil.which("npm"):
                pytest.skip("npm is not installed")
            folder.mkdir(parents=True, exist_ok=True)
            made = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "mysql2@3"],
                                  capture_output=True, text=True, check=False, timeout=120)
            if made.returncode != 0:
                pytest.skip("npm's registry is not to be reached")
    return str(folder / "node_modules")


def java_program(tmp_path, driver="mariadb", path="/usr/share/java/mariadb-java-client.jar"):
    source = tmp_path / "Program.java"
    source.write_text(JDBC.replace("DRIVER", driver), encoding="utf-8")
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", path, source]


def connector_program(tmp_path):
    return java_program(tmp_path, "mysql", classpath("com.mysql:mysql-connector-j:8.4.0"))


CLIENTS = {
    "pymysql": (lambda _: [PYTHON, "-c", PYMYSQL], {}, PYMYSQL_SPANS),
    "aiomysql": (lambda _: [PYTHON, "-c", AIOMYSQL], {}, PYMYSQL_SPANS),
    "mysqli": (lambda _: [PHP, "-r", MYSQLI, "--"], {}, mysqli_spans),
    "pdo": (lambda _: [PHP, "-r", PDO, "--"], {}, PDO_SPANS),
    "mysqljs": (lambda _: [NODE, "-e", MYSQLJS, "--"], {"NODE_PATH": "/usr/share/nodejs"}, MYSQLJS_SPANS),
    "mysql2": (lambda _: [NODE, "-e", MYSQL2, "--"], {"NODE_PATH": mysql2}, mysql2_spans),
    "jdbc": (java_program, {}, JDBC_SPANS),
    "connector": (connector_program, {}, CONNECTOR_SPANS),
}


def shell(mariadb, *arguments):
    return ["mariadb", "--no-defaults", "--user=guest", "--batch", *arguments, "shop"]
