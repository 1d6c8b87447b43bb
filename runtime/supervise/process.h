/* SPDX-License-Identifier: MIT */
/*
 * process -- starts programs that cannot outlive the one who started them.
 *
 * Each runs in a process group of its own, so that a terminal's Ctrl-C reaches the launcher alone, and is killed by the
 * kernel when the thread that started it ends (PR_SET_PDEATHSIG): start processes only from a thread that lives as long
 * as the program. What it writes comes back through a pipe.
 */
#ifndef RUNTIME_SUPERVISE_PROCESS_H
#define RUNTIME_SUPERVISE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;     /* 0: none */
    int pid_fd;    /* readable once it has ended; -1: none */
    int output_fd; /* what it writes, non-blocking; -1: closed */
};

extern const struct process process_none;

/* Starts `arguments[0]`, with `settings` ("NAME=value", NULL at the end) on top of this program's environment, the file
 * `input` (NULL: nothing) to read from, and the descriptors `handed_on` (-1 at the end; NULL: none) under their
 * numbers. False with errno set; also when the program cannot be executed. */
bool process_start(const char *const *arguments,
                   const char *const *settings,
                   const char *input,
                   const int *handed_on,
                   struct process *ret_process);

/* Sends a signal to the process; SIGKILL goes to its whole group. Does nothing when there is none. */
void process_signal(const struct process *process, int signal);

/* How it ended. */
struct process_end {
    bool by_signal;
    int code; /* exit code, or the signal's number */
};

/* Takes the end of a process that has one; false while it runs. Kills what is left of its group, closes pid_fd; the
 * output stays open, because there may be more to read. */
bool process_ended(struct process *process, struct process_end *ret_end);
/* "exited with code 1", "was ended by signal 9 (Killed)". */
void process_describe(const struct process_end *end, char *text, size_t room);

#endif
