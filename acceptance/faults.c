/* Makes the disk fail: a library that is loaded before the C library (LD_PRELOAD) and refuses to write or to sync files of one directory.
 *
 * COMPTOIR_FAULTS names a control file, which is mapped: bytes 0..3 say how often, in 1/255, fsync fails (EIO), write fails (ENOSPC), write
 * fails (EIO), write writes only a part. Bytes 8..15 count what was done, as a native 64-bit number. COMPTOIR_FAULTS_UNDER is the directory.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile uint8_t *control;
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

static __thread uint64_t chance;

static int happens(int kind, int file) {
    if (!control || !control[kind]) return 0;
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)under_length || strncmp(path, under, under_length) != 0) return 0;
    if (!chance) chance = (uint64_t)(uintptr_t)&chance | 1;
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    if (chance % 255 >= control[kind]) return 0;
    __atomic_add_fetch((uint64_t *)(control + 8), 1, __ATOMIC_RELAXED);
    return 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(code) do { errno = code; return -1; } while (0)

int fsync(int file) { REAL(fsync); if (happens(0, file)) FAIL(EIO); return real(file); }
int fdatasync(int file) { REAL(fdatasync); if (happens(0, file)) FAIL(EIO); return real(file); }
int ftruncate(int file, off_t size) { REAL(ftruncate); if (happens(1, file)) FAIL(ENOSPC); return real(file, size); }
int ftruncate64(int file, off64_t size) { REAL(ftruncate64); if (happens(1, file)) FAIL(ENOSPC); return real(file, size); }
int posix_fallocate(int file, off_t at, off_t size) { REAL(posix_fallocate); if (happens(1, file)) return ENOSPC; return real(file, at, size); }

#define WRITE(call_all, call_part, count) \
    if (happens(1, file)) FAIL(ENOSPC); \
    if (happens(2, file)) FAIL(EIO); \
    if (count > 1 && happens(3, file)) return call_part; \
    return call_all

ssize_t write(int file, const void *data, size_t size) { REAL(write); WRITE(real(file, data, size), real(file, data, size / 2), size); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { REAL(pwrite); WRITE(real(file, data, size, at), real(file, data, size / 2, at), size); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { REAL(pwrite64); WRITE(real(file, data, size, at), real(file, data, size / 2, at), size); }
ssize_t writev(int file, const struct iovec *parts, int count) { REAL(writev); WRITE(real(file, parts, count), real(file, parts, 1), count); }
