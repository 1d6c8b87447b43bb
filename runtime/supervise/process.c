/* SPDX-License-Identifier: MIT */
/* process -- see process.h. */
#include "runtime/supervise/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const struct process process_none = { .pid = 0, .pid_fd = -1, .output_fd = -1 };

enum { READ_END, WRITE_END };

/* The program's environment with `settings` in front: of two with one name, the first one counts. */
static const char **merge_environment(const char *const *settings)
{
    size_t count = 0;
    size_t filled = 0;

    while (environ[count] != NULL)
        count++;
    for (const char *const *setting = settings; *setting != NULL; setting++)
        count++;

    const char **merged = calloc(count + 1, sizeof *merged);

    assert(merged != NULL);
    for (const char *const *setting = settings; *setting != NULL; setting++)
        merged[filled++] = *setting;
    for (char **old = environ; *old != NULL; old++) {
        size_t name_size = strcspn(*old, "=") + 1;
        bool replaced = false;

        for (const char *const *setting = settings; *setting != NULL; setting++)
            replaced = replaced || strncmp(*setting, *old, name_size) == 0;
        if (!replaced)
            merged[filled++] = *old;
    }
    return merged;
}

/* What the new process gets of descriptors. */
struct ends {
    int output;
    int errors;
    const int *handed_on; /* -1 at the end; NULL: none */
};

/* In the new process, between fork and exec: nothing here may allocate or lock. */
static _Noreturn void
become(const char *const *arguments, const char **environment, const char *input, const struct ends *ends, pid_t parent)
{
    sigset_t none;
    int failure;
    int in = open(input, O_RDONLY | O_CLOEXEC);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    dup2(in, STDIN_FILENO);
    dup2(ends->output, STDOUT_FILENO);
    dup2(ends->output, STDERR_FILENO);
    for (const int *fd = ends->handed_on; fd != NULL && *fd >= 0; fd++)
        fcntl(*fd, F_SETFD, 0); /* not closed on exec */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the wish was known */
        _exit(127);
    execve(arguments[0], (char *const *)arguments, (char *const *)environment);
    failure = errno;
    if (write(ends->errors, &failure, sizeof failure) < 0)
        _exit(126);
    _exit(127);
}

/* Waits until the new process runs its program: its end of the pipe closes. Returns 0 or why it does not. */
static int wait_for_exec(int errors)
{
    int failure = 0;
    ssize_t size;

    do
        size = read(errors, &failure, sizeof failure);
    while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof failure ? failure : 0;
}

static void close_both(const int pair[2])
{
    close(pair[READ_END]);
    close(pair[WRITE_END]);
}

bool process_start(const char *const *arguments,
                   const char *const *settings,
                   const char *input,
                   const int *handed_on,
                   struct process *ret_process)
{
    int output[2];
    int errors[2];
    pid_t parent = getpid();

    if (pipe2(output, O_CLOEXEC) != 0)
        return false;
    if (pipe2(errors, O_CLOEXEC) != 0) {
        close_both(output);
        return false;
    }

    const char **environment = merge_environment(settings);
    pid_t pid = fork();

    if (pid == 0)
        become(arguments, environment, input != NULL ? input : "/dev/null",
               &(struct ends){ output[WRITE_END], errors[WRITE_END], handed_on }, parent);
    int failure = pid < 0 ? errno : 0;

    free(environment);
    close(output[WRITE_END]);
    close(errors[WRITE_END]);
    if (pid > 0)
        failure = wait_for_exec(errors[READ_END]);
    close(errors[READ_END]);
    if (failure == 0) {
        setpgid(pid, pid); /* whichever of the two comes first */
        fcntl(output[READ_END], F_SETFL, O_NONBLOCK);
        *ret_process = (struct process){ .pid = pid, .output_fd = output[READ_END] };
        ret_process->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (ret_process->pid_fd >= 0)
            return true;
        failure = errno;
        kill(pid, SIGKILL);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    close(output[READ_END]);
    errno = failure;
    return false;
}

void process_signal(const struct process *process, int signal)
{
    if (process->pid > 0)
        kill(signal == SIGKILL ? -process->pid : process->pid, signal);
}

bool process_ended(struct process *process, struct process_end *ret_end)
{
    int status;

    if (process->pid <= 0 || waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    kill(-process->pid, SIGKILL); /* children that it left behind */
    ret_end->by_signal = WIFSIGNALED(status);
    ret_end->code = ret_end->by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    close(process->pid_fd);
    process->pid_fd = -1;
    process->pid = 0;
    return true;
}

void process_describe(const struct process_end *end, char *text, size_t room)
{
    if (end->by_signal)
        snprintf(text, room, "was ended by signal %d (%s)", end->code, strsignal(end->code));
    else
        snprintf(text, room, "exited with code %d", end->code);
}
