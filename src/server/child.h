/* child.h: a forked child that looks at the state as it was at the fork, and tells the loop what it
 * found by one message through a pipe (SAFETY 13).
 *
 * It dies with its parent and holds no descriptor but that pipe and the standard ones, so neither a
 * lock nor a port outlives the parent in it. */
#pragma once

#include <ev.h>
#include <sys/types.h>

#include "base/bytes.h"

struct child {
    pid_t pid; /* 0: there is none */
    int pipe;
    struct ev_loop *loop;
    struct ev_io watcher;
    struct bytes_room {
        char *at;
        size_t size, used;
    } message;
    /* It has ended: `whole`: its message has come, and it has left as it should; else `status` is
     * that of waitpid(). The child may be started again from inside. */
    void (*ended)(void *context, bool whole, int status);
    void *context;
};

/* Forks; `work` runs in the child, called `name` there, and says what it found by child_tell();
 * then the child ends. False, with errno set: nothing was done. */
bool child_start(struct child *child, const char *name, void (*work)(void *context)) MUST_USE;
/* In the child: the whole message, at once. */
void child_tell(struct bytes message);
/* In the child: all of it; false, with errno. */
bool child_write(int fd, struct bytes bytes) MUST_USE;
/* Ends it, and waits until it has. */
void child_kill(struct child *child);
