/* config_file.c: see config_file.h. */
#include "src/server/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/server/config_lines.h"

enum { INCLUDE_DEPTH_MAX = 16, FILE_BYTES_MAX = 16 << 20 };

/* What is being read, for error messages. */
struct place {
    const char *name;
    uint32_t line;
    uint32_t depth;
};

static bool read_text(struct config *config, struct bytes text, struct place *place,
                      struct buffer *error);

static bool fail_at(const struct place *place, struct bytes line, struct buffer *error) {
    struct buffer reason = *error;
    *error = (struct buffer){0};
    buffer_append_format(error, "*** FATAL CONFIG FILE ERROR (Hamok %s) *** Reading %s, ",
                         HAMOK_VERSION, place->name);
    if (place->line > 0) buffer_append_format(error, "at line %u ", place->line);
    buffer_append_format(error, ">>> '%.*s' %.*s", (int)(line.size < 200 ? line.size : 200),
                         line.data, (int)reason.size, reason.data);
    buffer_clear(&reason);
    return false;
}

static bool read_all(int fd, struct buffer *text) {
    for (;;) {
        char *room = buffer_reserve(text, 64 * 1024);
        ssize_t count = read(fd, room, 64 * 1024);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count == 0;
        text->size += (size_t)count;
        if (text->size > FILE_BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

static bool read_file(struct config *config, const char *name, uint32_t depth,
                      struct buffer *error) {
    struct buffer text = {0};
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && read_all(fd, &text);
    if (!done)
        buffer_append_format(error, "Fatal error, can't open config file '%s': %s", name,
                             strerror(errno));
    if (fd >= 0) close(fd);
    struct place place = {.name = name, .depth = depth};
    done = done && read_text(config, buffer_bytes(&text), &place, error);
    buffer_clear(&text);
    return done;
}

/* A pattern that matches nothing is fine; a plain name that does not exist is not. */
static bool read_included(struct config *config, const char *pattern, uint32_t depth,
                          struct buffer *error) {
    if (depth > INCLUDE_DEPTH_MAX) {
        buffer_append_format(error, "files include each other more than %d deep",
                             INCLUDE_DEPTH_MAX);
        return false;
    }
    glob_t found = {0};
    bool is_pattern = strpbrk(pattern, "*?[") != NULL;
    bool done = true;
    if (!is_pattern) {
        done = read_file(config, pattern, depth, error);
    } else if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && done; i++)
            done = read_file(config, found.gl_pathv[i], depth, error);
    }
    globfree(&found);
    return done;
}

static bool read_text(struct config *config, struct bytes text, struct place *place,
                      struct buffer *error) {
    struct config_words words = {0};
    struct bytes line;
    bool done = true;
    while (done && config_next_line(&text, &line)) {
        if (place->depth > 0) place->line++;
        switch (config_read_line(config, line, &words, error)) {
        case CONFIG_LINE_NOTHING:
        case CONFIG_LINE_TAKEN:
            break;
        case CONFIG_LINE_WRONG:
            done = fail_at(place, line, error);
            break;
        case CONFIG_LINE_INCLUDE: {
            struct buffer pattern = {0};
            buffer_append_bytes(&pattern, words.at[1]);
            buffer_append_byte(&pattern, '\0');
            done = read_included(config, pattern.data, place->depth + 1, error);
            buffer_clear(&pattern);
            break;
        }
        }
    }
    config_words_clear(&words);
    return done;
}

/* "--port 7001 --save ''" becomes two lines, each word quoted. As in Redis, what follows a bare
 * name is its value even if it begins with dashes; only --save may stand alone. */
static void lines_of_arguments(int count, char *const *arguments, struct buffer *lines) {
    bool value_is_due = false;
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        bool has_dashes = strncmp(argument, "--", 2) == 0;
        if (has_dashes && !value_is_due) {
            buffer_append_format(lines, "%s%s", lines->size > 0 ? "\n" : "", argument + 2);
            value_is_due = strchr(argument, ' ') == NULL && strcasecmp(argument, "--save") != 0;
        } else {
            buffer_append_byte(lines, ' ');
            config_quote(lines, bytes_of_text(argument));
            value_is_due = false;
        }
    }
}

bool config_load(struct config *config, int count, char *const *arguments, struct buffer *path,
                 struct buffer *error) {
    bool has_file = count > 0 && arguments[0][0] != '-';
    bool from_input = false;
    if (has_file) {
        char *absolute = realpath(arguments[0], NULL);
        if (absolute != NULL) buffer_append_bytes(path, bytes_of_text(absolute));
        buffer_append_byte(path, '\0');
        path->size--;
        free(absolute);
        if (!read_file(config, arguments[0], 1, error)) return false;
        count--;
        arguments++;
    }
    struct buffer lines = {0};
    struct buffer input = {0};
    bool done = true;
    for (int i = 0; i < count; i++)
        from_input |= strcmp(arguments[i], "-") == 0 && (i == 0 || i == count - 1);
    if (from_input) {
        struct place place = {.name = "standard input", .depth = 1};
        done = read_all(STDIN_FILENO, &input) &&
               read_text(config, buffer_bytes(&input), &place, error);
        bool first = strcmp(arguments[0], "-") == 0;
        count--;
        arguments += first ? 1 : 0;
    }
    if (done && count > 0 && strncmp(arguments[0], "--", 2) != 0) {
        buffer_append_format(error,
                             "can't understand '%s': write hamok-server [/path/to/redis.conf] "
                             "[--directive value …]",
                             arguments[0]);
        done = false;
    }
    if (done) {
        struct place place = {.name = "the command line", .depth = 0};
        lines_of_arguments(count, arguments, &lines);
        done = read_text(config, buffer_bytes(&lines), &place, error);
    }
    buffer_clear(&lines);
    buffer_clear(&input);
    return done;
}

/* --- CONFIG REWRITE -----------------------------------------------------------------------------
 */

static bool write_all(int fd, struct bytes text) {
    while (text.size > 0) {
        ssize_t count = write(fd, text.data, text.size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text = bytes_slice(text, (size_t)count, text.size);
    }
    return true;
}

static bool replace_file(const char *path, struct bytes text, mode_t mode) {
    struct buffer name = {0};
    buffer_append_format(&name, "%s-%d.tmp", path, (int)getpid());
    buffer_append_byte(&name, '\0');
    int fd = open(name.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool done = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0) close(fd);
    if (done) {
        done = rename(name.data, path) == 0;
        reason = errno;
    }
    if (!done) unlink(name.data);
    buffer_clear(&name);
    errno = reason;
    return done;
}

bool config_store(const struct config *config, const char *path, struct buffer *error) {
    struct buffer old = {0}, text = {0};
    struct stat status = {.st_mode = 0644};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done = fd < 0 ? errno == ENOENT : fstat(fd, &status) == 0 && read_all(fd, &old);
    if (fd >= 0) close(fd);
    if (done) {
        config_rewrite(config, buffer_bytes(&old), &text);
        done = replace_file(path, buffer_bytes(&text), status.st_mode & 0777);
    }
    if (!done) buffer_append_format(error, "Rewriting config file: %s", strerror(errno));
    buffer_clear(&old);
    buffer_clear(&text);
    return done;
}
