/* parse_reply.h: reads replies, RESP2 and RESP3, into a tree: for our tests and tools.
 *
 * Pure. Servers never run it on a hot path: it begins again at the reply's first byte each time it
 * is called, and allocates a node for each element.
 *
 * Ownership: the tree is the caller's, to be given to reply_value_destroy(); its texts are spans
 * into the parsed bytes. */
#pragma once

#include "base/buffer.h"

/* Each type: its name in dumps, and the byte that begins it (0: one of several forms). */
#define REPLY_TYPE_LIST(X)                                                                         \
    X(REPLY_SIMPLE, "simple", '+')                                                                 \
    X(REPLY_ERROR, "error", '-')                                                                   \
    X(REPLY_INTEGER, "integer", ':')                                                               \
    X(REPLY_BULK, "bulk", '$')                                                                     \
    X(REPLY_ARRAY, "array", '*')                                                                   \
    X(REPLY_NULL, "null", '_')                                                                     \
    X(REPLY_NULL_BULK, "null bulk", 0)                                                             \
    X(REPLY_NULL_ARRAY, "null array", 0)                                                           \
    X(REPLY_DOUBLE, "double", ',')                                                                 \
    X(REPLY_BOOLEAN, "boolean", '#')                                                               \
    X(REPLY_BIG_NUMBER, "big number", '(')                                                         \
    X(REPLY_BULK_ERROR, "bulk error", '!')                                                         \
    X(REPLY_VERBATIM, "verbatim", '=')                                                             \
    X(REPLY_MAP, "map", '%')                                                                       \
    X(REPLY_SET, "set", '~')                                                                       \
    X(REPLY_ATTRIBUTE, "attribute", '|')                                                           \
    X(REPLY_PUSH, "push", '>')

#define REPLY_TYPE_ENUMERATOR(type, name, byte) type,
enum reply_type { REPLY_TYPE_LIST(REPLY_TYPE_ENUMERATOR) REPLY_TYPE_COUNT };
#undef REPLY_TYPE_ENUMERATOR

const char *reply_type_name(enum reply_type type);

/* Aggregates within aggregates; deeper ones are refused. */
enum { REPLY_DEPTH_MAX = 128 };

struct reply_value {
    enum reply_type type;
    struct bytes text;             /* as sent: of texts, numbers, doubles and big numbers */
    char format[3];                /* of a verbatim string: "txt" */
    int64_t integer;               /* of an integer; of a boolean 0 or 1 */
    double number;                 /* of a double */
    struct reply_value *elements;  /* of an aggregate; a map's are key, value, key, value, … */
    size_t count;                  /* of elements: twice the pairs of a map */
    struct reply_value *attribute; /* what preceded this value, a map; NULL if nothing */
};

enum reply_status { REPLY_NEED_MORE, REPLY_DONE, REPLY_MALFORMED };

/* Reads one reply from the start of `data`. After REPLY_DONE *value is a tree and *consumed its
 * size in bytes; otherwise both are untouched. Pushes are values like others: whoever wants only
 * replies passes them over. */
enum reply_status parse_reply(struct bytes data, struct reply_value **value,
                              size_t *consumed) MUST_USE;

void reply_value_destroy(struct reply_value *value); /* NULL is allowed. */

/* Appends the tree on one line, in a form that is equal for equal trees:
 *     +"OK" -"ERR x" 42 "bulk" [1, 2] null null-bulk null-array ,1.5 true (123 !"ERR y" txt:"hi"
 *     {"key": 1} ~[1, 2] >["message", "c", "m"] |{"ttl": 3} "value" */
void reply_value_dump(const struct reply_value *value, struct buffer *out);

/* Appends bytes between double quotes: printable ASCII as it is, the rest as \r \n \t \" \\ \xHH.
 */
void reply_dump_text(struct bytes text, struct buffer *out);

/* Equal in type, contents and attributes. */
bool reply_value_equal(const struct reply_value *a, const struct reply_value *b);
