#include <stdio.h>

#include "hooks/mysql_pieces.h"
#include "hooks/mysql_setup.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

/* --- what sets a session up --------------------------------------------------------------------------------------- */

struct statement {
    const char *sql;
    bool sets_up;
};

static const struct statement statements[] = {
    {"SET NAMES utf8mb4", true},
    {"set names 'utf8mb4' COLLATE utf8mb4_general_ci;", true},
    {"SET CHARACTER SET utf8", true},
    {"SET AUTOCOMMIT = 0", true},
    {"set autocommit=1, session_track_schema=1, sql_mode=concat(@@sql_mode,',STRICT_TRANS_TABLES')", true},
    {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", true},
    {"SET sql_mode='ANSI_QUOTES'", true},
    {"SET @@session.time_zone = '+00:00', @@SESSION.wait_timeout = 2147483", true},
    {"SET time_zone = (SELECT @@global.time_zone)", true},
    {"/* mysql-connector-j-8.0.33 */SELECT @@session.auto_increment_increment AS auto_increment_increment, "
     "@@character_set_client AS character_set_client, @@`time_zone`",
     true},
    {"select @@version_comment limit 1", true},
    {"-- one\nSET NAMES utf8; # two\nSELECT @@max_allowed_packet, @@wait_timeout;", true},
    {"SET NAMES utf8;SET autocommit=1;", true},

    {"", false},
    {"-- nothing", false},
    {";", false},
    {"SET @total = 0", false},
    {"SET NAMES utf8, @a = 1", false},
    {"SET @'a' = 1", false},
    {"SET GLOBAL max_connections = 10", false},
    {"SET @@global.max_connections = 10", false},
    {"SET PERSIST max_connections = 10", false},
    {"SET @@PERSIST.max_connections = 10", false},
    {"SET NAMES utf8, GLOBAL wait_timeout = 1", false},
    {"SET PASSWORD = 'x'", false},
    {"SET STATEMENT max_statement_time=1 FOR SELECT 1", false},
    {"SET DEFAULT ROLE x", false},
    {"SET autocommit = (SELECT a FROM t)", false},
    {"SET NAMES utf8; DELETE FROM t", false},
    {"SET NAMES utf8; SET @a = 1", false},
    {"SET NAMES 'utf8", false},
    {"/*!40101 SET NAMES utf8 */", false},
    {"SELECT", false},
    {"SELECT 1", false},
    {"SELECT @a", false},
    {"SELECT @@version INTO @a", false},
    {"SELECT @@version FROM t", false},
    {"SELECT @@version, (SELECT 1)", false},
    {"SELECT VERSION()", false},
    {"SELECT @@version; SELECT 1", false},
    {"SHOW VARIABLES", false},
    {"COMMIT", false},
    {"SETTLE", false},
};

START_TEST(what_sets_a_session_up)
{
    const char *sql = statements[_i].sql;
    struct oi_text text = oi_text_of(guarded(sql, strlen(sql)), strlen(sql));
    ck_assert_msg(oi_mysql_sets_up(text) == statements[_i].sets_up, "%s", sql);
}
END_TEST

/* --- pieces ------------------------------------------------------------------------------------------------------- */

#define TEN "0123456789"
#define SIXTY_FOUR TEN TEN TEN TEN TEN TEN "0123"

static const struct {
    const char *sql, *kept;
} texts[] = {
    {"SELECT 1", "SELECT 1"},
    {"SELECT 'a', \"b\", `c`", "SELECT 'a', \"b\", `c`"},
    {"INSERT INTO t VALUES ('" SIXTY_FOUR "', 1)", "INSERT INTO t VALUES ('" SIXTY_FOUR "', 1)"},
    {"INSERT INTO t VALUES ('" SIXTY_FOUR "4 and more', \"" SIXTY_FOUR SIXTY_FOUR "\", 1)",
     "INSERT INTO t VALUES ('" SIXTY_FOUR "', \"" SIXTY_FOUR "\", 1)"},
    {"('" SIXTY_FOUR "x\\' \" still', 2)", "('" SIXTY_FOUR "\\' \" still', 2)"},
    {"('" SIXTY_FOUR "\\'x', '" SIXTY_FOUR "x')", "('" SIXTY_FOUR "\\'x', '" SIXTY_FOUR "x')"},
    {"('" SIXTY_FOUR "\xe7\\', 'x', '')", "('" SIXTY_FOUR "\xe7\\', 'x', '')"},
    {"('" SIXTY_FOUR "\xe7\\\\', 'x', '" SIXTY_FOUR "x')", "('" SIXTY_FOUR "\xe7\\\\', 'x', '" SIXTY_FOUR "x')"},
    {"('" SIXTY_FOUR "\xe7\xb8', 2)", "('" SIXTY_FOUR "', 2)"},
    {"('" SIXTY_FOUR "\\\\', 2)", "('" SIXTY_FOUR "', 2)"},
    {"('" TEN TEN TEN TEN TEN TEN "012\\'x', 2)", "('" TEN TEN TEN TEN TEN TEN "012\\'x', 2)"},
    {"('" SIXTY_FOUR "x''y', 2)", "('" SIXTY_FOUR "''y', 2)"},
    {"`" SIXTY_FOUR SIXTY_FOUR "` = '\\'", "`" SIXTY_FOUR SIXTY_FOUR "` = '\\'"},
    {"`a\\`, 'b'", "`a\\`, 'b'"},
    {"a -- it's\n, '" SIXTY_FOUR "x'", "a -- it's\n, '" SIXTY_FOUR "'"},
    {"a # it's\n, '" SIXTY_FOUR "x'", "a # it's\n, '" SIXTY_FOUR "'"},
    {"a /* it's * / */, '" SIXTY_FOUR "x'", "a /* it's * / */, '" SIXTY_FOUR "'"},
    {"a --1, '" SIXTY_FOUR "x'", "a --1, '" SIXTY_FOUR "'"},
    {"a /'" SIXTY_FOUR "x'*'" SIXTY_FOUR "x'", "a /'" SIXTY_FOUR "'*'" SIXTY_FOUR "'"},
};

START_TEST(strings_in_pieces_are_shortened)
{
    size_t length = strlen(texts[_i].sql), expected = strlen(texts[_i].kept);
    for (size_t piece = 1; piece <= length; piece++) {
        char room[512];
        struct oi_mysql_pieces pieces = {.at = room, .size = sizeof room};
        for (size_t at = 0; at < length; at += piece) {
            size_t n = length - at < piece ? length - at : piece;
            oi_mysql_piece(&pieces, guarded(texts[_i].sql + at, n), n);
        }
        ck_assert_msg(pieces.length == expected && memcmp(room, texts[_i].kept, expected) == 0, "%.*s",
                      (int)pieces.length, room);
    }
}
END_TEST

START_TEST(what_there_is_no_room_for_is_cut)
{
    struct oi_mysql_pieces pieces = {.at = guarded_copy("........", 8), .size = 8};
    oi_mysql_piece(&pieces, "SELECT 'a', 'b'", 15);
    ck_assert_uint_eq(pieces.length, 8);
    ck_assert_mem_eq(pieces.at, "SELECT '", 8);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, what_sets_a_session_up, 0, sizeof statements / sizeof *statements);
    tcase_add_loop_test(tests, strings_in_pieces_are_shortened, 0, sizeof texts / sizeof *texts);
    tcase_add_test(tests, what_there_is_no_room_for_is_cut);
    return run_suite("mysql_text", tests);
}
