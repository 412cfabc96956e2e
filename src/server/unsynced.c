/* unsynced.c: see unsynced.h. */
#include "src/server/unsynced.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "src/replica/mend.h"

static const char file_name[] = "unsynced";
static const char boot_file[] = "/proc/sys/kernel/random/boot_id";
enum { BOOT_ID_SIZE = 36 };

/* 0: there is none, or it can't be read. */
static size_t read_start(const char *path, char text[BOOT_ID_SIZE]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, BOOT_ID_SIZE);
    close(fd);
    return size < 0 ? 0 : (size_t)size;
}

static bool write_durably(const char *text, size_t size) {
    int fd = open(file_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool done = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return false;
    done = fsync(directory) == 0 && done;
    return close(directory) == 0 && done;
}

/* The machine went down while the process ran. */
static bool may_be_lost(const char *boot, size_t boot_size) {
    char last[BOOT_ID_SIZE];
    if (access(file_name, F_OK) != 0) return false;
    size_t size = read_start(file_name, last);
    return boot_size == 0 || size != boot_size || memcmp(last, boot, size) != 0;
}

bool unsynced_begin(const struct server *server, struct buffer *error) {
    char boot[BOOT_ID_SIZE];
    size_t size = read_start(boot_file, boot);
    const struct identity *identity = &server->identity;
    bool others_rely_on_it =
        identity->phase == IDENTITY_VOTING && identity_known(identity).count > 1;
    if (others_rely_on_it && may_be_lost(boot, size)) {
        buffer_append_format(error,
                             "%s was not synced (raft-fsync no) when its machine went down: what "
                             "this node confirmed "
                             "may be lost, so it counts as an empty disk: " MEND_REPLACE("%u"),
                             server->directory, identity->id);
        return false;
    }
    if (CONFIG_IS_ON(&server->config, RAFT_FSYNC)) return true;
    if (write_durably(boot, size)) return true;
    buffer_append_format(error, "can't write %s/%s: %s: mend that disk", server->directory,
                         file_name, strerror(errno));
    return false;
}

void unsynced_end(void) {
    if (unlink(file_name) != 0) return;
    int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    (void)fsync(directory);
    close(directory);
}
