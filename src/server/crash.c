/* crash.c: see crash.h. */
#include "src/server/crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "src/server/thread.h"

enum { LINE_SIZE = 512, FRAMES_MAX = 64, STACK_SIZE = 64 * 1024, PATH_SIZE = 4096 };

static char log_path[PATH_SIZE]; /* empty: standard output */
static struct sigaction before[THREAD_FAULTS];
static _Atomic uint64_t applied_index;
static _Atomic bool is_enabled, speaks;
static char stack[STACK_SIZE]; /* the loop's thread may have used up its own */

/* --- text without stdio ------------------------------------------------------------------------
 */

struct line {
    char text[LINE_SIZE];
    size_t size;
};

static void put(struct line *line, const char *text) {
    for (; *text != '\0' && line->size < LINE_SIZE; text++)
        line->text[line->size++] = *text;
}

static void put_number(struct line *line, uint64_t number, unsigned base) {
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    put(line, base == 16 ? "0x" : "");
    put(line, digits + at);
}

/* --- the handler ---------------------------------------------------------------------------------
 */

static struct sigaction *before_of(int number) {
    int i = 0;
    while (i + 1 < THREAD_FAULTS && thread_faults[i] != number)
        i++;
    return &before[i];
}

static uintptr_t instruction_of(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void describe(struct line *line, const siginfo_t *info, const ucontext_t *context) {
    struct timespec now;
    char thread[17] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    prctl(PR_GET_NAME, thread);
    put_number(line, (uint64_t)getpid(), 10);
    put(line, ":signal-handler (");
    put_number(line, (uint64_t)now.tv_sec, 10);
    put(line, ") Hamok " HAMOK_VERSION " crashed by signal ");
    put_number(line, (uint64_t)info->si_signo, 10);
    put(line, " (SIG");
    put(line, sigabbrev_np(info->si_signo));
    if (info->si_code > 0) {
        put(line, "): address ");
        put_number(line, (uintptr_t)info->si_addr, 16);
    } else if (info->si_pid == getpid()) {
        put(line, "): raised by this process");
    } else {
        put(line, "): sent by process ");
        put_number(line, (uint64_t)info->si_pid, 10);
    }
    put(line, ", instruction ");
    put_number(line, instruction_of(context), 16);
    put(line, ", thread ");
    put(line, thread);
    put(line, ", applied up to index ");
    put_number(line, atomic_load_explicit(&applied_index, memory_order_relaxed), 10);
    put(line, "\n");
}

static void speak(const siginfo_t *info, const ucontext_t *context) {
    struct line line = {.size = 0};
    describe(&line, info, context);
    bool to_file = log_path[0] != '\0';
    int fd =
        to_file ? open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (fd < 0 || write(fd, line.text, line.size) < 0) return; /* nowhere left to complain to */
    /* Last: names are asked of the loader, which may be held up itself. */
    void *frames[FRAMES_MAX];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
    if (to_file) close(fd);
}

/* The signal is blocked until this returns; then it comes again and takes its course. */
static void on_fault(int number, siginfo_t *info, void *context) {
    (void)sigaction(number, before_of(number), NULL);
    bool is_first = !atomic_exchange(&speaks, true);
    if (is_first && atomic_load(&is_enabled)) speak(info, context);
    (void)raise(number);
}

/* --- life ------------------------------------------------------------------------------------ */

static void give_stack(void) {
    stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)}, present;
    bool has_none = sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE) != 0;
    if (has_none) (void)sigaltstack(&own, NULL); /* a sanitizer brings one */
}

void crash_begin(const struct log *log) {
    const char *path = log->path == NULL ? "" : log->path;
    if (strlen(path) < sizeof(log_path)) strcpy(log_path, path);
    void *frame;
    (void)backtrace(&frame, 1); /* The first call loads a library, which a handler must not. */
    give_stack();
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < THREAD_FAULTS; i++)
        (void)sigaction(thread_faults[i], &action, &before[i]);
}

void crash_set_enabled(bool enabled) {
    atomic_store(&is_enabled, enabled);
}

void crash_note_applied(uint64_t index) {
    atomic_store_explicit(&applied_index, index, memory_order_relaxed);
}
