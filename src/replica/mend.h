/* mend.h: what mends a node whose directory is lost, or must not be used any more: the words of
 * whatever line says so. */
#pragma once

/* `id`: of the node, as text or as a format's directive. */
#define MEND_REPLACE(id)                                                                           \
    "RAFT ADD host:port REPLACE " id " on another node, then start it with an empty directory "    \
    "and --join"
