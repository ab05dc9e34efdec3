/* Faults on demand: a library that is loaded before the C library (LD_PRELOAD) into a server or a database under test.
 *
 * COMPTOIR_FAULTS names a control file, which is mapped (`struct control`, written by shim.py). Each armed slot names calls and places and what
 * happens at the n-th such call: it fails, does half its work, waits, cuts its connection, or is the last thing that the process does (SIGKILL),
 * just before, just after or in the middle of it. A crash "between the commit and the answer" is thus a crash before a write to a client's
 * socket: nothing is added to the program under test. COMPTOIR_FAULTS_UNDER is the directory whose files count.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC = 1, WRITE = 2, TRUNCATE = 4, RENAME = 8, SEND = 16, RECEIVE = 32, READ = 64 };
enum { DATABASE = 1, LOG = 2, MEDIA = 4, OTHER = 8, CLIENT = 16, SERVER = 32, OUTSIDE = 64 };
enum { NOTHING, FAIL_BEFORE, FAIL_AFTER, HALF, KILL_BEFORE, KILL_AFTER, KILL_HALF, WAIT, CUT_BEFORE, CUT_AFTER };

struct slot {
    uint32_t armed, calls, places, action;
    int32_t argument; /* errno, or microseconds */
    uint32_t unused;
    int64_t skip, left; /* so many calls pass, so many are hit */
    uint64_t hits;
    uint64_t unused2[2];
};
#define SLOTS 8
struct control {
    int64_t clock;               /* nanoseconds that are added to the wall clock */
    uint16_t ports[4];           /* of the clients' side, of the database, of what the server calls */
    uint64_t calls;              /* calls that an armed slot has looked at */
    char unused[40];
    struct slot slots[SLOTS];
};
static volatile struct control *control;
static char under[1024];
static size_t under_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COMPTOIR_FAULTS"), *directory = getenv("COMPTOIR_FAULTS_UNDER");
    if (!path || !directory || strlen(directory) >= sizeof under) return;
    strcpy(under, directory);
    under_length = strlen(under);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) control = mapped;
}

static int place_of_path(const char *path) {
    if (strncmp(path, under, under_length) != 0) return 0;
    const char *rest = path + under_length;
    if (strncmp(rest, "/media/", 7) == 0) return MEDIA;
    if (strstr(rest, "pg_wal") || strstr(rest, "db-wal")) return LOG;
    if (strstr(rest, "/base/") || (strlen(rest) > 3 && strcmp(rest + strlen(rest) - 3, ".db") == 0)) return DATABASE;
    return OTHER;
}

static int port_of(int file, int peer) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if ((peer ? getpeername : getsockname)(file, (struct sockaddr *)&address, &length) != 0) return 0;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

static int place_of(int file) {
    char link[64], path[1200];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (path[0] == '/') return place_of_path(path);
    if (strncmp(path, "socket:", 7) != 0) return 0;
    int port = port_of(file, 0);
    if (port && port == control->ports[0]) return CLIENT;
    port = port_of(file, 1);
    if (!port) return 0;
    if (port == control->ports[1]) return SERVER;
    return port == control->ports[2] || port == control->ports[3] ? OUTSIDE : 0;
}

__attribute__((noreturn)) static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to happen to this call; `argument` is set for some. Kills, waits and cuts that come before it are done here. */
static int happens(int call, int file, const char *path, int *argument) {
    int place = 0;
    if (!control) return NOTHING;
    for (int n = 0; n < SLOTS; n++) {
        volatile struct slot *slot = &control->slots[n];
        if (!__atomic_load_n(&slot->armed, __ATOMIC_ACQUIRE) || !(slot->calls & call)) continue;
        int saved = errno;
        if (!place) place = path ? place_of_path(path) : place_of(file);
        errno = saved;
        if (!place) return NOTHING;
        if (!(slot->places & place)) continue;
        __atomic_add_fetch(&control->calls, 1, __ATOMIC_RELAXED);
        if (__atomic_sub_fetch(&slot->skip, 1, __ATOMIC_RELAXED) >= 0) continue;
        if (__atomic_sub_fetch(&slot->left, 1, __ATOMIC_RELAXED) < 0) continue;
        __atomic_add_fetch(&slot->hits, 1, __ATOMIC_RELEASE);
        *argument = slot->argument;
        switch (slot->action) {
        case KILL_BEFORE: die();
        case WAIT: usleep((useconds_t)slot->argument); errno = saved; return NOTHING;
        case CUT_BEFORE: shutdown(file, SHUT_RDWR); errno = saved; return NOTHING;
        default: return (int)slot->action;
        }
    }
    return NOTHING;
}

static int after(int action, int file) {
    int saved = errno;
    if (action == KILL_AFTER || action == KILL_HALF) die();
    if (action == CUT_AFTER) shutdown(file, SHUT_RDWR);
    errno = saved;
    return action == FAIL_AFTER;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(code) do { errno = (code); return -1; } while (0)
#define PLAIN(call, file, path, expression) \
    int argument = 0, action = happens(call, file, path, &argument); \
    if (action == FAIL_BEFORE) FAIL(argument); \
    __typeof__(expression) result = expression; \
    if (action && after(action, file)) FAIL(argument); \
    return result

int fsync(int file) { REAL(fsync); PLAIN(SYNC, file, NULL, real(file)); }
int fdatasync(int file) { REAL(fdatasync); PLAIN(SYNC, file, NULL, real(file)); }
int ftruncate(int file, off_t size) { REAL(ftruncate); PLAIN(TRUNCATE, file, NULL, real(file, size)); }
int ftruncate64(int file, off64_t size) { REAL(ftruncate64); PLAIN(TRUNCATE, file, NULL, real(file, size)); }
int rename(const char *from, const char *to) { REAL(rename); PLAIN(RENAME, -1, to, real(from, to)); }
int posix_fallocate(int file, off_t at, off_t size) {
    REAL(posix_fallocate);
    int argument = 0, action = happens(TRUNCATE, file, NULL, &argument);
    if (action == FAIL_BEFORE) return argument;
    int result = real(file, at, size);
    if (action && after(action, file)) return argument;
    return result;
}

/* Writing and sending: a half is what a call may do by its contract, and what a crash in the middle leaves. */
#define WRITING(call, all, half, count) \
    int argument = 0, action = happens(call, file, NULL, &argument); \
    if (action == FAIL_BEFORE) FAIL(argument); \
    ssize_t result = (action == HALF || action == KILL_HALF || action == FAIL_AFTER) && (count) > 1 ? half : all; \
    if (action && action != HALF && after(action, file)) FAIL(argument); \
    return result

ssize_t write(int file, const void *data, size_t size) { REAL(write); WRITING(WRITE | SEND, real(file, data, size), real(file, data, size / 2), size); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { REAL(pwrite); WRITING(WRITE, real(file, data, size, at), real(file, data, size / 2, at), size); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { REAL(pwrite64); WRITING(WRITE, real(file, data, size, at), real(file, data, size / 2, at), size); }
ssize_t writev(int file, const struct iovec *parts, int count) { REAL(writev); WRITING(WRITE | SEND, real(file, parts, count), real(file, parts, 1), count); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { REAL(pwritev); WRITING(WRITE, real(file, parts, count, at), real(file, parts, 1, at), count); }
ssize_t send(int file, const void *data, size_t size, int flags) { REAL(send); WRITING(SEND, real(file, data, size, flags), real(file, data, size / 2, flags), size); }
ssize_t sendto(int file, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    REAL(sendto);
    WRITING(SEND, real(file, data, size, flags, to, length), real(file, data, size / 2, flags, to, length), size);
}
ssize_t sendmsg(int file, const struct msghdr *message, int flags) { REAL(sendmsg); PLAIN(SEND, file, NULL, real(file, message, flags)); }

ssize_t recv(int file, void *data, size_t size, int flags) { REAL(recv); PLAIN(RECEIVE, file, NULL, real(file, data, size, flags)); }
ssize_t recvfrom(int file, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    REAL(recvfrom);
    PLAIN(RECEIVE, file, NULL, real(file, data, size, flags, from, length));
}
ssize_t pread(int file, void *data, size_t size, off_t at) { REAL(pread); PLAIN(READ, file, NULL, real(file, data, size, at)); }
ssize_t pread64(int file, void *data, size_t size, off64_t at) { REAL(pread64); PLAIN(READ, file, NULL, real(file, data, size, at)); }

/* The wall clock of the process under test. */
static void shift(struct timespec *time) {
    int64_t by = control ? __atomic_load_n(&control->clock, __ATOMIC_RELAXED) : 0;
    if (!by) return;
    int64_t nanoseconds = time->tv_nsec + by % 1000000000;
    time->tv_sec += by / 1000000000;
    if (nanoseconds < 0) nanoseconds += 1000000000, time->tv_sec--;
    if (nanoseconds >= 1000000000) nanoseconds -= 1000000000, time->tv_sec++;
    time->tv_nsec = nanoseconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(time);
    return result;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(time, zone);
    if (result == 0) {
        struct timespec shifted = { time->tv_sec, time->tv_usec * 1000 };
        shift(&shifted);
        time->tv_sec = shifted.tv_sec, time->tv_usec = shifted.tv_nsec / 1000;
    }
    return result;
}
time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
