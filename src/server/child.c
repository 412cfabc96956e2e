/* child.c: see child.h. The pipe's end tells that the child has ended, however that came about. */
#include "src/server/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_PIPE = 3 };

/* --- the child ----------------------------------------------------------------------------------
 */

bool child_write(int fd, struct bytes bytes) {
    while (bytes.size > 0) {
        ssize_t count = write(fd, bytes.data, bytes.size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes = bytes_slice(bytes, (size_t)count, SIZE_MAX);
    }
    return true;
}

void child_tell(struct bytes message) {
    if (!child_write(CHILD_PIPE, message)) _exit(1);
}

/* Only the pipe stays, and the standard descriptors for a failed check's last words. A sandbox may
 * refuse a call as young as close_range(). */
static void close_descriptors(int pipe) {
    if (pipe != CHILD_PIPE) dup2(pipe, CHILD_PIPE);
    if (close_range(CHILD_PIPE + 1, ~0u, 0) == 0) return;
    long count = sysconf(_SC_OPEN_MAX);
    for (int fd = CHILD_PIPE + 1; fd < count; fd++)
        close(fd);
}

static void become_child(pid_t parent, const char *name) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* It died before the line above. */
    prctl(PR_SET_NAME, name);
    static const int signals[] = {SIGTERM, SIGINT, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        signal(signals[i], SIG_DFL);
    /* The log comes first, where the disk's scheduler knows such things. */
    enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_BEST_EFFORT_LOWEST = 2 << 13 | 7 };
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT_LOWEST);
}

/* --- the parent ---------------------------------------------------------------------------------
 */

static int await_end(struct child *child) {
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    ev_io_stop(child->loop, &child->watcher);
    close(child->pipe);
    child->pid = 0;
    return status;
}

static void on_message(struct ev_loop *loop, struct ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct child *child = watcher->data;
    size_t room = child->message.size - child->message.used;
    char extra;
    ssize_t count = room > 0 ? read(child->pipe, child->message.at + child->message.used, room)
                             : read(child->pipe, &extra, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count > 0) {
        if (room > 0) child->message.used += (size_t)count;
        return;
    }
    int status = await_end(child);
    bool whole =
        child->message.used == child->message.size && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    child->ended(child->context, whole, status);
}

bool child_start(struct child *child, const char *name, void (*work)(void *context)) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become_child(parent, name);
        close_descriptors(ends[1]);
        work(child->context);
        _exit(0);
    }
    int reason = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = reason;
        return false;
    }
    child->pid = pid;
    child->pipe = ends[0];
    child->message.used = 0;
    ev_io_init(&child->watcher, on_message, ends[0], EV_READ);
    child->watcher.data = child;
    ev_io_start(child->loop, &child->watcher);
    return true;
}

void child_kill(struct child *child) {
    if (child->pid == 0) return;
    kill(child->pid, SIGKILL);
    (void)await_end(child);
}
