/* What a process that ends by a fault says of itself; what real servers say: cluster/test_server.c.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/server/crash.h"

static char path[64];

static void begin(void) {
    strcpy(path, "/tmp/hamok-test-crash-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void end(void) {
    unlink(path);
}

/* As the process ends that is about to do this. */
static int status_of(void (*die)(void), bool is_enabled) {
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        static struct log log; /* with its path to the end */
        log_set_path(&log, path);
        crash_begin(&log);
        crash_set_enabled(is_enabled);
        crash_note_applied(UINT64_MAX);
        die();
        _exit(0);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void read_log(char *text, size_t size) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void fail_check(void) {
    CHECK(path[0] == '\0');
}

static void trap(void) {
    (void)raise(SIGTRAP);
}

static const struct {
    void (*die)(void);
    int number;
    const char *line;
} deaths[] = {
    {fail_check, SIGABRT, " crashed by signal 6 (SIGABRT): raised by this process, instruction 0x"},
    {trap, SIGTRAP, " crashed by signal 5 (SIGTRAP): raised by this process, instruction 0x"},
};

Test(crash, one_line_and_the_way_to_there, .init = begin, .fini = end) {
    for (size_t i = 0; i < COUNT_OF(deaths); i++) {
        char text[16384];
        cr_assert_eq(truncate(path, 0), 0);
        int status = status_of(deaths[i].die, true);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == deaths[i].number, "%x", status);
        read_log(text, sizeof(text));
        cr_expect_not_null(strstr(text, deaths[i].line), "%s", text);
        cr_expect_not_null(strstr(text, ", applied up to index 18446744073709551615\n"), "%s",
                           text);
        cr_expect_not_null(strstr(text, ")[0x"), "%s", text);
        cr_expect_eq(strstr(text, ":signal-handler ("), strchr(text, ':'), "%s", text);
    }
}

Test(crash, not_a_word_where_none_is_wanted, .init = begin, .fini = end) {
    char text[64];
    int status = status_of(trap, false);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP, "%x", status);
    read_log(text, sizeof(text));
    cr_expect_str_empty(text);
}
