/* identity_file.c: the file `node` on the disk, and the system's randomness. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "src/server/identity.h"

static const char file_name[] = "node", new_file_name[] = "node.new";
enum { FILE_SIZE_MAX = 16 * 1024 };

enum error identity_load(struct identity *identity) {
    char text[FILE_SIZE_MAX];
    int fd = open(file_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO;
    ssize_t size = read(fd, text, sizeof(text));
    close(fd);
    if (size < 0) return ERROR_IO;
    return identity_decode(bytes_of(text, (size_t)size), identity);
}

static bool write_durably(const struct buffer *text) {
    int fd = open(new_file_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    bool done = write(fd, text->data, text->size) == (ssize_t)text->size && fsync(fd) == 0;
    return close(fd) == 0 && done;
}

static bool sync_directory(void) {
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool done = fsync(fd) == 0;
    return close(fd) == 0 && done;
}

enum error identity_store(const struct identity *identity) {
    struct buffer text = {0};
    identity_encode(identity, &text);
    CHECK(text.size <= FILE_SIZE_MAX);
    bool done = write_durably(&text) && rename(new_file_name, file_name) == 0 && sync_directory();
    int reason = errno;
    buffer_clear(&text);
    if (done) return ERROR_NONE;
    return reason == ENOSPC ? ERROR_DISK_FULL : ERROR_IO;
}

void entropy_fill(void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = getrandom((char *)bytes + done, size - done, 0);
        CHECK(count > 0 || errno == EINTR);
        if (count > 0) done += (size_t)count;
    }
}
