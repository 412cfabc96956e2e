/* thread.c: see thread.h. */
#include "src/server/thread.h"

#include <signal.h>

const int thread_faults[THREAD_FAULTS] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};

bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument) {
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (int i = 0; i < THREAD_FAULTS; i++)
        sigdelset(&blocked, thread_faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    bool started = pthread_create(thread, NULL, run, argument) == 0;
    if (started) (void)pthread_setname_np(*thread, name);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}
