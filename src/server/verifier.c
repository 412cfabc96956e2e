/* verifier.c: see verifier.h. */
#include "src/server/verifier.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "src/server/child.h"

enum { CHILD_NICE = 10 };

struct verifier {
    struct server *server;
    struct child child;
    uint64_t digest; /* the child's message */
    uint64_t began_us, fork_us;
};

static void compute(void *context) {
    struct verifier *verifier = context;
    setpriority(PRIO_PROCESS, 0, CHILD_NICE); /* The loop comes first. */
    uint64_t digest = replica_full_digest(verifier->server->replica);
    child_tell(bytes_of(&digest, sizeof(digest)));
}

static void on_computed(void *context, bool whole, int status) {
    struct verifier *verifier = context;
    struct server *server = verifier->server;
    unsigned long long took_ms = (unsigned long long)(clock_us() - verifier->began_us) / 1000;
    if (whole)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "Verifying: the state's digest is %016llx (after %llu ms, fork %llu us)",
                 (unsigned long long)verifier->digest, took_ms,
                 (unsigned long long)verifier->fork_us);
    else
        log_line(&server->log, LOG_LEVEL_WARNING,
                 "Verifying: the child that computes the digest ended with status %d", status);
    replica_verify_done(server->replica, whole ? ERROR_NONE : ERROR_IO, verifier->digest,
                        server_moment(server));
}

struct verifier *verifier_create(struct server *server) {
    struct verifier *verifier = memory_allocate_zeroed(sizeof(*verifier));
    verifier->server = server;
    verifier->child = (struct child){
        .loop = server->loop,
        .message = {.at = (char *)&verifier->digest, .size = sizeof(verifier->digest)},
        .ended = on_computed,
        .context = verifier,
    };
    return verifier;
}

void verifier_destroy(struct verifier *verifier) {
    if (verifier == NULL) return;
    child_kill(&verifier->child);
    memory_release(verifier);
}

void verifier_tend(struct verifier *verifier) {
    struct server *server = verifier->server;
    if (!replica_verify_is_due(server->replica)) return;
    replica_verify_begin(server->replica);
    verifier->began_us = clock_us();
    bool started = child_start(&verifier->child, "hamok-verify", compute);
    verifier->fork_us = clock_us() - verifier->began_us;
    if (started) return;
    log_line(&server->log, LOG_LEVEL_WARNING, "Verifying: can't fork: %s", strerror(errno));
    replica_verify_done(server->replica, ERROR_IO, 0, server_moment(server));
}
