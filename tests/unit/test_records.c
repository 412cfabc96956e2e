/* Records: the string commands. The answers were compared with redis-server 7.0.15's. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/random.h"
#include "tests/unit/storages_fixture.h"

Test(records, set_takes_its_options) {
    static const struct fixture_case cases[] = {
        {"GET a", "nil"},
        {"SET a 1", "+OK"},
        {"GET a", "\"1\""},
        {"SET a 2 NX", "nil"},
        {"SET b 2 NX", "+OK"},
        {"SET c 2 XX", "nil"},
        {"SET b 3 xx", "+OK"},
        {"MGET a b c", "[\"1\", \"3\", nil]"},
        {"SET a 5 GET", "\"1\""},
        {"SET d 5 GET", "nil"},
        {"SET d 6 NX GET", "\"5\""},
        {"SET e 6 XX GET", "nil"},
        {"GET e", "nil"},
        {"SET a v EX 100", "+OK"},
        {"TTL a", ":100"},
        {"SET a w KEEPTTL", "+OK"},
        {"TTL a", ":100"},
        {"SET a x", "+OK"},
        {"TTL a", ":-1"},
        {"SET a x PX 100000", "+OK"},
        {"TTL a", ":100"},
        {"SET a y EX 50 GET", "\"x\""},
        {"TTL a", ":50"},
        {"SET a z EX 1 EX 77", "+OK"},
        {"TTL a", ":77"},
        {"SET a 1 EX", "-ERR syntax error"},
        {"SET a 1 EX 0", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EX -1", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 PX 0", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EX foo", "-ERR value is not an integer or out of range"},
        {"SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 PX 9223372036854775807", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EXAT 0", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EXAT 9223372036854775807", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 PXAT -5", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EX 10 PX 10", "-ERR syntax error"},
        {"SET a 1 KEEPTTL EX 10", "-ERR syntax error"},
        {"SET a 1 EX 10 KEEPTTL", "-ERR syntax error"},
        {"SET a 1 KEEPTTL KEEPTTL", "+OK"},
        {"SET a 1 NX XX", "-ERR syntax error"},
        {"SET a 1 XX NX", "-ERR syntax error"},
        {"SET a 1 PERSIST", "-ERR syntax error"},
        {"SET a 1 foo", "-ERR syntax error"},
        {"SET a", "-ERR wrong number of arguments for 'set' command"},
        {"SET a 1 GET GET", "\"1\""},
        {"RPUSH l a", ":1"},
        {"SET l v GET", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SET l v NX", "nil"},
        {"SET l v", "+OK"},
        {"GET l", "\"v\""},
        {"RPUSH l2 a", ":1"},
        {"GET l2", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SET l2 x EX 100", "+OK"},
        {"TTL l2", ":100"},
        {"SET \"\" empty", "+OK"},
        {"GET \"\"", "\"empty\""},
        {"SET bin \"\\x00\\r\\n\\xff\\\"\\\\\"", "+OK"},
        {"GET bin", "\"\\x00\\r\\n\\xff\\\"\\\\\""},
        {"%protocol 3", NULL},
        {"GET nokey", "nil"},
        {"SET nokey v XX", "nil"},
        {"SET a v NX GET", "\"1\""},
        {"%protocol 2", NULL},
        {"SET pst v PXAT 1", "+OK"},
        {"GET pst", "nil"},
        {"EXISTS pst", ":0"},
    };
    RUN_CASES(cases);
}

Test(records, the_short_forms_of_set) {
    static const struct fixture_case cases[] = {
        {"SETNX a 1", ":1"},
        {"SETNX a 2", ":0"},
        {"GET a", "\"1\""},
        {"SETEX a 100 v", "+OK"},
        {"TTL a", ":100"},
        {"SETEX a 0 v", "-ERR invalid expire time in 'setex' command"},
        {"SETEX a -1 v", "-ERR invalid expire time in 'setex' command"},
        {"SETEX a x v", "-ERR value is not an integer or out of range"},
        {"SETEX a 9223372036854775807 v", "-ERR invalid expire time in 'setex' command"},
        {"PSETEX a 100000 w", "+OK"},
        {"TTL a", ":100"},
        {"PSETEX a 0 w", "-ERR invalid expire time in 'psetex' command"},
        {"GET a", "\"w\""},
        {"SETNX a 3", ":0"},
        {"TTL a", ":100"},
        {"GETSET a 4", "\"w\""},
        {"TTL a", ":-1"},
        {"GETSET b 1", "nil"},
        {"RPUSH l x", ":1"},
        {"GETSET l 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"GETDEL a", "\"4\""},
        {"GETDEL a", "nil"},
        {"GETDEL l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"EXISTS a l", ":1"},
        {"GETEX a", "nil"},
        {"SET a v", "+OK"},
        {"GETEX a EX 100", "\"v\""},
        {"TTL a", ":100"},
        {"GETEX a", "\"v\""},
        {"TTL a", ":100"},
        {"GETEX a PERSIST", "\"v\""},
        {"TTL a", ":-1"},
        {"GETEX a PERSIST", "\"v\""},
        {"GETEX a PX 100000", "\"v\""},
        {"TTL a", ":100"},
        {"GETEX a EX 0", "-ERR invalid expire time in 'getex' command"},
        {"GETEX a EX foo", "-ERR value is not an integer or out of range"},
        {"GETEX nokey EX foo", "nil"},
        {"GETEX a EX 10 PERSIST", "-ERR syntax error"},
        {"GETEX a PERSIST EX 10", "-ERR syntax error"},
        {"GETEX a KEEPTTL", "-ERR syntax error"},
        {"GETEX a NX", "-ERR syntax error"},
        {"GETEX a EX", "-ERR syntax error"},
        {"GETEX l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"GETEX a PXAT 1", "\"v\""},
        {"EXISTS a", ":0"},
        {"SET a v", "+OK"},
        {"GETEX a EXAT 99999999999", "\"v\""},
        {"TTL a", ":99999999998"},
        {"GETEX a EXAT 1", "\"v\""},
        {"GET a", "nil"},
    };
    RUN_CASES(cases);
}

Test(records, several_keys_at_once) {
    static const struct fixture_case cases[] = {
        {"MSET a 1 b 2 c 3", "+OK"},
        {"MGET a b c d", "[\"1\", \"2\", \"3\", nil]"},
        {"MSET a", "-ERR wrong number of arguments for 'mset' command"},
        {"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"},
        {"MSET a 1 a 2", "+OK"},
        {"GET a", "\"2\""},
        {"MSETNX a 1 n 1", ":0"},
        {"EXISTS n", ":0"},
        {"MSETNX n 1 m 2 n 3", ":1"},
        {"MGET n m", "[\"3\", \"2\"]"},
        {"MSETNX n", "-ERR wrong number of arguments for 'msetnx' command"},
        {"MSETNX x 1 y", "-ERR wrong number of arguments for 'msetnx' command"},
        {"RPUSH l x", ":1"},
        {"MGET a l", "[\"2\", nil]"},
        {"MSET l 1", "+OK"},
        {"GET l", "\"1\""},
        {"SETEX t 100 v", "+OK"},
        {"MSET t 1", "+OK"},
        {"TTL t", ":-1"},
    };
    RUN_CASES(cases);
}

Test(records, counters) {
    static const struct fixture_case cases[] = {
        {"INCR a", ":1"},
        {"INCR a", ":2"},
        {"DECR a", ":1"},
        {"DECR n", ":-1"},
        {"INCRBY a 10", ":11"},
        {"DECRBY a 5", ":6"},
        {"INCRBY a -20", ":-14"},
        {"GET a", "\"-14\""},
        {"OBJECT ENCODING a", "\"int\""},
        {"INCRBY a foo", "-ERR value is not an integer or out of range"},
        {"INCRBY a 9223372036854775808", "-ERR value is not an integer or out of range"},
        {"DECRBY a -9223372036854775808", "-ERR decrement would overflow"},
        {"SET m 9223372036854775807", "+OK"},
        {"INCR m", "-ERR increment or decrement would overflow"},
        {"DECR m", ":9223372036854775806"},
        {"DECRBY m -9", "-ERR increment or decrement would overflow"},
        {"SET m -9223372036854775808", "+OK"},
        {"DECR m", "-ERR increment or decrement would overflow"},
        {"INCRBY m -1", "-ERR increment or decrement would overflow"},
        {"SET s abc", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s 1.5", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s \" 1\"", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s \"1 \"", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s 01", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s +1", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s -0", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s \"\"", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"RPUSH l 1", ":1"},
        {"INCR l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"INCRBY l x", "-ERR value is not an integer or out of range"},
        {"SET t 5", "+OK"},
        {"EXPIRE t 100", ":1"},
        {"INCR t", ":6"},
        {"TTL t", ":100"},
        {"SET ap 1", "+OK"},
        {"APPEND ap 2", ":2"},
        {"INCR ap", ":13"},
        {"OBJECT ENCODING ap", "\"int\""},
        {"INCRBYFLOAT f 1.5", "\"1.5\""},
        {"INCRBYFLOAT f 1.5", "\"3\""},
        {"OBJECT ENCODING f", "\"embstr\""},
        {"INCR f", ":4"},
        {"INCRBYFLOAT f 0.1", "\"4.1\""},
        {"INCRBYFLOAT f -3.1e2", "\"-305.89999999999999999\""},
        {"INCRBYFLOAT f 1e400",
         "\"100000000000000000002818806839475865145864534336290520386259106935396855340086298620393"
         "63994848324160522094053927317616200295822777259255734023828976593340661017797447434546173"
         "91786244811667497172377894382439159333804747067502624668440135923751360383034373548550524"
         "49559649790218250382800910684149474024568986530409510175126580926158275889201834725116433"
         "16591362664138176309734806343732497430221946880\""},
        {"INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"},
        {"INCRBYFLOAT f nan", "-ERR value is not a valid float"},
        {"INCRBYFLOAT f abc", "-ERR value is not a valid float"},
        {"INCRBYFLOAT f \"\"", "-ERR value is not a valid float"},
        {"INCRBYFLOAT f \" 1\"", "-ERR value is not a valid float"},
        {"INCRBYFLOAT f 5.0e3",
         "\"100000000000000000002818806839475865145864534336290520386259106935396855340086298620393"
         "63994848324160522094053927317616200295822777259255734023828976593340661017797447434546173"
         "91786244811667497172377894382439159333804747067502624668440135923751360383034373548550524"
         "49559649790218250382800910684149474024568986530409510175126580926158275889201834725116433"
         "16591362664138176309734806343732497430221946880\""},
        {"INCRBYFLOAT s 1", "-ERR value is not a valid float"},
        {"INCRBYFLOAT l 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SET big 1e4000", "+OK"},
        {"INCRBYFLOAT big 1e4000",
         "\"199999999999999999999309277461992475698649851670139152626030166660865238866126847109636"
         "43283731018559725528904146247347080435204434735184688344251763901055999922857164868709509"
         "00374191642858148260228602934089005252169888691255066748468164511829244088154900539829423"
         "36366155511335471424129840726259267947375236521590763232240734493620559608378901437146676"
         "04039146368752815949475484201165926879162604949493211656142136324532190700498218721963863"
         "39188424650774472471144143573571986399423393564707035068977283487189765498533684844902986"
         "31939302498568531146260145440073083632132756592974360526652468919293191988233773472248024"
         "34025196241114978577470668874236958691181654026320853268668072291943222588188998535860195"
         "29031663384848416888801009255157863370852939792507503920960929640511766362664039816454962"
         "13570939333242125449940139923730584040932243958559300613260321072241113641217103419780421"
         "39996952609336333737596655698611089033917261091410872535736247926180839681441572590186595"
         "84646633397861437098693601192702711210454785304963012907172606990235423133197121234333341"
         "64855123979246077237427094383627639227593435238779694090101478432378142885448996578316781"
         "67956075986560905119173931008398736512269300542937688494349647292557327134874265478613033"
         "88662257028913779163562304254046867004640561984687862707433737158462854554333569462080491"
         "89062983669813855390766590324864858542108943519499131318997185197605145332468648633219735"
         "02517201632696641675455704704743637793296687401895705982117938867083410264690245048096869"
         "37665027664586617036744331134427573079271694207013442833472123423905521054470954289487512"
         "18658175787103620821639579435246931151364615351480546045869210899375041635373136497599887"
         "52710327840600770191839377357341815521974375323586869434351520701302839075912206365820242"
         "72976927452420452640859065855924072107240752263038910810637786843681863249282147731240770"
         "42779849848888080526844209992382817537118425559775573538957843056137099015701360294542510"
         "73479405313925223928802872375869771606841222573490269677330830731382818220928077389337798"
         "68975969164588552674607943937720562088887985607427093779654913070726011889251233995737813"
         "11868416969120765487331344505990987053673015403211038162320234477606303527627816434881743"
         "82318029680932816844072926528365856869560362335493954797486084898826210430927768247603157"
         "45349393544266911744904094223067172503287056656478766428100051952474159181439083624452061"
         "66620120604202099250233789178257389610420508602680947644562827011087887804203766537270775"
         "06166380659156299234785470650691214587608039579226214408879458110648213842252645342040133"
         "41863402567187385139118938982024258398226608070490805883179084266125584915213640094178507"
         "35848702861582747655488806923920051879993673387063531073601086358432968471632795633284634"
         "32919079020913506530675996513329058401705878098937710838578195570606589892899504517583765"
         "90958911750667749647035034746014635693251936783287408977815056575583373925598257958436717"
         "36993585823781482728110539772642094752264119183009472631992331851296859048797160663594047"
         "36399506613396724402803012958815398472793043039309323194264619474763947806283779096063426"
         "36354393793172272001411169358255342518522295122569594929579720317105533245547785937825642"
         "52393622888198111779498879618558968639001965366929192984606113799570840598655848729729057"
         "93471850008389565175032946915248705278960180219014591470040920913451276291914044634795568"
         "41806799744250992212178183326818976196710550101776333869861669554566900877660617422668375"
         "62082832244315766604136719623677910033310040400412811784216978048320063127232537463216724"
         "51132695500539025199493573720342653613662058175307320682329417617604908045763398098784279"
         "14803351229238528883164167918159579410110384466989481200947774466408568817857060466883581"
         "19927623803432203376906328710669224718041721358718700101260029010443491635448861930767783"
         "99978257463358653090696557915576123524037614035205030373706411179751819821416158667210094"
         "020231476956210953501100300041259728715651086883913944380545459902413296552699802681344"
         "\""},
        {"SET f 3.0e3", "+OK"},
        {"INCRBYFLOAT f 200", "\"3200\""},
        {"INCRBYFLOAT t 0.5", "\"6.5\""},
        {"TTL t", ":100"},
    };
    RUN_CASES(cases);
}

Test(records, parts_of_a_string) {
    static const struct fixture_case cases[] = {
        {"APPEND a hello", ":5"},
        {"OBJECT ENCODING a", "\"embstr\""},
        {"APPEND a \" world\"", ":11"},
        {"OBJECT ENCODING a", "\"raw\""},
        {"GET a", "\"hello world\""},
        {"APPEND a \"\"", ":11"},
        {"STRLEN a", ":11"},
        {"STRLEN nokey", ":0"},
        {"APPEND i 12", ":2"},
        {"OBJECT ENCODING i", "\"int\""},
        {"APPEND i 34", ":4"},
        {"GET i", "\"1234\""},
        {"OBJECT ENCODING i", "\"raw\""},
        {"STRLEN i", ":4"},
        {"SET i 12345", "+OK"},
        {"STRLEN i", ":5"},
        {"GETRANGE i 1 2", "\"23\""},
        {"GETRANGE a 0 4", "\"hello\""},
        {"GETRANGE a -5 -1", "\"world\""},
        {"GETRANGE a 0 -1", "\"hello world\""},
        {"GETRANGE a 0 100", "\"hello world\""},
        {"GETRANGE a 5 3", "\"\""},
        {"GETRANGE a -1 -5", "\"\""},
        {"GETRANGE a -100 -50", "\"h\""},
        {"GETRANGE a -100 2", "\"hel\""},
        {"GETRANGE a 100 200", "\"\""},
        {"GETRANGE a 3 3", "\"l\""},
        {"GETRANGE nokey 0 -1", "\"\""},
        {"GETRANGE a x 1", "-ERR value is not an integer or out of range"},
        {"GETRANGE a 1 x", "-ERR value is not an integer or out of range"},
        {"GETRANGE a -9223372036854775808 9223372036854775807", "\"hello world\""},
        {"SUBSTR a 0 3", "\"hell\""},
        {"SETRANGE a 6 Redis", ":11"},
        {"GET a", "\"hello Redis\""},
        {"SETRANGE a 0 \"\"", ":11"},
        {"SETRANGE nokey 5 \"\"", ":0"},
        {"EXISTS nokey", ":0"},
        {"SETRANGE p 5 x", ":6"},
        {"GET p", "\"\\x00\\x00\\x00\\x00\\x00x\""},
        {"OBJECT ENCODING p", "\"raw\""},
        {"SETRANGE a -1 x", "-ERR offset is out of range"},
        {"SETRANGE a x x", "-ERR value is not an integer or out of range"},
        {"SETRANGE a 536870911 xx",
         "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"SETRANGE nokey 536870912 x",
         "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"EXISTS nokey", ":0"},
        {"SETRANGE a 9223372036854775807 xx",
         "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"SET n 12345", "+OK"},
        {"SETRANGE n 1 99", ":5"},
        {"GET n", "\"19945\""},
        {"OBJECT ENCODING n", "\"raw\""},
        {"INCR n", ":19946"},
        {"RPUSH l a", ":1"},
        {"APPEND l x", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"STRLEN l", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"GETRANGE l 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SETRANGE l 0 x", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SETRANGE l 0 \"\"", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SET e 1", "+OK"},
        {"OBJECT ENCODING e", "\"int\""},
        {"SET e 12345678901234567890", "+OK"},
        {"OBJECT ENCODING e", "\"embstr\""},
        {"SET e 01", "+OK"},
        {"OBJECT ENCODING e", "\"embstr\""},
        {"SET e 12345678901234567890123456789012345678901234", "+OK"},
        {"OBJECT ENCODING e", "\"embstr\""},
        {"SET e 123456789012345678901234567890123456789012345", "+OK"},
        {"OBJECT ENCODING e", "\"raw\""},
        {"SET t abc", "+OK"},
        {"EXPIRE t 100", ":1"},
        {"APPEND t d", ":4"},
        {"SETRANGE t 10 x", ":11"},
        {"TTL t", ":100"},
        {"GET t", "\"abcd\\x00\\x00\\x00\\x00\\x00\\x00x\""},
    };
    RUN_CASES(cases);
}

Test(records, longest_common_subsequence) {
    static const struct fixture_case cases[] = {
        {"MSET a ohmytext b mynewtext", "+OK"},
        {"LCS a b", "\"mytext\""},
        {"LCS a b LEN", ":6"},
        {"LCS a b IDX", "[\"matches\", [[[:4, :7], [:5, :8]], [[:2, :3], [:0, :1]]], \"len\", :6]"},
        {"LCS a b IDX MINMATCHLEN 4", "[\"matches\", [[[:4, :7], [:5, :8]]], \"len\", :6]"},
        {"LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
         "[\"matches\", [[[:4, :7], [:5, :8], :4]], \"len\", :6]"},
        {"LCS a b IDX WITHMATCHLEN",
         "[\"matches\", [[[:4, :7], [:5, :8], :4], [[:2, :3], [:0, :1], :2]], \"len\", :6]"},
        {"LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."},
        {"LCS a b FOO", "-ERR syntax error"},
        {"LCS a b MINMATCHLEN", "-ERR syntax error"},
        {"LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range"},
        {"LCS a b MINMATCHLEN -1 IDX",
         "[\"matches\", [[[:4, :7], [:5, :8]], [[:2, :3], [:0, :1]]], \"len\", :6]"},
        {"LCS a nokey", "\"\""},
        {"LCS nokey nokey LEN", ":0"},
        {"LCS nokey nokey IDX", "[\"matches\", [], \"len\", :0]"},
        {"LCS a a", "\"ohmytext\""},
        {"RPUSH l 1", ":1"},
        {"LCS a l", "-ERR The specified keys must contain string values"},
        {"LCS l a IDX LEN", "-ERR The specified keys must contain string values"},
        {"%protocol 3", NULL},
        {"LCS a b IDX", "{\"matches\": [[[:4, :7], [:5, :8]], [[:2, :3], [:0, :1]]], \"len\": :6}"},
        {"MSET x aaabbbccc y abcabcabc", "+OK"},
        {"LCS x y", "\"abccc\""},
        {"LCS x y IDX", "{\"matches\": [[[:8, :8], [:8, :8]], [[:7, :7], [:5, :5]], [[:5, :6], "
                        "[:1, :2]], [[:2, :2], [:0, :0]]], \"len\": :5}"},
        {"LCS x y LEN", ":5"},
    };
    RUN_CASES(cases);
}
