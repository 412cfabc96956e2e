/* error.h: what can go wrong in the world, as values.
 *
 * A function that can fail because of its input, a disk or a peer returns one of these and is
 * marked MUST_USE. The list below is the only place that names a code and its text. Errors that a
 * client made are not here: they are Redis error replies and stand beside the command. */
#pragma once

#include "base/check.h"

#define ERROR_LIST(X)                                                                              \
    X(ERROR_NONE, "no error")                                                                      \
    X(ERROR_AGAIN, "not now, try again")                                                           \
    X(ERROR_FULL, "a bound is reached")                                                            \
    X(ERROR_MALFORMED, "the bytes are not of the expected form")                                   \
    X(ERROR_TRUNCATED, "the bytes end too early")                                                  \
    X(ERROR_CHECKSUM, "the checksum does not match")                                               \
    X(ERROR_VERSION, "written by a newer version")                                                 \
    X(ERROR_RANGE, "a number is out of range")                                                     \
    X(ERROR_NOT_FOUND, "not found")                                                                \
    X(ERROR_EXISTS, "exists already")                                                              \
    X(ERROR_FOREIGN, "belongs to another cluster or node")                                         \
    X(ERROR_DAMAGED, "the stored data is damaged")                                                 \
    X(ERROR_DISK_FULL, "no space left on the disk")                                                \
    X(ERROR_IO, "input or output failed")                                                          \
    X(ERROR_NOT_LEADER, "this node is not the leader")                                             \
    X(ERROR_REFUSED, "refused")

#define ERROR_ENUMERATOR(code, text) code,
enum error { ERROR_LIST(ERROR_ENUMERATOR) ERROR_COUNT };
#undef ERROR_ENUMERATOR

/* A static text; never NULL. */
const char *error_text(enum error error);
