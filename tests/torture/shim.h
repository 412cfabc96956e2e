/* shim.h: what shim.c, in front of the server's libc, and the torture program share: a file that
 * both have mapped. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* The calls that can be made to fail: their names. */
#define SHIM_CALLS(X)                                                                              \
    X(pwritev2)                                                                                    \
    X(fdatasync)                                                                                   \
    X(fsync)                                                                                       \
    X(openat)                                                                                      \
    X(renameat)                                                                                    \
    X(fallocate)                                                                                   \
    X(pread)
#define SHIM_ENUMERATOR(name) SHIM_##name,
enum shim_call { SHIM_CALLS(SHIM_ENUMERATOR) SHIM_CALL_COUNT };
#undef SHIM_ENUMERATOR

/* The name of the variable that says where the file is. */
#define SHIM_VARIABLE "HAMOK_SHIM_FILE"

/* A zeroed file changes nothing. */
struct shim_switch {
    _Atomic int32_t countdown; /* n: the n-th call from now on fails, once; 0: none */
    _Atomic int32_t error;     /* errno then */
    _Atomic uint32_t failed;   /* how many did */
};

struct shim_board {
    struct shim_switch calls[SHIM_CALL_COUNT];
    _Atomic uint32_t sync_stall_ms; /* each sync of data takes so much longer */
    /* The disk has a cache that forgets. A loop device has none: what was written past the page
     * cache stays, synced or not. So here nothing is, and the page cache is what forgets. */
    _Atomic uint32_t cache_is_volatile;
};
