/* Counts what a server does: a library that is loaded before the C library (LD_PRELOAD).
 *
 * COMPTOIR_COUNTS names a file, which is mapped: an array of native 64-bit counters in the order of the enum below, then one for each function of
 * COMPTOIR_COUNTED, a list of addresses in the executable. The first instruction of such a function is replaced by a trap, which counts and does what
 * the instruction did; only functions that begin by `push %rbp` can be counted so, which in a debug build for x86-64 are all.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { ALLOCATIONS, ALLOCATED, COPIED, STATEMENTS, ROWS, READS, WRITES, FILE_READS, FILE_WRITES, SYNCS, POLLS, WAKE_UPS, SIGNALS, JOBS, FUNCTIONS, MOST = 64 };

static uint64_t nowhere[MOST];
static uint64_t *counts = nowhere;
static void count(int what, uint64_t by) { __atomic_fetch_add(&counts[what], by, __ATOMIC_RELAXED); }

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* --- memory ---------------------------------------------------------------------------------------------------- */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
static void allocated(size_t size) { count(ALLOCATIONS, 1), count(ALLOCATED, size); }
void *malloc(size_t size) { allocated(size); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { allocated(n * size); return __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { allocated(size); return __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { allocated(size); return __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { return memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size) { return (*out = memalign(align, size)) ? 0 : ENOMEM; }

typedef void *(*copier)(void *, const void *, size_t);
static copier real_copy, real_move;
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    if (real_copy) { count(COPIED, size); return real_copy(to, from, size); }
    for (size_t n = 0; n < size; n++) ((volatile char *)to)[n] = ((const char *)from)[n];
    return to;
}
void *memmove(void *to, const void *from, size_t size) {
    if (real_move) { count(COPIED, size); return real_move(to, from, size); }
    if ((uintptr_t)to < (uintptr_t)from) for (size_t n = 0; n < size; n++) ((volatile char *)to)[n] = ((const char *)from)[n];
    else for (size_t n = size; n-- > 0;) ((volatile char *)to)[n] = ((const char *)from)[n];
    return to;
}

/* --- database -------------------------------------------------------------------------------------------------- */
int sqlite3_step(void *statement) {
    static int (*real)(void *), (*busy)(void *);
    if (!real) busy = (int (*)(void *))dlsym(RTLD_NEXT, "sqlite3_stmt_busy"), real = (int (*)(void *))dlsym(RTLD_NEXT, "sqlite3_step");
    if (!busy(statement)) count(STATEMENTS, 1);
    int status = real(statement);
    if (status == 100) count(ROWS, 1);
    return status;
}

/* --- system calls ---------------------------------------------------------------------------------------------- */
static _Atomic uint64_t wakers[64]; /* which descriptors are eventfds */
int eventfd(unsigned value, int flags) {
    REAL(eventfd);
    int file = real(value, flags);
    if (file >= 0 && file < 64 * 64) wakers[file / 64] |= UINT64_C(1) << file % 64;
    return file;
}
int close(int file) {
    REAL(close);
    if (file >= 0 && file < 64 * 64) wakers[file / 64] &= ~(UINT64_C(1) << file % 64);
    return real(file);
}
static int is_waker(int file) { return file >= 0 && file < 64 * 64 && wakers[file / 64] >> file % 64 & 1; }

ssize_t read(int f, void *to, size_t n) { REAL(read); count(READS, 1); return real(f, to, n); }
ssize_t recv(int f, void *to, size_t n, int flags) { REAL(recv); count(READS, 1); return real(f, to, n, flags); }
ssize_t recvmsg(int f, struct msghdr *m, int flags) { REAL(recvmsg); count(READS, 1); return real(f, m, flags); }
ssize_t readv(int f, const struct iovec *v, int n) { REAL(readv); count(READS, 1); return real(f, v, n); }
ssize_t write(int f, const void *from, size_t n) { REAL(write); count(is_waker(f) ? WAKE_UPS : WRITES, 1); return real(f, from, n); }
ssize_t send(int f, const void *from, size_t n, int flags) { REAL(send); count(WRITES, 1); return real(f, from, n, flags); }
ssize_t sendmsg(int f, const struct msghdr *m, int flags) { REAL(sendmsg); count(WRITES, 1); return real(f, m, flags); }
ssize_t writev(int f, const struct iovec *v, int n) { REAL(writev); count(WRITES, 1); return real(f, v, n); }
ssize_t pread(int f, void *to, size_t n, off_t at) { REAL(pread); count(FILE_READS, 1); return real(f, to, n, at); }
ssize_t pread64(int f, void *to, size_t n, off64_t at) { REAL(pread64); count(FILE_READS, 1); return real(f, to, n, at); }
ssize_t pwrite(int f, const void *from, size_t n, off_t at) { REAL(pwrite); count(FILE_WRITES, 1); return real(f, from, n, at); }
ssize_t pwrite64(int f, const void *from, size_t n, off64_t at) { REAL(pwrite64); count(FILE_WRITES, 1); return real(f, from, n, at); }
int fsync(int f) { REAL(fsync); count(SYNCS, 1); return real(f); }
int fdatasync(int f) { REAL(fdatasync); count(SYNCS, 1); return real(f); }
int eventfd_write(int f, eventfd_t value) { REAL(eventfd_write); count(WAKE_UPS, 1); return real(f, value); }
int epoll_wait(int f, struct epoll_event *e, int n, int timeout) { REAL(epoll_wait); count(POLLS, 1); return real(f, e, n, timeout); }
int pthread_cond_signal(pthread_cond_t *c) { REAL(pthread_cond_signal); count(SIGNALS, 1); return real(c); }
int pthread_cond_broadcast(pthread_cond_t *c) { REAL(pthread_cond_broadcast); count(SIGNALS, 1); return real(c); }

/* --- tasks and functions --------------------------------------------------------------------------------------- */
extern void (*swift_task_enqueueGlobal_hook)(void *job, void (*original)(void *)) __attribute__((weak));
static void enqueue(void *job, void (*original)(void *)) { count(JOBS, 1); original(job); }

static uintptr_t functions[MOST - FUNCTIONS];
static int n_functions;

#ifdef __x86_64__
static void trapped(int number, siginfo_t *info, void *raw) {
    (void)number, (void)info;
    greg_t *registers = ((ucontext_t *)raw)->uc_mcontext.gregs;
    for (int n = 0; n < n_functions; n++) {
        if ((uintptr_t)registers[REG_RIP] != functions[n] + 1) continue;
        count(FUNCTIONS + n, 1);
        registers[REG_RSP] -= 8;
        *(greg_t *)registers[REG_RSP] = registers[REG_RBP];
        return;
    }
    abort();
}
static int executable(struct dl_phdr_info *info, size_t size, void *base) { (void)size; *(uintptr_t *)base = info->dlpi_addr; return 1; }
static void trap(const char *list) {
    uintptr_t base = 0;
    dl_iterate_phdr(executable, &base);   /* the first one is the executable */
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
    sigaction(SIGTRAP, &action, NULL);
    for (char *end; n_functions < MOST - FUNCTIONS; list = end + 1) {
        uintptr_t address = strtoull(list, &end, 16);
        if (end == list) break;
        uint8_t *code = (uint8_t *)(base + address);
        if (address && *code == 0x55) {
            functions[n_functions] = (uintptr_t)code;
            mprotect((void *)((uintptr_t)code & ~4095ul), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
            *code = 0xCC;
            mprotect((void *)((uintptr_t)code & ~4095ul), 4096, PROT_READ | PROT_EXEC);
        } else counts[FUNCTIONS + n_functions] = UINT64_MAX;   /* cannot be counted */
        n_functions++;
        if (*end != ',') break;
    }
}
#endif

__attribute__((constructor)) static void begin(void) {
    real_copy = (copier)dlsym(RTLD_NEXT, "memcpy"), real_move = (copier)dlsym(RTLD_NEXT, "memmove");
    const char *path = getenv("COMPTOIR_COUNTS"), *list = getenv("COMPTOIR_COUNTED");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return;
    counts = mapped;
    if (&swift_task_enqueueGlobal_hook) swift_task_enqueueGlobal_hook = enqueue;
#ifdef __x86_64__
    if (list) trap(list);
#else
    (void)list;
#endif
}
