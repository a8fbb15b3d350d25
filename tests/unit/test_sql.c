/* SQL text analysis: what is recorded of a statement, and that no literal ever is. */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "agent/sql.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

struct row {
    const char *sql;
    const char *query;
    const char *summary;
    const char *operation; /* NULL: the summary's first word; "": none */
    const char *table;     /* NULL: none */
    const char *schema;
    bool comment, multiple;
    bool whole; /* cut short, it may be read without doubt */
};

/* A row names what it is about; the rest is absent. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* s3cret stands for what must never be seen. */
static const struct row rows[] = {
    /* --- strings --- */
    {"SELECT 1", "SELECT ?", "SELECT"},
    {"SELECT 's3cret'", "SELECT ?", "SELECT"},
    {"SELECT \"s3cret\"", "SELECT ?", "SELECT"},
    {"SELECT ''", "SELECT ?", "SELECT"},
    {"SELECT ' '", "SELECT ?", "SELECT"},
    {"SELECT 'it''s3cret'", "SELECT ?", "SELECT"},
    {"SELECT \"a\"\"s3cret\"", "SELECT ?", "SELECT"},
    {"SELECT 'it\\'s3cret'", "SELECT ?", "SELECT"},
    {"SELECT 'a\\\\', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a\"s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT \"it's3cret\", b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a`s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a -- s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a /* s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a # s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a; s3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 'a\ns3cret', b", "SELECT ?, b", "SELECT"},
    {"SELECT 's3c' 'ret'", "SELECT ?", "SELECT"},
    {"SELECT 's3c'\n  \"ret\" , 'x'", "SELECT ? , ?", "SELECT"},
    {"SELECT 'a' /* c */ 'b'", "SELECT ? /*?*/", "SELECT", .comment = true},
    {"SELECT N's3cret', n's3cret'", "SELECT ?, ?", "SELECT"},
    {"SELECT _utf8's3cret', _utf8mb4\"s3cret\"", "SELECT ?, ?", "SELECT"},
    {"SELECT _utf8 's3cret' COLLATE utf8_bin", "SELECT _utf8 ? COLLATE utf8_bin", "SELECT"},
    {"SELECT X'4D', x'4d'", "SELECT ?, ?", "SELECT"},
    {"SELECT _binary x'4d'", "SELECT _binary ?", "SELECT"},
    {"SELECT b'01', B'10'", "SELECT ?, ?", "SELECT"},
    {"SELECT name's3cret'", "SELECT name?", "SELECT"},
    {"SELECT 1 's3cret'", "SELECT ? ?", "SELECT"},
    {"SELECT a AS 's3cret' FROM t", "SELECT a AS ? FROM t", "SELECT t", .table = "t"},
    {"SELECT 'caf\xc3\xa9 \xf0\x9f\x98\x80' FROM t", "SELECT ? FROM t", "SELECT t", .table = "t"},
    {"SELECT '\xff\xfe' FROM t", "SELECT ? FROM t", "SELECT t", .table = "t"},

    /* --- numbers --- */
    {"SELECT 0, 42, 007", "SELECT ?, ?, ?", "SELECT"},
    {"SELECT 1.5, 1., .5", "SELECT ?, ?, ?", "SELECT"},
    {"SELECT 1e5, 1E+5, 1.5e-3, .5e1, 1.e2", "SELECT ?, ?, ?, ?, ?", "SELECT"},
    {"SELECT 0x4D, 0xdeadBEEF, 0b0101", "SELECT ?, ?, ?", "SELECT"},
    {"SELECT a FROM t WHERE id = 12ab34", "SELECT a FROM t WHERE id = ?", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE id = 4f0e-11", "SELECT a FROM t WHERE id = ?-?", "SELECT t", .table = "t"},
    {"SELECT a1, a_2, a$3", "SELECT a1, a_2, a$3", "SELECT"},
    {"SELECT t.5, t.5a", "SELECT t.?, t.5a", "SELECT"},
    {"SELECT -5", "SELECT ?", "SELECT"},
    {"SELECT +5, -.5", "SELECT ?, ?", "SELECT"},
    {"SELECT a-5, a -5, a - 5", "SELECT a-?, a -?, a - ?", "SELECT"},
    {"SELECT 1-1, 1--1, 1+-1", "SELECT ?-?, ?-?, ?+?", "SELECT"},
    {"SELECT (1)-1, `a`-1, @a-1, ?-1, 'a'-1", "SELECT (?)-?, `a`-?, @a-?, ?-?, ?-?", "SELECT"},
    {"SELECT a FROM t WHERE b = -5", "SELECT a FROM t WHERE b = ?", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b BETWEEN -5 AND -1", "SELECT a FROM t WHERE b BETWEEN ? AND ?", "SELECT t", .table = "t"},
    {"SELECT CASE WHEN -1 THEN -2 ELSE -3 END", "SELECT CASE WHEN ? THEN ? ELSE ? END", "SELECT"},
    {"INSERT INTO t VALUES (-1, +2)", "INSERT INTO t VALUES (?, ?)", "INSERT t", .table = "t"},
    {"SELECT a FROM t LIMIT 10, 20", "SELECT a FROM t LIMIT ?, ?", "SELECT t", .table = "t"},
    {"SELECT a FROM t LIMIT 5 OFFSET 10", "SELECT a FROM t LIMIT ? OFFSET ?", "SELECT t", .table = "t"},
    {"SELECT CAST(a AS DECIMAL(10,2))", "SELECT CAST(a AS DECIMAL(?,?))", "SELECT"},

    /* --- dates, booleans, NULL --- */
    {"SELECT DATE '2020-01-01', TIME'10:00', TIMESTAMP\t'2020-01-01 10:00'", "SELECT ?, ?, ?", "SELECT"},
    {"SELECT date, time FROM t", "SELECT date, time FROM t", "SELECT t", .table = "t"},
    {"SELECT DATE(a), t.date 's3cret'", "SELECT DATE(a), t.date ?", "SELECT"},
    {"SELECT {d '2020-01-01'}, {ts '2020-01-01 10:00'}", "SELECT {d ?}, {ts ?}", "SELECT"},
    {"SELECT a + INTERVAL 5 DAY, a - INTERVAL -1 HOUR", "SELECT a + INTERVAL ? DAY, a - INTERVAL ? HOUR", "SELECT"},
    {"SELECT a + INTERVAL '1:10' MINUTE_SECOND", "SELECT a + INTERVAL ? MINUTE_SECOND", "SELECT"},
    {"SELECT TRUE, false, NULL, \\N", "SELECT ?, ?, NULL, \\N", "SELECT"},
    {"SELECT t.true, `true`", "SELECT t.true, `true`", "SELECT"},
    {"SELECT a IS TRUE, a IS NOT NULL", "SELECT a IS ?, a IS NOT NULL", "SELECT"},
    {"SELECT TRUE-1", "SELECT ?-?", "SELECT"},

    /* --- names, variables, placeholders --- */
    {"SELECT `a``b`, `a'b` FROM `t`", "SELECT `a``b`, `a'b` FROM `t`", "SELECT `t`", .table = "t"},
    {"SELECT `a\\` FROM t", "SELECT `a\\` FROM t", "SELECT t", .table = "t"},
    {"SELECT @a, @@global.b, @`c d`, @'s3cret'", "SELECT @a, @@global.b, @`c d`, @?", "SELECT"},
    {"SELECT @a := 5", "SELECT @a := ?", "SELECT"},
    {"SELECT a FROM t WHERE b = ? AND c = 's3cret'", "SELECT a FROM t WHERE b = ? AND c = ?", "SELECT t", .table = "t"},
    {"SELECT \xc3\xa9t\xc3\xa9 FROM caf\xc3\xa9", "SELECT \xc3\xa9t\xc3\xa9 FROM caf\xc3\xa9", "SELECT caf\xc3\xa9",
     .table = "caf\xc3\xa9"},
    {"SELECT a->'$.s3cret', a->>\"$.s3cret\"", "SELECT a->?, a->>?", "SELECT"},

    /* --- IN lists --- */
    {"SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2, 3)", "SELECT a FROM t WHERE b IN (?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b in(1,2,3)and c", "SELECT a FROM t WHERE b in(?)and c", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b NOT IN ('s3cret', \"x\", -5, 1e3, ?)", "SELECT a FROM t WHERE b NOT IN (?)", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t WHERE b IN (?, ?, ?)", "SELECT a FROM t WHERE b IN (?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN ( 1 , 2 )", "SELECT a FROM t WHERE b IN ( ? )", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (TRUE, FALSE)", "SELECT a FROM t WHERE b IN (?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN ('x' 'y', DATE '2020-01-01', 3)", "SELECT a FROM t WHERE b IN (?)", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2) AND c IN (3, 4)", "SELECT a FROM t WHERE b IN (?) AND c IN (?)", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2, c)", "SELECT a FROM t WHERE b IN (?, c)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2, NULL)", "SELECT a FROM t WHERE b IN (?, NULL)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (c, 1, 2)", "SELECT a FROM t WHERE b IN (c, ?, ?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2 + 3, 4)", "SELECT a FROM t WHERE b IN (?, ? + ?, ?)", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2 /* c */, 3)", "SELECT a FROM t WHERE b IN (?, ? /*?*/, ?)", "SELECT t",
     .table = "t", .comment = true},
    {"SELECT a FROM t WHERE (b, c) IN ((1, 2), (3, 4))", "SELECT a FROM t WHERE (b, c) IN ((?, ?), (?, ?))", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (1, 2))",
     "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (?))", "SELECT t SELECT u", .table = "t"},
    {"SELECT a FROM t WHERE b IN (1, 2", "SELECT a FROM t WHERE b IN (?", "SELECT t", .table = "t"},
    {"SELECT f(1, 2, 3)", "SELECT f(?, ?, ?)", "SELECT"},

    /* --- comments --- */
    {"/* s3cret */ SELECT a FROM t", "/*?*/ SELECT a FROM t", "SELECT t", .table = "t", .comment = true},
    {"-- s3cret\nSELECT a FROM t", "-- ?\nSELECT a FROM t", "SELECT t", .table = "t", .comment = true},
    {"# s3cret\nSELECT a FROM t", "#?\nSELECT a FROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT a FROM t -- s3cret", "SELECT a FROM t -- ?", "SELECT t", .table = "t", .comment = true},
    {"SELECT a FROM t --", "SELECT a FROM t -- ?", "SELECT t", .table = "t", .comment = true},
    {"SELECT a --\tFROM s3cret\nFROM t", "SELECT a -- ?\nFROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT 1 --1", "SELECT ? -?", "SELECT"},
    {"SELECT a # FROM s3cret\nFROM t", "SELECT a #?\nFROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT a /* 's3cret */ FROM t", "SELECT a /*?*/ FROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT a /* /* s3cret */ FROM t", "SELECT a /*?*/ FROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT a/**/FROM/**/t", "SELECT a/*?*/FROM/*?*/t", "SELECT t", .table = "t", .comment = true},
    {"SELECT /***/ a FROM t", "SELECT /*?*/ a FROM t", "SELECT t", .table = "t", .comment = true},
    {"SELECT 2*3/4*5", "SELECT ?*?/?*?", "SELECT"},
    {"SELECT a FROM t /*traceparent='00-s3cret-01'*/", "SELECT a FROM t /*?*/", "SELECT t", .table = "t",
     .comment = true},
    {"SELECT /*+ MAX_EXECUTION_TIME(1000) */ a FROM t", "SELECT /*+ MAX_EXECUTION_TIME(?) */ a FROM t", "SELECT t",
     .table = "t", .comment = true},
    {"SELECT /*! STRAIGHT_JOIN */ a FROM t", "SELECT /*! STRAIGHT_JOIN */ a FROM t", "SELECT t", .table = "t",
     .comment = true},
    {"/*!40101 SET NAMES utf8 */", "/*!40101 SET NAMES utf8 */", "SET", .comment = true},
    {"/*!40101 SET a = 's3cret' */", "/*!40101 SET a = ? */", "SET", .comment = true},
    {"/*M!100100 SELECT 5 */", "/*M!100100 SELECT ? */", "SELECT", .comment = true},
    {"/*!50000 SELECT /* s3cret */ 1 */", "/*!50000 SELECT /*?*/ ? */", "SELECT", .comment = true},
    {"SELECT 1 /*!50000 + /*!80000 2 */ */", "SELECT ? /*!50000 + /*!80000 ? */ */", "SELECT", .comment = true},

    /* --- what cannot be trusted --- */
    {"SELECT a, 's3cret", "SELECT a, ?", "SELECT"},
    {"SELECT a, \"s3cret", "SELECT a, ?", "SELECT"},
    {"SELECT a, `s3cret", "SELECT a, ?", "SELECT"},
    {"SELECT a, 's3cret\\'", "SELECT a, ?", "SELECT"},
    {"SELECT a, 's3cret\\", "SELECT a, ?", "SELECT"},
    {"SELECT a /* s3cret", "SELECT a ?", "SELECT"},
    {"SELECT a /* s3cret *", "SELECT a ?", "SELECT"},
    {"SELECT a /*", "SELECT a ?", "SELECT"},
    {"SELECT a, X's3cret", "SELECT a, ?", "SELECT"},
    {"SELECT a */ s3cret", "SELECT a ?", "SELECT"},
    {"SELECT a \\ s3cret", "SELECT a ?", "SELECT"},
    {"SELECT a \x01 s3cret", "SELECT a ?", "SELECT"},
    /* NO_BACKSLASH_ESCAPES, or a character set with bytes like a backslash: the first string ends before the comma. */
    {"SELECT 'a\\', s3cret, 'b'", "SELECT ?", "SELECT"},
    {"SELECT 'a\\', s3cret, 'b\\', c FROM s3cret", "SELECT ?", "SELECT"},
    {"SELECT 'a\xbf\\\\' s3cret ' FROM u", "SELECT ?", "SELECT", .whole = true},
    {"SELECT x FROM t WHERE a IN (1, 'a\\', s3cret, 'b')", "SELECT x FROM t WHERE a IN (?, ?", "SELECT t",
     .table = "t"},
    {"INSERT INTO t VALUES ('a\\', ' FROM s3cret; DROP TABLE s3cret', 'b')", "INSERT INTO t VALUES (?", "INSERT t",
     .table = "t", .whole = true},
    {"SELECT '\\''s3cret' '-- x' FROM u", "SELECT ?", "SELECT", .whole = true},
    {"SELECT 'a\xbf\\\\' s3cret ' -- '\n, \"b\\\"c\"", "SELECT ?", "SELECT", .whole = true},
    /* No other reading makes sense, or all are the same: these are what escaped values look like. */
    {"INSERT INTO t VALUES ('O\\'s3cret', 5) ON DUPLICATE KEY UPDATE a = 1",
     "INSERT INTO t VALUES (?, ?) ON DUPLICATE KEY UPDATE a = ?", "INSERT t", .table = "t"},
    {"SELECT a FROM t WHERE b = 'O\\'s3cret' AND c = 'D\\'s3cret' OR d", "SELECT a FROM t WHERE b = ? AND c = ? OR d",
     "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b = '{\\\"s3cret\\\": \\\"x\\\"}' OR d", "SELECT a FROM t WHERE b = ? OR d", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t WHERE b = 'C:\\\\' OR d", "SELECT a FROM t WHERE b = ? OR d", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b = '\xc3\xa9\\nx' OR d", "SELECT a FROM t WHERE b = ? OR d", "SELECT t", .table = "t"},
    {"SELECT a FROM t WHERE b = '\xc3\xa9\\'x' OR d", "SELECT a FROM t WHERE b = ? OR d", "SELECT t", .table = "t"},
    {"SELECT `\xc3\xa9` FROM t", "SELECT `\xc3\xa9` FROM t", "SELECT t", .table = "t"},
    /* A server that is too old or too new for the comment skips it, and the quote with it. */
    {"/*!99999 ' */ SELECT 's3cret'", "/*!99999 ?", "", "", .comment = true},
    {"/*!99999 -- */ 's3cret'", "/*!99999 ?", "", "", .comment = true},
    {"SELECT /*+ it's */ a, 's3cret'", "SELECT /*+ it?", "SELECT", .comment = true},
    {"SELECT /*!40000 `a */ b`, 's3cret' */", "SELECT /*!40000 ?", "SELECT", .comment = true},

    /* --- shapes of the summary: SELECT --- */
    {"SELECT * FROM wuser_table WHERE username = ?", "SELECT * FROM wuser_table WHERE username = ?",
     "SELECT wuser_table", .table = "wuser_table"},
    {"SELECT * FROM songs, artists WHERE songs.artist_id == artists.id",
     "SELECT * FROM songs, artists WHERE songs.artist_id == artists.id", "SELECT songs artists", .table = "songs"},
    {"SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id = c.customer_id)",
     "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id = c.customer_id)",
     "SELECT SELECT orders customers", .table = "orders"},
    {"select a from t", "select a from t", "select t", .table = "t"},
    {"SELECT\n a\nFROM\n t\n", "SELECT\n a\nFROM\n t\n", "SELECT t", .table = "t"},
    {"SELECT a FROM db.t", "SELECT a FROM db.t", "SELECT db.t", .table = "t"},
    {"SELECT a FROM `db`.`t`", "SELECT a FROM `db`.`t`", "SELECT `db`.`t`", .table = "t"},
    {"SELECT a FROM db . t", "SELECT a FROM db . t", "SELECT db.t", .table = "t"},
    {"SELECT a FROM `song list`", "SELECT a FROM `song list`", "SELECT `song list`", .table = "song list"},
    {"SELECT a FROM 2fa", "SELECT a FROM 2fa", "SELECT 2fa", .table = "2fa"},
    {"SELECT a FROM 's3cret', t", "SELECT a FROM ?, t", "SELECT t", .table = "t"},
    {"SELECT a FROM t AS x, u y WHERE b", "SELECT a FROM t AS x, u y WHERE b", "SELECT t u", .table = "t"},
    {"SELECT a FROM t x LEFT OUTER JOIN u y ON x.a = y.a, v", "SELECT a FROM t x LEFT OUTER JOIN u y ON x.a = y.a, v",
     "SELECT t u v", .table = "t"},
    {"SELECT a FROM t NATURAL JOIN u CROSS JOIN v", "SELECT a FROM t NATURAL JOIN u CROSS JOIN v", "SELECT t u v",
     .table = "t"},
    {"SELECT a FROM t JOIN u USING (id), v", "SELECT a FROM t JOIN u USING (id), v", "SELECT t u v", .table = "t"},
    {"SELECT STRAIGHT_JOIN a FROM t STRAIGHT_JOIN u", "SELECT STRAIGHT_JOIN a FROM t STRAIGHT_JOIN u", "SELECT t u",
     .table = "t"},
    {"SELECT a FROM (t, u) JOIN v", "SELECT a FROM (t, u) JOIN v", "SELECT t u v", .table = "t"},
    {"SELECT a FROM (t JOIN u ON t.a = u.a), v", "SELECT a FROM (t JOIN u ON t.a = u.a), v", "SELECT t u v",
     .table = "t"},
    {"SELECT a FROM (SELECT b FROM t) x, u", "SELECT a FROM (SELECT b FROM t) x, u", "SELECT SELECT t u", .table = "t"},
    {"SELECT (SELECT COUNT(*) FROM u) FROM t", "SELECT (SELECT COUNT(*) FROM u) FROM t", "SELECT SELECT u t",
     .table = "u"},
    {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u) AND b, c",
     "SELECT a FROM t WHERE EXISTS (SELECT ? FROM u) AND b, c", "SELECT t SELECT u", .table = "t"},
    {"SELECT a FROM t UNION ALL SELECT b FROM u", "SELECT a FROM t UNION ALL SELECT b FROM u", "SELECT t SELECT u",
     .table = "t"},
    {"(SELECT a FROM t) UNION (SELECT b FROM u)", "(SELECT a FROM t) UNION (SELECT b FROM u)", "SELECT t SELECT u",
     .table = "t"},
    {"SELECT a FROM t GROUP BY b, c ORDER BY d, e LIMIT 1", "SELECT a FROM t GROUP BY b, c ORDER BY d, e LIMIT ?",
     "SELECT t", .table = "t"},
    {"SELECT a FROM t FOR UPDATE", "SELECT a FROM t FOR UPDATE", "SELECT t", .table = "t"},
    {"SELECT a FROM t USE INDEX FOR JOIN (i), u", "SELECT a FROM t USE INDEX FOR JOIN (i), u", "SELECT t",
     .table = "t"},
    {"SELECT a FROM t FORCE INDEX (i, j), u", "SELECT a FROM t FORCE INDEX (i, j), u", "SELECT t u", .table = "t"},
    {"SELECT a FROM t PARTITION (p0, p1) JOIN u", "SELECT a FROM t PARTITION (p0, p1) JOIN u", "SELECT t u",
     .table = "t"},
    {"SELECT EXTRACT(YEAR FROM d), TRIM(BOTH ' ' FROM n) FROM t",
     "SELECT EXTRACT(YEAR FROM d), TRIM(BOTH ? FROM n) FROM t", "SELECT t", .table = "t"},
    {"SELECT SUM(a) OVER (PARTITION BY b ORDER BY c) FROM t", "SELECT SUM(a) OVER (PARTITION BY b ORDER BY c) FROM t",
     "SELECT t", .table = "t"},
    {"SELECT from_date, t.from, into_x FROM t", "SELECT from_date, t.from, into_x FROM t", "SELECT t", .table = "t"},
    {"SELECT a INTO OUTFILE '/s3cret' FROM t", "SELECT a INTO OUTFILE ? FROM t", "SELECT t", .table = "t"},
    {"SELECT a FROM t INTO @x", "SELECT a FROM t INTO @x", "SELECT t", .table = "t"},
    {"WITH x AS (SELECT a FROM t) SELECT a FROM x", "WITH x AS (SELECT a FROM t) SELECT a FROM x", "SELECT t SELECT x",
     "WITH", "t"},
    {"WITH RECURSIVE x (n) AS (SELECT 1 UNION SELECT n + 1 FROM x), y AS (SELECT 2) SELECT a FROM x, y",
     "WITH RECURSIVE x (n) AS (SELECT ? UNION SELECT n + ? FROM x), y AS (SELECT ?) SELECT a FROM x, y",
     "SELECT SELECT x SELECT SELECT x y", "WITH", "x"},
    {"WITH x AS (SELECT a FROM t) UPDATE u SET b = 1", "WITH x AS (SELECT a FROM t) UPDATE u SET b = ?",
     "SELECT t UPDATE u", "WITH", "t"},
    {"TABLE t", "TABLE t", "TABLE t", .table = "t"},

    /* --- INSERT, UPDATE, DELETE, LOAD --- */
    {"INSERT INTO t (a, b) VALUES (1, 's3cret')", "INSERT INTO t (a, b) VALUES (?, ?)", "INSERT t", .table = "t"},
    {"INSERT INTO t VALUES (1, 'a'), (2, 'b')", "INSERT INTO t VALUES (?, ?), (?, ?)", "INSERT t", .table = "t"},
    {"INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = ?",
     "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = ?",
     "INSERT shipping_details SELECT orders", .table = "shipping_details"},
    {"INSERT t SET a = 1", "INSERT t SET a = ?", "INSERT t", .table = "t"},
    {"INSERT HIGH_PRIORITY IGNORE INTO t VALUES (1)", "INSERT HIGH_PRIORITY IGNORE INTO t VALUES (?)", "INSERT t",
     .table = "t"},
    {"INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 2",
     "INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a), b = ?", "INSERT t", .table = "t"},
    {"REPLACE INTO t VALUES (1)", "REPLACE INTO t VALUES (?)", "REPLACE t", .table = "t"},
    {"SELECT REPLACE(a, 's3cret', 'x'), INSERT(a, 1, 2, 'x') FROM t",
     "SELECT REPLACE(a, ?, ?), INSERT(a, ?, ?, ?) FROM t", "SELECT t", .table = "t"},
    {"UPDATE t SET a = 1 WHERE b = 's3cret'", "UPDATE t SET a = ? WHERE b = ?", "UPDATE t", .table = "t"},
    {"UPDATE LOW_PRIORITY IGNORE t SET a = b, c = d", "UPDATE LOW_PRIORITY IGNORE t SET a = b, c = d", "UPDATE t",
     .table = "t"},
    {"UPDATE t, u SET t.a = u.a", "UPDATE t, u SET t.a = u.a", "UPDATE t u", .table = "t"},
    {"UPDATE t JOIN u ON t.a = u.a SET t.b = 1", "UPDATE t JOIN u ON t.a = u.a SET t.b = ?", "UPDATE t u",
     .table = "t"},
    {"DELETE FROM t WHERE a = 1", "DELETE FROM t WHERE a = ?", "DELETE t", .table = "t"},
    {"DELETE x FROM t x JOIN u ON x.a = u.a", "DELETE x FROM t x JOIN u ON x.a = u.a", "DELETE t u", .table = "t"},
    {"DELETE QUICK FROM t", "DELETE QUICK FROM t", "DELETE t", .table = "t"},
    {"LOAD DATA LOCAL INFILE '/s3cret' REPLACE INTO TABLE t FIELDS TERMINATED BY ','",
     "LOAD DATA LOCAL INFILE ? REPLACE INTO TABLE t FIELDS TERMINATED BY ?", "LOAD DATA t", .table = "t"},

    /* --- schema, procedures, the rest --- */
    {"CREATE TABLE MyTable (id INT(11) DEFAULT -1)", "CREATE TABLE MyTable (id INT(?) DEFAULT ?)",
     "CREATE TABLE MyTable", .table = "MyTable"},
    {"CREATE TEMPORARY TABLE IF NOT EXISTS db.t LIKE u", "CREATE TEMPORARY TABLE IF NOT EXISTS db.t LIKE u",
     "CREATE TABLE db.t", .table = "t"},
    {"CREATE TABLE t AS SELECT a FROM u", "CREATE TABLE t AS SELECT a FROM u", "CREATE TABLE t SELECT u", .table = "t"},
    {"CREATE OR REPLACE VIEW v AS SELECT a FROM t", "CREATE OR REPLACE VIEW v AS SELECT a FROM t",
     "CREATE VIEW v SELECT t", .table = "v"},
    {"CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX i", .table = "t"},
    {"ALTER TABLE t ADD COLUMN a INT, DROP INDEX i", "ALTER TABLE t ADD COLUMN a INT, DROP INDEX i", "ALTER TABLE t",
     .table = "t"},
    {"DROP TABLE IF EXISTS t, db.u", "DROP TABLE IF EXISTS t, db.u", "DROP TABLE t db.u", .table = "t"},
    {"TRUNCATE TABLE t", "TRUNCATE TABLE t", "TRUNCATE TABLE t", .table = "t"},
    {"TRUNCATE `t`", "TRUNCATE `t`", "TRUNCATE `t`", .table = "t"},
    {"RENAME TABLE a TO b, c TO d", "RENAME TABLE a TO b, c TO d", "RENAME TABLE a c", .table = "a"},
    {"OPTIMIZE TABLE t", "OPTIMIZE TABLE t", "OPTIMIZE TABLE t", .table = "t"},
    {"CREATE DATABASE IF NOT EXISTS shop", "CREATE DATABASE IF NOT EXISTS shop", "CREATE DATABASE shop"},
    {"CREATE USER 's3cret'@'%' IDENTIFIED BY 's3cret'", "CREATE USER ?@? IDENTIFIED BY ?", "CREATE USER"},
    {"CREATE DEFINER=`a`@`b` PROCEDURE db.p(x INT) BEGIN UPDATE t SET a = 1; SELECT b FROM u; END",
     "CREATE DEFINER=`a`@`b` PROCEDURE db.p(x INT) BEGIN UPDATE t SET a = ?; SELECT b FROM u; END",
     "CREATE PROCEDURE db.p"},
    {"CALL p(1, 's3cret')", "CALL p(?, ?)", "CALL p"},
    {"call db.`p q`()", "call db.`p q`()", "call db.`p q`"},
    {"USE shop", "USE shop", "USE", .schema = "shop"},
    {"use `my shop`", "use `my shop`", "use", .schema = "my shop"},
    {"SET NAMES utf8mb4", "SET NAMES utf8mb4", "SET"},
    {"SET PASSWORD FOR bob = 's3cret'", "SET PASSWORD FOR bob = ?", "SET"},
    {"SHOW TABLES FROM shop LIKE 's3cret%'", "SHOW TABLES FROM shop LIKE ?", "SHOW"},
    {"EXPLAIN SELECT a FROM t", "EXPLAIN SELECT a FROM t", "EXPLAIN SELECT t", .table = "t"},
    {"EXPLAIN FORMAT=JSON UPDATE t SET a = 1", "EXPLAIN FORMAT=JSON UPDATE t SET a = ?", "EXPLAIN UPDATE t",
     .table = "t"},
    {"BEGIN", "BEGIN", "BEGIN"},
    {"START TRANSACTION", "START TRANSACTION", "START"},
    {"KILL 17", "KILL ?", "KILL"},
    {"EXECUTE stmt USING @a", "EXECUTE stmt USING @a", "EXECUTE"},
    {"GRANT SELECT ON db.* TO bob@localhost", "GRANT SELECT ON db.* TO bob@localhost", "GRANT SELECT"},

    /* --- several statements --- */
    {"SELECT 1; SELECT a FROM t", "SELECT ?; SELECT a FROM t", "SELECT SELECT t", .table = "t", .multiple = true},
    {"SELECT 1;", "SELECT ?;", "SELECT"},
    {";; SELECT 1 ;;", ";; SELECT ? ;;", "SELECT"},
    {"SELECT (a; DELETE FROM t", "SELECT (a; DELETE FROM t", "SELECT DELETE t", .table = "t", .multiple = true},
    {"SET @a = 1; INSERT INTO t VALUES (2); COMMIT", "SET @a = ?; INSERT INTO t VALUES (?); COMMIT",
     "SET INSERT t COMMIT", .table = "t", .multiple = true},
    {"SELECT 1; -- s3cret", "SELECT ?; -- ?", "SELECT", .comment = true},

    /* --- nothing much --- */
    {"", "", "", ""},
    {"   \t\n", "   \t\n", "", ""},
    {"'s3cret'", "?", "", ""},
    {"17", "?", "", ""},
    {"`a name`", "`a name`", "", ""},
    {"?", "?", "", ""},
    {";", ";", "", ""},
    {")))", ")))", "", ""},
    {"garbage in", "garbage in", "garbage"},
    {"{call p(1)}", "{call p(?)}", "call p"},
};

static struct oi_text text_of(const struct oi_buffer *buffer)
{
    return oi_text_of(buffer->at, buffer->len);
}

#define ck_text(row, what, got, expected)                                                                              \
    ck_assert_msg(oi_text_equal(got, oi_text_from(expected)), "%s\n  %s is  %.*s\n  and not %s", (row)->sql, what,     \
                  (int)(got).len, (got).at, expected)

static void ck_maybe(const struct row *row, const char *what, struct oi_text got, const char *expected)
{
    ck_assert_msg(oi_text_present(got) == (expected != NULL), "%s\n  %s is %s", row->sql, what,
                  oi_text_present(got) ? "there" : "not there");
    if (expected)
        ck_text(row, what, got, expected);
}

static struct oi_sql analyze(const char *sql, size_t length, size_t room)
{
    struct oi_sql out = {.query = {.at = guarded_copy(NULL, room), .size = room},
                         .summary = {.at = guarded_copy(NULL, 255), .size = 255}};
    oi_sql_analyze(oi_text_of(guarded(sql, length), length), &out);
    return out;
}

START_TEST(test_rows)
{
    const struct row *row = &rows[_i];
    size_t length = strlen(row->sql);
    struct oi_sql out = analyze(row->sql, length, length + 16);
    char first[64] = {0};
    memcpy(first, row->summary, strcspn(row->summary, " "));
    const char *operation = row->operation ? row->operation : first;
    ck_assert(!out.query.truncated && !out.summary.truncated);
    ck_text(row, "query", text_of(&out.query), row->query);
    ck_text(row, "summary", text_of(&out.summary), row->summary);
    ck_maybe(row, "operation", out.operation, *operation ? operation : NULL);
    ck_maybe(row, "table", out.table, row->table);
    ck_maybe(row, "schema", out.schema, row->schema);
    ck_assert_msg(out.has_comment == row->comment, "%s: comment %d", row->sql, out.has_comment);
    ck_assert_msg(out.multiple == row->multiple, "%s: multiple %d", row->sql, out.multiple);
}
END_TEST

static bool shows_secret(struct oi_text text)
{
    return text.len >= 6 && memmem(text.at, text.len, "s3cret", 6);
}

/* A text may be cut anywhere, and the buffer may be of any size: nothing is read or written past the end, no literal
 * appears. */
START_TEST(test_cut_anywhere)
{
    const char *sql = rows[_i].sql;
    for (size_t length = rows[_i].whole ? strlen(sql) : 0; length <= strlen(sql); length++) {
        struct oi_sql out = analyze(sql, length, length + 16);
        ck_assert_msg(!shows_secret(text_of(&out.query)), "%.*s -> %.*s", (int)length, sql, (int)out.query.len,
                      out.query.at);
        ck_assert_msg(!shows_secret(text_of(&out.summary)), "%.*s -> %.*s", (int)length, sql, (int)out.summary.len,
                      out.summary.at);
        ck_assert(!shows_secret(out.table) && !shows_secret(out.operation) && !shows_secret(out.schema));
    }
    for (size_t room = 0; room < strlen(rows[_i].query); room++) {
        struct oi_sql out = analyze(sql, strlen(sql), room);
        ck_assert(out.query.truncated && out.query.len <= room);
        ck_assert(!shows_secret(text_of(&out.query)));
    }
}
END_TEST

START_TEST(test_nothing_wanted)
{
    struct oi_sql out = {0};
    oi_sql_analyze(OI_TEXT("SELECT 's3cret' FROM t"), &out);
    ck_assert(oi_text_equal(out.operation, OI_TEXT("SELECT")) && oi_text_equal(out.table, OI_TEXT("t")));
    oi_sql_analyze((struct oi_text){NULL, 0}, &out);
    ck_assert(!oi_text_present(out.operation) && !oi_text_present(out.table));
}
END_TEST

/* The conventions: at most 255 bytes, no token cut. */
START_TEST(test_long_summary)
{
    char sql[4096] = "SELECT a FROM table_000";
    for (int i = 1; i < 60; i++)
        sprintf(sql + strlen(sql), ", table_%03d", i);
    struct oi_sql out = analyze(sql, strlen(sql), 4096);
    ck_assert(out.summary.truncated);
    /* "SELECT" and 24 times " table_nnn" are 246 bytes; one more would be 256. */
    ck_assert_uint_eq(out.summary.len, 246);
    ck_assert(memcmp(out.summary.at + 246 - 10, " table_023", 10) == 0);
}
END_TEST

START_TEST(test_long_qualified_name_goes_whole)
{
    char sql[1024] = "SELECT a FROM t, `a b`.";
    memset(sql + strlen(sql), 'x', 300);
    struct oi_sql out = analyze(sql, strlen(sql), 1024);
    ck_assert(out.summary.truncated);
    ck_assert(oi_text_equal(text_of(&out.summary), OI_TEXT("SELECT t")));
}
END_TEST

/* A text that would take hours if any step looked back or ahead without bound; Check's time limit is the judge. */
START_TEST(test_time_is_linear)
{
    static const char *const patterns[] = {
        "(",  ")",    "a.",    "/*!",       "-- \n",   "'",       "\"", "`",  "/*", "*/", "@",       "1,", "IN (", "\\",
        "--", "'a' ", "DATE ", "IN (1,2) ", "SELECT ", "FROM a,", "+",  "-1", "?",  ";",  "/*!' */", "''", "\\'",  "*"};
    size_t size = 4 << 20;
    char *text = malloc(size), *query = malloc(2 * size), summary[255];
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        size_t length = strlen(patterns[p]);
        for (size_t i = 0; i < size; i++)
            text[i] = patterns[p][i % length];
        struct oi_sql out = {.query = {.at = query, .size = 2 * size}, .summary = {.at = summary, .size = 255}};
        oi_sql_analyze(oi_text_of(text, size), &out);
        ck_assert(out.query.len <= 2 * size);
    }
    free(text);
    free(query);
}
END_TEST

static ucontext_t back, other;
static struct oi_text deep_text;

static void deep(void)
{
    static char query[4096], summary[255];
    struct oi_sql out = {.query = {.at = query, .size = sizeof query}, .summary = {.at = summary, .size = 255}};
    if (oi_text_present(deep_text))
        oi_sql_analyze(deep_text, &out);
}

__attribute__((unused)) static size_t stack_used(struct oi_text text)
{
    static char stack[65536];
    memset(stack, 0x5a, sizeof stack);
    deep_text = text;
    getcontext(&other);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    other.uc_link = &back;
    makecontext(&other, deep, 0);
    swapcontext(&back, &other);
    size_t free_bytes = 0;
    while (stack[free_bytes] == 0x5a)
        free_bytes++;
    return sizeof stack - free_bytes;
}

START_TEST(test_stack_stays_small)
{
#if defined(__OPTIMIZE__) && !defined(OI_SANITIZERS)
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        stack_used(oi_text_from(rows[i].sql)); /* binds what is bound lazily: the loader wants a few KiB */
    size_t least = stack_used((struct oi_text){NULL, 0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t used = stack_used(oi_text_from(rows[i].sql)) - least;
        ck_assert_msg(used <= 512, "%zu bytes of stack for %s", used, rows[i].sql);
    }
#endif
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, test_rows, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, test_cut_anywhere, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_nothing_wanted);
    tcase_add_test(tests, test_long_summary);
    tcase_add_test(tests, test_long_qualified_name_goes_whole);
    tcase_add_test(tests, test_time_is_linear);
    tcase_add_test(tests, test_stack_stays_small);
    return run_suite("sql", tests);
}
