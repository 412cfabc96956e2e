/* rdb_format.h: the numbers of the RDB format, for rdb_write.c and rdb_read.c.
 *
 * A file is "REDIS" and four digits of version, then opcodes and keys, each introduced by a byte,
 * then RDB_EOF and a CRC64 of all bytes before it. Numbers are little-endian, lengths big-endian.
 *
 * A length is 1, 2, 5 or 9 bytes: the upper two bits of the first say which: 00 the other six are
 * the length; 01 they and the next byte; 10 with 0x80 or 0x81 as the first byte: four or eight
 * bytes follow; 11 no length but a string in a special form, RDB_STRING_…, where a string is
 * expected. A string is a length and its bytes.
 *
 * hamok-forms: "T0 R5 R17 …" names keys by their distance from the first key that follows, with
 * ascending distances below RDB_FORMS_KEYS: T is a record that is text though it looks like an
 * integer, R one that OBJECT ENCODING calls "raw" whatever its size. Others are as their bytes
 * say. */
#pragma once

enum rdb_opcode {
    RDB_FUNCTION_LIBRARY = 245,
    RDB_FUNCTION_OLD = 246, /* of a release candidate of 7.0 */
    RDB_MODULE_AUX = 247,
    RDB_IDLE = 248,
    RDB_FREQUENCY = 249,
    RDB_AUX = 250,
    RDB_RESIZE = 251,
    RDB_DEADLINE_MS = 252,
    RDB_DEADLINE_S = 253,
    RDB_SELECT = 254,
    RDB_EOF = 255,
};

enum rdb_type {
    RDB_RECORD = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET_TEXT = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET = 5, /* scores as doubles */
    RDB_MODULE = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14, /* of ziplists */
    RDB_STREAM = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18, /* of listpacks and plain nodes */
    RDB_STREAM_2 = 19,
    RDB_TYPE_COUNT = 20,
};

enum rdb_length {
    RDB_LENGTH_6 = 0,
    RDB_LENGTH_14 = 1,
    RDB_LENGTH_LONG = 2,
    RDB_LENGTH_SPECIAL = 3,
    RDB_LENGTH_32_BYTE = 0x80,
    RDB_LENGTH_64_BYTE = 0x81,
};

enum rdb_string {
    RDB_STRING_INT8 = 0,
    RDB_STRING_INT16 = 1,
    RDB_STRING_INT32 = 2,
    RDB_STRING_LZF = 3,
};

enum rdb_node { RDB_NODE_PLAIN = 1, RDB_NODE_PACKED = 2 };

enum {
    RDB_VERSION = 10,
    RDB_VERSION_WITH_CRC = 5,
    RDB_HEADER_SIZE = 9,
    RDB_CRC_SIZE = 8,
    RDB_INTEGER_TEXT_MAX = 11, /* longer texts are not looked at for integers */
    RDB_COMPRESS_MIN = 21,     /* bytes of a string that may be compressed */
    RDB_FORMS_KEYS = 1024,
};

#define RDB_OUR_PREFIX "hamok-"
#define RDB_AUX_FORMAT "hamok-format"
#define RDB_AUX_TIME "hamok-time-ms"
#define RDB_AUX_ROLLING_DIGEST "hamok-rolling-digest"
#define RDB_AUX_SETTING "hamok-setting-"
#define RDB_AUX_EMITTER "hamok-emitter"
#define RDB_AUX_FORMS "hamok-forms"
#define RDB_AUX_DIGEST "hamok-digest"
#define RDB_OUR_FORMAT "1"
