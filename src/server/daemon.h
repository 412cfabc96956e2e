/* daemon.h: what the process asks of the system around it, as redis-server does. */
#pragma once

#include "src/server/config.h"
#include "src/server/log.h"

/* daemonize: forks; the parent waits for the child's report, prints it if it is an error, and exits
 * with 0 or 1. Returns in the child, with the pipe for daemon_report(); -1 if the system refuses.
 */
int daemon_detach(void) MUST_USE;
/* The child's report, once: closes the pipe. An empty text: its parent may go, all is well so far.
 * Lets go of the terminal: a failed check writes its line to the file log_path from then on, or to
 * nowhere if that is NULL. */
void daemon_report(int report, struct bytes error, const char *log_path);

/* pidfile, also the default one of a daemon. */
void daemon_write_pid(const struct config *config, const struct log *log);
void daemon_remove_pid(const struct config *config);

/* supervised: tells systemd (NOTIFY_SOCKET) or upstart (UPSTART_JOB). `state` as in sd_notify:
 * "READY=1". False if nobody supervises in the configured way. */
bool daemon_is_supervised(const struct config *config);
void daemon_notify(const struct config *config, const struct log *log, const char *state);

/* Raises the soft limit on open files to what `clients` need; returns how many clients fit. */
uint64_t daemon_raise_files(const struct log *log, uint64_t clients);

/* disable-thp: no transparent huge pages for this process. */
void daemon_disable_huge_pages(const struct log *log);
