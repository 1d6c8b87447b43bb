/* SPDX-License-Identifier: MIT */
/* data_folder -- see data_folder.h. */
#include "runtime/supervise/data_folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char lock_path[] = "run/launcher.lock";

#define say(why, ...) snprintf((why), DATA_SENTENCE_LIMIT, __VA_ARGS__)

/* ------------------------------------------------------------------------------------------------ folders */

/* mkdir -p. */
static bool make_path(const char *path)
{
    char part[4096];
    size_t size = strlen(path);

    if (size >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, size + 1);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(part, 0755) == 0 || errno == EEXIST;
}

static bool make_parts(const char *path, char *why)
{
    static const struct {
        const char *name;
        mode_t mode;
    } parts[] = { { "run", 0700 }, { "nodes", 0700 }, { "stores", 0711 }, { "log", 0700 }, { "secrets", 0700 } };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (mkdir(parts[i].name, parts[i].mode) != 0 && errno != EEXIST) {
            say(why, "%s/%s cannot be made: %s; free some space or choose another folder with --data", path,
                parts[i].name, strerror(errno));
            return false;
        }
    return true;
}

static bool has_space(const char *path, char *why)
{
    struct statvfs space;

    if (statvfs(".", &space) != 0)
        return true; /* whoever writes will find out */

    unsigned long long free_mib = (unsigned long long)space.f_bavail * space.f_frsize / (1024 * 1024);

    if (free_mib >= DATA_SPACE_MIN_MIB)
        return true;
    say(why,
        "the disk of %s is full: %llu MiB are free and at least %d MiB are needed to start; free some space or choose "
        "another folder with --data",
        path, free_mib, DATA_SPACE_MIN_MIB);
    return false;
}

bool data_folder_enter(const char *path, char *why)
{
    if (chdir(path) == 0)
        return true;
    say(why, "the data folder %s cannot be used: %s", path, strerror(errno));
    return false;
}

bool data_folder_make(const char *path, char *why)
{
    if (!make_path(path)) {
        say(why, "the data folder %s cannot be made: %s; choose another one with --data", path, strerror(errno));
        return false;
    }
    if (!data_folder_enter(path, why))
        return false;
    if (access(".", W_OK) != 0) {
        say(why, "the data folder %s cannot be written to: %s; choose another one with --data", path, strerror(errno));
        return false;
    }
    return has_space(path, why) && make_parts(path, why);
}

/* ------------------------------------------------------------------------------------------------ the lock */

static pid_t read_owner(int fd)
{
    char text[32] = "";

    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    return (pid_t)strtol(text, NULL, 10);
}

bool data_folder_lock(int *ret_lock, char *why)
{
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char text[32];

    if (fd < 0) {
        say(why, "%s cannot be opened: %s", lock_path, strerror(errno));
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        say(why,
            "a platform is running in this data folder already (process %d); look at it with `shunt status`, stop it "
            "with `shunt down`, or choose another folder with --data",
            (int)read_owner(fd));
        close(fd);
        return false;
    }

    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        say(why, "%s cannot be written: %s; is the disk full?", lock_path, strerror(errno));
        close(fd);
        return false;
    }
    *ret_lock = fd;
    return true;
}

pid_t data_folder_owner(void)
{
    int fd = open(lock_path, O_RDONLY | O_CLOEXEC);
    pid_t owner = 0;

    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        owner = read_owner(fd);
    close(fd);
    return owner;
}

/* ------------------------------------------------------------------------------------------------ secrets */

/* 32 letters and digits: 190 bits, and nothing that any configuration file would have to quote. */
static void make_password(char password[33])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t made = 0;

    while (made < 32) {
        unsigned char random;

        if (getrandom(&random, 1, 0) == 1 && random < 4 * 62) /* an even spread */
            password[made++] = letters[random % 62];
    }
    password[32] = '\0';
}

bool data_folder_secret(const char *name, char *why)
{
    char path[128];
    char password[33];
    int fd;

    snprintf(path, sizeof path, "secrets/%s", name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return true;
    make_password(password);
    if (fd >= 0 && write(fd, password, 32) == 32 && write(fd, "\n", 1) == 1 && fsync(fd) == 0) {
        close(fd);
        return true;
    }
    say(why, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return false;
}

bool data_folder_secrets(const struct topology *topology, char *why)
{
    for (size_t i = 0; i < topology->store_count; i++) {
        const struct topology_store *store = &topology->stores[i];

        if (store->managed && store->secret != NULL && !data_folder_secret(store->secret, why))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ ports */

struct port_search {
    uint64_t deadline_us;
    char *why; /* empty until a port is taken */
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0, or why nobody could listen there. */
static int try_to_listen(const char *host, uint16_t port)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE };
    struct addrinfo *found = NULL;
    char bare[TOPOLOGY_HOST_LIMIT];
    char service[8];
    int error = 0;
    int yes = 1;

    snprintf(service, sizeof service, "%u", port);
    snprintf(bare, sizeof bare, "%s", host[0] == '[' ? host + 1 : host);
    bare[strcspn(bare, "]")] = '\0';
    if (getaddrinfo(strcmp(bare, "*") == 0 ? NULL : bare, service, &hints, &found) != 0)
        return EADDRNOTAVAIL;

    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return error;
}

static void try_listener(void *context, const struct topology_listener *listener)
{
    struct port_search *search = context;
    const char *of = listener->store != NULL ? "the store" : listener->actor->name;
    const char *who = listener->store != NULL ? listener->store->name : listener->node->name;
    int error = try_to_listen(listener->host, listener->port);

    while (error == EADDRINUSE && now_us() < search->deadline_us) {
        nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
        error = try_to_listen(listener->host, listener->port);
    }
    if (error == 0 || search->why[0] != '\0')
        return;
    if (error == EADDRINUSE)
        say(search->why,
            "port %u, where %s%s%s would listen, is in use by another program (`ss -ltnp 'sport = :%u'` names "
            "it); stop that, or give another port with --set",
            listener->port, of, listener->store != NULL ? " " : " of ", who, listener->port);
    else
        say(search->why, "%s%s%s cannot listen on %s:%u: %s", of, listener->store != NULL ? " " : " of ", who,
            listener->host, listener->port, strerror(error));
}

bool data_folder_ports_free(const struct topology *topology, uint64_t wait_us, char *why)
{
    struct port_search search = { .deadline_us = now_us() + wait_us, .why = why };

    why[0] = '\0';
    topology_each_listener(topology, try_listener, &search);
    return why[0] == '\0';
}
