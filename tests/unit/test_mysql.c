
#include "tests/unit/mysql_recorded.h"
#include "tests/unit/mysql_text.h"
#include "tests/unit/run.h"

struct row {
    const char *talk, *events;
};

/* Capabilities of clients. All: PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, and a length in front of secrets. */
#define PLAIN "00288200"
#define WITH_DB "00288208"
#define TRACKING "00a88208"
#define NO_EOF "01288208"
#define NO_EOF_TRACKING "01a88208"
#define IN(can) "> greeting; << login/" can " 'app' 00 03 'abc' 'shop' 00; > " OK "; "
#define IS_IN "greeting 10.11.6-MariaDB login app@shop in"

#define OK "00 00 00 i2=2 i2=0"
#define OK_OF(rows) "00 " rows " 00 i2=2 i2=0"
#define EOF_ "fe i2=0 i2=2"
#define EOF_WITH(status) "fe i2=0 i2=" status
#define OK_EOF "fe 00 00 i2=2 i2=0"
#define OK_EOF_WITH(status) "fe 00 00 i2=" status " i2=0"
#define DEF "03 'def' 00 00 00 01 'a' 00 0c i2=33 i4=4 03 i2=0 00 00 00"
#define NO_TABLE "ff i2=1146 '#42S02' 'No table'"
#define SELECT "< 03 'SELECT 1'; "
#define SELECT_SENT "\n0:03 'SELECT 1' sent"

static const struct row rows[] = {
    /* Logging in. */
    {IN(WITH_DB), IS_IN},
    {"> greeting/8.0.36/ffffffff/0; << login/" PLAIN " 'root' 00 00; > " OK, "greeting 8.0.36 login root@ in"},
    {"> greeting; << login/" WITH_DB " 00 00 00; > " OK, "greeting 10.11.6-MariaDB login @ in"},
    {"> greeting; << login/00088200 'app' 00 fc; > " OK, "greeting 10.11.6-MariaDB login app@ in"},
    {"> greeting; << login/00008208 'app' 00 03 'abc' 'shop' 00; > " OK, "greeting 10.11.6-MariaDB login app@shop in"},
    {"> greeting; << login/00000208 'app' 00 'abc' 00 'shop' 00; > " OK, "greeting 10.11.6-MariaDB login app@shop in"},
    {"> greeting; << login/" WITH_DB " 'app' 00 fc i2=2000 2000*78 'shop' 00; > " OK,
     "greeting 10.11.6-MariaDB login app@ in"},
    {"> greeting; << login/" PLAIN " 'app' 00 00; > fe 'other' 00 'xyz'; << 'secret'; > 01 04; << 'more'; > " OK,
     "greeting 10.11.6-MariaDB login app@ in"},
    {"> greeting; << login/" PLAIN " 'app' 00 00; > fe 'other' 00; <<; > " OK,
     "greeting 10.11.6-MariaDB login app@ in"},
    {"> greeting; << login/" PLAIN " 'app' 00 00; > ff i2=1045 '#28000' 'Access denied'",
     "greeting 10.11.6-MariaDB login app@ 0:00 error 1045 Access denied over: refused"},
    {"> ff i2=1040 'Too many connections'", " 0:00 error 1040 Too many connections over: refused"},
    {"> ff i2=1130 '#HY000' 'Not allowed'", " 0:00 error 1130 Not allowed over: refused"},
    {"> greeting; > ff i2=1159 '#08S01' 'Too slow'", "greeting 10.11.6-MariaDB 0:00 error 1159 Too slow over: refused"},
    {"> greeting; << login/00a88a00; << login/" WITH_DB " 'app' 00 00 'shop' 00; > " OK "; " SELECT "> " OK,
     "greeting 10.11.6-MariaDB tls login app@shop in" SELECT_SENT " 0:03 ok 0."},
    {"> greeting/11.4.2-MariaDB/fffff7fe; << login/00288220 'app' 00 00; > " OK,
     "greeting 11.4.2-MariaDB login app@ in over: compressed"},
    {"> greeting/8.0.36/ffffffff; << login/04288200 'app' 00 00; > " OK,
     "greeting 8.0.36 login app@ in over: compressed"},
    {"> greeting/8.0.36/fbffffdf; << login/04288220 'app' 00 00; > " OK "; " SELECT "> " OK,
     "greeting 8.0.36 login app@ in" SELECT_SENT " 0:03 ok 0."},
    {"> greeting; << login/" TRACKING " 'app' 00 00 00; > 00 00 00 i2=0x4002 i2=0 00 07 01 05 \"shop\"",
     "greeting 10.11.6-MariaDB login app@ in schema shop"},

    /* What is none of it. */
    {"> 09 '5.0' 00 40*00", " over: not mysql"},
    {"> 0a 'x.y' 00 40*00", " over: not mysql"},
    {"> 0a '5.5'", " over: not mysql"},
    {"> 0a 00 40*00", " over: not mysql"},
    {">", " over: malformed"},
    {">1: greeting", " over: not mysql"},
    {"> greeting/4.0/00000001", " over: not read"},
    {"<1: login/" PLAIN " 'app' 00 00", " over: not mysql"},
    {"> greeting; <<2: login/" PLAIN " 'app' 00 00", "greeting 10.11.6-MariaDB over: out of turn"},
    {"> greeting; << login/00088000 'app' 00 00", "greeting 10.11.6-MariaDB over: not read"},
    {"> greeting; << 'GET / HTTP/1.1'", "greeting 10.11.6-MariaDB over: not mysql"},
    {"> greeting; << login/" PLAIN " 'app'", "greeting 10.11.6-MariaDB over: not mysql"},
    {"> greeting; <<", "greeting 10.11.6-MariaDB over: not mysql"},
    {"> greeting; > " OK, "greeting 10.11.6-MariaDB over: out of turn"},

    /* Statements and their results. */
    {IN(WITH_DB) SELECT "> " OK_OF("05"), IS_IN SELECT_SENT " 0:03 ok 5."},
    {IN(WITH_DB) SELECT "> " OK_OF("fc i2=1000"), IS_IN SELECT_SENT " 0:03 ok 1000."},
    {IN(WITH_DB) SELECT "> 00 fe i8=5000000000 fd i3=77777 i2=2 i2=0", IS_IN SELECT_SENT " 0:03 ok 5000000000."},
    {IN(WITH_DB) "< 03; > ff i2=1065 '#42000' 'Empty'", IS_IN "\n0:03 '' sent 0:03 error 1065 Empty."},
    {IN(WITH_DB) SELECT "> " NO_TABLE, IS_IN SELECT_SENT " 0:03 error 1146 No table."},
    {IN(WITH_DB) SELECT "> ff i2=2013 'No state'", IS_IN SELECT_SENT " 0:03 error 2013 No state."},
    {IN(WITH_DB) SELECT "> ff i2=1105", IS_IN SELECT_SENT " 0:03 error 1105 ."},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > \"x\"; > " EOF_, IS_IN SELECT_SENT " 0:03 rows 1."},
    {IN(NO_EOF) SELECT "> 01; > " DEF "; > \"x\"; > 00; > fb; > " OK_EOF, IS_IN SELECT_SENT " 0:03 rows 3."},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > " EOF_, IS_IN SELECT_SENT " 0:03 rows 0."},
    {IN(NO_EOF) SELECT "> 02; > " DEF "; > " DEF "; > " OK_EOF, IS_IN SELECT_SENT " 0:03 rows 0."},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > fc i2=300 300*fe; > fd i3=300 300*ff; > " EOF_,
     IS_IN SELECT_SENT " 0:03 rows 2."},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > \"x\"; > ff i2=1317 '#70100' 'Interrupted'",
     IS_IN SELECT_SENT " 0:03 error 1317 Interrupted."},
    {IN(NO_EOF) SELECT "> 01; > " DEF "; > \"x\"; > ff i2=1317 'Interrupted'",
     IS_IN SELECT_SENT " 0:03 error 1317 Interrupted."},
    {IN(WITH_DB) SELECT "> 02; > " DEF "; > " NO_TABLE, IS_IN SELECT_SENT " 0:03 error 1146 No table."},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > " EOF_WITH("0x0a") "; > " OK_OF("03") "; " SELECT "> " OK,
     IS_IN SELECT_SENT " 0:03 rows 0 0:03 ok 3." SELECT_SENT " 0:03 ok 0."},
    {IN(NO_EOF) SELECT "> 00 02 00 i2=0x0a i2=0; > 01; > " DEF "; > \"x\"; > " OK_EOF_WITH("0x0a") "; > " NO_TABLE,
     IS_IN SELECT_SENT " 0:03 ok 2 0:03 rows 1 0:03 error 1146 No table."},
    {IN(WITH_DB) SELECT "> ff ff ff 01 01 i3=5000 \"Stage\"; > ff ff ff 01 01 i3=9000 \"Stage\"; > " OK_OF("09"),
     IS_IN SELECT_SENT " 0:03 ok 9."},
    {IN(TRACKING) "< 03 'USE other'; > 00 00 00 i2=0x4002 i2=0 00 08 01 06 \"other\"",
     IS_IN "\n0:03 'USE other' sent 0:03 ok 0 schema other."},
    {IN(TRACKING) SELECT "> 00 00 00 i2=0x4002 i2=0 \"done\" 0f 00 05 04 'name' 05 01 00 01 03 \"db\"",
     IS_IN SELECT_SENT " 0:03 ok 0 schema db."},
    {IN(TRACKING) SELECT "> 00 00 00 i2=0x4002 i2=0 00 fc i2=2000 00 fc i2=1990 1990*78 01 03 \"db\"",
     IS_IN SELECT_SENT " 0:03 ok 0 schema ?."},
    {IN(NO_EOF_TRACKING) SELECT "> 01; > " DEF "; > fe 00 00 i2=0x4002 i2=0 00 05 01 03 \"db\"",
     IS_IN SELECT_SENT " 0:03 rows 0 schema db."},
    {IN(WITH_DB) SELECT "> 00 00 00 i2=0x4002 i2=0 00 05 01 03 \"db\"", IS_IN SELECT_SENT " 0:03 ok 0."},
    {"> greeting; << login/00288200/10 'app' 00 00; > " OK "; " SELECT "> 01 01; > " DEF "; > " EOF_ "; > " EOF_,
     "greeting 10.11.6-MariaDB login app@ in" SELECT_SENT " 0:03 rows 0."},
    {"> greeting; << login/01288200/10 'app' 00 00; > " OK "; " SELECT "> 05 00; > \"x\"; > " OK_EOF,
     "greeting 10.11.6-MariaDB login app@ in" SELECT_SENT " 0:03 rows 1."},
    {"> greeting/8.0.36/ffffffff; << login/03288200 'app' 00 00; > " OK "; " SELECT "> 01 00; > \"x\"; > " OK_EOF,
     "greeting 8.0.36 login app@ in" SELECT_SENT " 0:03 rows 1."},

    /* Files. */
    {IN(WITH_DB) "< 03 'LOAD'; > fb '/tmp/x'; << 'a,b'; << 'c,d'; <<; > " OK_OF("02") "; " SELECT "> " OK,
     IS_IN "\n0:03 'LOAD' sent 0:03 ok 2." SELECT_SENT " 0:03 ok 0."},
    {IN(WITH_DB) "< 03 'LOAD'; > fb '/tmp/x'; <<; > " NO_TABLE, IS_IN "\n0:03 'LOAD' sent 0:03 error 1146 No table."},
    {IN(WITH_DB) "< 03 'LOAD'; > fb '/tmp/x'; << 'a,b'; > " OK, IS_IN "\n0:03 'LOAD' sent over: out of turn"},
    {IN(WITH_DB) "< 03 'LOAD'; > fb '/tmp/x'; <<4: 'a,b'; <<; > " OK, IS_IN "\n0:03 'LOAD' sent over: out of turn"},
    {IN(WITH_DB) "< 03 'LOAD; SELECT'; > fb '/tmp/x'; <<; > 00 01 00 i2=0x0a i2=0; > " OK,
     IS_IN "\n0:03 'LOAD; SELECT' sent 0:03 ok 1 0:03 ok 0."},

    /* Query attributes. */
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK "; < 03 00 01 'SELECT 1'; > " OK,
     "greeting 8.0.36 login app@ in" SELECT_SENT " 0:03 ok 0."},
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK
     "; < 03 04 01 04 01 fe 00 \"a\" 03 00 \"bc\" 08 00 \"null\" 0c 00 00 \"val\" i4=7 04 01 02 03 04 'SELECT 1'; "
     "> " OK,
     "greeting 8.0.36 login app@ in" SELECT_SENT " 0:03 ok 0."},
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK
     "; < 03 02 01 03 01 03 00 00 06 00 00 'SELECT 1'; > " OK,
     "greeting 8.0.36 login app@ in" SELECT_SENT " 0:03 ok 0."},
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK "; < 03 01 01 00 00 'SELECT 1'",
     "greeting 8.0.36 login app@ in\n0:03 over: not read"},
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK "; < 03 41 01",
     "greeting 8.0.36 login app@ in\n0:03 over: not read"},
    {"> greeting/8.0.36/ffffffff; << login/08288200 'app' 00 00; > " OK "; < 03 01 01",
     "greeting 8.0.36 login app@ in\n0:03 over: malformed"},

    /* Prepared statements. */
    {IN(WITH_DB) "< 16 'SELECT ?'; > 00 i4=7 i2=1 i2=1 00 i2=0; > " DEF "; > " EOF_ "; > " DEF "; > " EOF_
                 "; < 17 i4=7 00 i4=1 00 01 03 00 i4=5; > 01; > " DEF "; > " EOF_ "; > 00 00 i4=5; > " EOF_
                 "; < 19 i4=7",
     IS_IN "\n0:16 'SELECT ?' sent 0:16 prepared 7(1) 0:16 end.\n0:17 of 7 sent 0:17 rows 1.\n0:19 of 7 silent sent"},
    {IN(NO_EOF) "< 16 'SELECT ?'; > 00 i4=7 i2=1 i2=2 00 i2=0; > " DEF "; > " DEF "; > " DEF
                "; < 17 i4=7 00 i4=1; > 01; > " DEF "; > 00 00; > 00 00; > " OK_EOF,
     IS_IN "\n0:16 'SELECT ?' sent 0:16 prepared 7(2) 0:16 end.\n0:17 of 7 sent 0:17 rows 2."},
    {IN(WITH_DB) "< 16 'SET x = 1'; > 00 i4=1 i2=0 i2=0 00 i2=0; < 17 i4=1 00 i4=1; > " OK_OF("01"),
     IS_IN "\n0:16 'SET x = 1' sent 0:16 prepared 1(0).\n0:17 of 1 sent 0:17 ok 1."},
    {IN(WITH_DB) "< 16 'SELCT'; > " NO_TABLE, IS_IN "\n0:16 'SELCT' sent 0:16 error 1146 No table."},
    {IN(WITH_DB) "< 16 'SELECT'; > 00 i4=7 i2=1 i2=0 00 i2=0; > " NO_TABLE,
     IS_IN "\n0:16 'SELECT' sent 0:16 prepared 7(0) 0:16 error 1146 No table."},
    {IN(WITH_DB) "< 19 i4=7; < 17 i4=8 00 i4=1; >1: " OK, IS_IN "\n0:19 of 7 silent sent\n0:17 of 8 sent 0:17 ok 0."},
    {IN(WITH_DB) "< 18 i4=7 i2=0 1500*78; < 17 i4=7 00 i4=1; >1: " NO_TABLE "; < 1a i4=7; > " OK,
     IS_IN "\n0:18 of 7 silent sent\n0:17 of 7 sent 0:17 error 1146 No table.\n0:1a of 7 sent 0:1a ok 0."},
    {IN(WITH_DB) "< 17 i4=7 01 i4=1; > 01; > " DEF
                 "; > " EOF_WITH("0x42") "; < 1c i4=7 i4=2; > 00 00; > 00 00; > " EOF_WITH(
                     "0x42") "; < 1c i4=7 i4=2; > 00 00; > " EOF_WITH("0x82"),
     IS_IN
     "\n0:17 of 7 cursor sent 0:17 rows 0 cursor.\n0:1c of 7 sent 0:1c rows 2.\n0:1c of 7 sent 0:1c rows 1 fetched."},
    {IN(NO_EOF) "< 17 i4=7 01 i4=1; > 01; > " DEF "; > " OK_EOF_WITH("0x42") "; < 1c i4=7 i4=2; > " NO_TABLE,
     IS_IN "\n0:17 of 7 cursor sent 0:17 rows 0 cursor.\n0:1c of 7 sent 0:1c error 1146 No table."},
    {IN(WITH_DB) "< 17 i4=7 01 i4=1; > 01; > " DEF "; > " EOF_ "; > 00 00; > " EOF_,
     IS_IN "\n0:17 of 7 cursor sent 0:17 rows 1."},
    {IN(WITH_DB) "< 17 i4=7 00 i4=1; > 01; > " DEF "; > " EOF_ "; > 00 00; > " EOF_WITH(
         "0x0a") "; > 01; > " DEF "; > " EOF_WITH("0x100a") "; > 00 00; > " EOF_WITH("0x100a") "; > " OK,
     IS_IN "\n0:17 of 7 sent 0:17 rows 1 0:17 rows 1 out 0:17 ok 0."},
    {IN(WITH_DB) "< 16 'INSERT'; < 17 i4=0xffffffff 00 i4=1; >1: 00 i4=3 i2=0 i2=0 00 i2=0; >1: " OK_OF("01"),
     IS_IN "\n0:16 'INSERT' sent\n1:17 of -1 sent 0:16 prepared 3(0). 1:17 ok 1."},
    {IN(WITH_DB) "< 16 'INSERT'; < 17 i4=0xffffffff 00 i4=1; >1: " NO_TABLE "; >1: " NO_TABLE "; " SELECT "> " OK,
     IS_IN "\n0:16 'INSERT' sent\n1:17 of -1 sent 0:16 error 1146 No table. 1:17 error 1146 No table." SELECT_SENT
           " 0:03 ok 0."},

    /* Bulk executions: of two parameters. */
    {IN(WITH_DB) "< fa i4=7 i2=128 03 00 fd 00 00 i4=1 00 \"a\" 00 i4=2 01 01 00 \"b\"; > " OK_OF("03"),
     IS_IN "\n0:fa of 7 batch 3 sent 0:fa ok 3."},
    {IN(WITH_DB) "< fa i4=7 i2=128 0c 00 08 00 00 07 7*01 00 i8=1 02 03 00 00 00 i8=2; > " OK_OF("03"),
     IS_IN "\n0:fa of 7 batch 3 sent 0:fa ok 3."},
    {IN(WITH_DB) "< fa i4=7 i2=0 00 i4=1 00 \"a\"; > " OK_OF("01"), IS_IN "\n0:fa of 7 sent 0:fa ok 1."},
    {IN(WITH_DB) "< fa i4=7 i2=128 03 00 fd 00 00 i4=1 00 \"a\"; > " OK_OF(
         "01") "; < fa i4=7 i2=0 01 01 00 i4=1 00 \"a\"; > " OK_OF("02"),
     IS_IN "\n0:fa of 7 batch 1 sent 0:fa ok 1.\n0:fa of 7 batch 2 sent 0:fa ok 2."},
    {IN(WITH_DB) "< fa i4=7 i2=128 03 00 fd 00 00 i4=1 00; > " NO_TABLE,
     IS_IN "\n0:fa of 7 sent 0:fa error 1146 No table."},
    {IN(WITH_DB) "< fa i4=7 i2=128 03 00 fd 00 00 i4=1 07 00; > " OK, IS_IN "\n0:fa of 7 sent 0:fa ok 0."},
    {IN(WITH_DB) "< fa i4=7 i2=128 01 00 fc 00 00 09 00 fd i3=300 300*ff; > 01; > " DEF "; > " EOF_
                 "; > 00 00; > " EOF_,
     IS_IN "\n0:fa of 7 batch 1 sent 0:fa rows 1."},

    /* Other commands. */
    {IN(WITH_DB) "< 02 'other'; > " OK, IS_IN "\n0:02 'other' sent 0:02 ok 0."},
    {IN(WITH_DB) "< 0e; > " OK "; < 0e; > " EOF_, IS_IN "\n0:0e sent 0:0e ok 0.\n0:0e sent 0:0e end."},
    {IN(WITH_DB) "< 09; > 'Uptime: 1'; < 1f; > " OK "; < 1b i2=0; > " EOF_,
     IS_IN "\n0:09 sent 0:09 end.\n0:1f sent 0:1f ok 0.\n0:1b sent 0:1b end."},
    {IN(WITH_DB) "< 04 't' 00; > " DEF "; > " DEF "; > " EOF_ "; < 0a; > 01; > " DEF "; > " EOF_ "; > \"1\"; > " EOF_,
     IS_IN "\n0:04 sent 0:04 end.\n0:0a sent 0:0a rows 1."},
    {IN(WITH_DB) "< 11 'eve' 00 03 'abc' 'mine' 00 21 00; > fe 'other' 00; << 'secret'; > " OK "; " SELECT "> " OK,
     IS_IN "\n0:11 login eve@mine 0:11 ok 0." SELECT_SENT " 0:03 ok 0."},
    {IN(WITH_DB) "< 11 'eve' 00 00 00; > ff i2=1045 '#28000' 'No'", IS_IN "\n0:11 login eve@ 0:11 error 1045 No."},
    {IN(WITH_DB) "< 11 'eve'; > " OK, IS_IN "\n0:11 over: malformed"},
    {IN(WITH_DB) "< 01", IS_IN " over: quit"},
    {IN(WITH_DB) "< 12 i4=4 00", IS_IN " over: not read"},
    {IN(WITH_DB) "< 63", IS_IN " over: not read"},

    /* Out of turn, or not what was to come. */
    {IN(WITH_DB) "<1: 03 'SELECT 1'", IS_IN " over: out of turn"},
    {IN(WITH_DB) SELECT ">2: " OK, IS_IN SELECT_SENT " over: out of turn"},
    {IN(WITH_DB) SELECT ">0: " OK, IS_IN SELECT_SENT " over: out of turn"},
    {IN(WITH_DB) SELECT ">0: ff i2=1927 '#70100' 'Killed'",
     IS_IN SELECT_SENT " 0:03 error 1927 Killed. over: out of turn"},
    {IN(WITH_DB) "> " OK, IS_IN " over: out of turn"},
    {IN(WITH_DB) ">0: ff i2=4031 '#HY000' 'Too long'", IS_IN " over: out of turn"},
    {IN(WITH_DB) SELECT "> " OK "; > " OK, IS_IN SELECT_SENT " 0:03 ok 0. over: out of turn"},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; >9: \"x\"", IS_IN SELECT_SENT " over: out of turn"},
    {IN(WITH_DB) SELECT ">", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> 01 01", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> 00", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> ff", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> fe 00 00 i2=2 i2=0 00 00", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > \"x\"", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > fe 20*00", IS_IN SELECT_SENT " over: malformed"},
    {IN(WITH_DB) "< 16 'SELECT'; > 01", IS_IN "\n0:16 'SELECT' sent over: malformed"},
    {IN(WITH_DB) "< 16 'SELECT'; > 00 i4=7", IS_IN "\n0:16 'SELECT' sent over: malformed"},
    {IN(WITH_DB) "< 0e; > 01", IS_IN "\n0:0e sent over: malformed"},
    {IN(WITH_DB) "< 17 i4=7", IS_IN " over: malformed"},
    {IN(WITH_DB) "<", IS_IN " over: malformed"},
};

static struct mysql_text text;

/* However it is cut, the same is told. */
static void replay(const char *conversation, const char *events)
{
    static const char *const names[] = {"whole", "byte by byte", "coalesced", "in two at"};
    struct mysql_talk talk;
    mysql_talk_read(&talk, conversation);
    size_t longest = 0;
    for (size_t i = 0; i < talk.packets; i++)
        longest = talk.packet[i].len > longest ? talk.packet[i].len : longest;
    for (int cut = WHOLE; cut <= IN_TWO; cut++)
        for (size_t at = 1; at < (cut == IN_TWO && longest < 3000 ? longest : 2); at++) {
            mysql_start(&text, 2);
            mysql_converse(&text, &talk, (enum mysql_cut)cut, at);
            ck_assert_msg(strcmp(text.text, events) == 0, "%s\n%s %zu:\n%s\nnot:\n%s", conversation, names[cut], at,
                          text.text, events);
        }
    free(talk.bytes);
}

START_TEST(conversations)
{
    replay(rows[_i].talk, rows[_i].events);
}
END_TEST

static struct mysql_recorded recorded[16];

START_TEST(conversations_of_real_clients)
{
    replay(recorded[_i].talk, recorded[_i].events);
}
END_TEST

/* Pieces of a few megabytes: what is longer than a packet goes on in the next. */
static void long_conversation(const char *conversation, const char *events)
{
    struct mysql_talk talk;
    mysql_talk_read(&talk, conversation);
    for (size_t piece = 5000000; piece <= talk.len; piece += 6777215) {
        mysql_start(&text, 2);
        for (size_t i = 0; i < talk.packets; i++) {
            const struct mysql_packet *packet = &talk.packet[i];
            for (size_t at = 0; at < packet->len; at += piece)
                mysql_give(&text, packet->side, (char *)talk.bytes + packet->from + at,
                           packet->len - at < piece ? packet->len - at : piece);
        }
        ck_assert_str_eq(text.text, events);
    }
    free(talk.bytes);
}

START_TEST(packets_of_16_mib_and_more)
{
    long_conversation(
        IN(WITH_DB) "< 03 'INSERT ' 16777207*78; > " OK,
        IS_IN "\n0:03 'INSERT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... 16777214 sent 0:03 ok 0.");
    long_conversation(
        IN(WITH_DB) "< 03 'INSERT ' 40000000*78; > " OK,
        IS_IN "\n0:03 'INSERT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... 40000007 sent 0:03 ok 0.");
    long_conversation(IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_
                                         "; > fe i8=20000000 20000000*fe; > \"x\"; > fe i8=16777206 "
                                         "16777206*ff; > " EOF_,
                      IS_IN SELECT_SENT " 0:03 rows 3.");
    long_conversation(IN(NO_EOF) SELECT "> 01; > " DEF "; > fe i8=20000000 20000000*fe; > \"x\"; > " OK_EOF,
                      IS_IN SELECT_SENT " 0:03 rows 2.");
    long_conversation(IN(WITH_DB) "< 18 i4=1 i2=0 33554432*78; < 17 i4=1 00 i4=1; >1: " OK,
                      IS_IN "\n0:18 of 1 silent sent\n0:17 of 1 sent 0:17 ok 0.");
    long_conversation(IN(WITH_DB) "< 03 'LOAD'; > fb 'x'; << 33554430*61; <<; > " OK,
                      IS_IN "\n0:03 'LOAD' sent 0:03 ok 0.");
    long_conversation(IN(WITH_DB) "< fa i4=7 i2=128 fc 00 03 00 00 fe i8=17000000 17000000*00 00 i4=1 01 01; > " OK,
                      IS_IN "\n0:fa of 7 batch 2 sent 0:fa ok 0.");
}
END_TEST

START_TEST(an_error_before_all_of_a_statement_was_sent)
{
    struct mysql_talk talk;
    mysql_talk_read(&talk, IN(WITH_DB) "< 03 20000000*78; > ff i2=1153 '#08S01' 'Too large'");
    mysql_start(&text, 0);
    for (size_t i = 0; i < talk.packets; i++)
        if (i != talk.packets - 2) /* the rest of the statement */
            mysql_give_copy(&text, &talk, talk.packet[i].side, talk.packet[i].from, talk.packet[i].len);
    ck_assert_str_eq(text.text, IS_IN "\n0:03 over: out of turn");
    talk.bytes[talk.packet[talk.packets - 1].from + 3] = 0;
    mysql_start(&text, 0);
    for (size_t i = 0; i < talk.packets; i++)
        if (i != talk.packets - 2)
            mysql_give_copy(&text, &talk, talk.packet[i].side, talk.packet[i].from, talk.packet[i].len);
    ck_assert_str_eq(text.text, IS_IN "\n0:03 0:03 error 1153 Too large. over: out of turn");
    free(talk.bytes);
}
END_TEST

START_TEST(many_commands_under_way)
{
    static const char ping[] = "\1\0\0\0\x0e", answer[] = "\7\0\0\1\0\0\0\2\0\0\0";
    struct mysql_talk talk;
    mysql_talk_read(&talk, IN(WITH_DB));
    for (int many = 1; many <= OI_MYSQL_WAITING + 1; many++) {
        mysql_start(&text, 0);
        mysql_converse(&text, &talk, WHOLE, 0);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < many; i++)
                mysql_give(&text, OI_MYSQL_CLIENT, guarded(ping, 5), 5);
            text.len = 0;
            for (int i = 0; i < many; i++)
                mysql_give(&text, OI_MYSQL_SERVER, guarded(answer, 11), 11);
        }
        bool too_many = many > OI_MYSQL_WAITING;
        ck_assert_int_eq(text.over, too_many);
        ck_assert_int_eq(text.state.waiting == 0, !too_many);
    }
    free(talk.bytes);
}
END_TEST

START_TEST(bytes_that_passed_unseen)
{
    struct mysql_talk talk;
    struct {
        const char *conversation, *events;
        size_t seen, unseen; /* of the last packet */
    } cases[] = {
        {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > 01 'x'", IS_IN SELECT_SENT, 5, 1},
        {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > 01 'x'", IS_IN SELECT_SENT " over: unseen", 0, 6},
        {IN(WITH_DB) SELECT "> 01; > " DEF "; > " EOF_ "; > 01 'x'", IS_IN SELECT_SENT " over: unseen", 4, 2},
        {IN(WITH_DB) SELECT "> " NO_TABLE, IS_IN SELECT_SENT " over: unseen", 6, 2},
        {IN(WITH_DB) "< 03 'SELECT 1'", IS_IN "\n0:03 over: unseen", 6, 2},
        {IN(WITH_DB) "< 18 i4=1 i2=0 'long'", IS_IN "\n0:18 of 1 silent sent", 11, 4},
        {"> greeting", " over: unseen", 0, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mysql_talk_read(&talk, cases[i].conversation);
        struct mysql_packet last = talk.packet[--talk.packets];
        mysql_start(&text, 0);
        mysql_converse(&text, &talk, WHOLE, 0);
        mysql_give_copy(&text, &talk, last.side, last.from, cases[i].seen);
        mysql_give(&text, last.side, NULL, cases[i].unseen);
        ck_assert_str_eq(text.text, cases[i].events);
        free(talk.bytes);
    }
}
END_TEST

/* What is told of a conversation that is typed in. */
static int tell(void)
{
    static char typed[1 << 20];
    struct mysql_talk talk;
    typed[fread(typed, 1, sizeof typed - 1, stdin)] = 0;
    mysql_talk_read(&talk, typed);
    mysql_start(&text, 2);
    mysql_converse(&text, &talk, WHOLE, 0);
    fputs(text.text, stdout);
    free(talk.bytes);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--tell") == 0)
        return tell();
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, conversations, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, conversations_of_real_clients, 0, mysql_recorded_read(recorded));
    tcase_add_test(tests, packets_of_16_mib_and_more);
    tcase_add_test(tests, an_error_before_all_of_a_statement_was_sent);
    tcase_add_test(tests, many_commands_under_way);
    tcase_add_test(tests, bytes_that_passed_unseen);
    return run_suite("mysql", tests);
}
