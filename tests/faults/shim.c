/* A fault at the N-th call that changes something below some folders: die before it, die in the middle of it, or fail.
 *
 * Preloaded, it stands before the C library. Settings come from the environment (FAULT_*) or from fault_arm(), which
 * a forked child calls. The counter lies in shared memory, so that threads and children of one process count together
 * and a parent reads it after the child has died.
 *
 * FAULT_DIRS   folders, separated by ':'; real paths without links
 * FAULT_AT     number of the call, from 1
 * FAULT_MODE   clean | torn | once | always | short | slow    (once, always: errno; short: every call does half of its
 *              work; slow: every call takes time)
 * FAULT_ERRNO  number for once and always, microseconds for slow
 * FAULT_LOG    file that gets a line for each call that was hit, or for every call with FAULT_TRACE=1
 * FAULT_READ   a folder or file below which reading counts too, and fails or is short likewise; nothing else counts
 *              then
 * FAULT_FLOCK  1: flock succeeds for everybody, as on some cluster file systems
 *
 * Not seen: calls through syscall(), io_uring, and writes to mapped memory.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, CLEAN, TORN, ONCE, ALWAYS, SHORT, SLOW };

static struct { char dirs[2048], read[1024]; long at; int mode, number, log, trace, flock; } now = {.log = -1};
static atomic_long *count;

static int mode_of(const char *word) {
    static const char *words[] = {"off", "clean", "torn", "once", "always", "short", "slow"};
    for (int mode = OFF; mode <= SLOW; mode++)
        if (word && !strcmp(word, words[mode])) return mode;
    return OFF;
}

void fault_arm(const char *dirs, const char *read, long at, const char *mode, int number, const char *log, int trace,
               int flock) {
    now.mode = OFF;
    snprintf(now.dirs, sizeof now.dirs, "%s", dirs ? dirs : "");
    snprintf(now.read, sizeof now.read, "%s", read ? read : "");
    now.at = at;
    now.number = number;
    now.trace = trace;
    now.flock = flock;
    now.log = log && *log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    atomic_store(count, 0);
    now.mode = mode_of(mode);
}

long fault_count(void) { return atomic_load(count); }

__attribute__((constructor)) static void begin(void) {
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *at = getenv("FAULT_AT"), *number = getenv("FAULT_ERRNO");
    fault_arm(getenv("FAULT_DIRS"), getenv("FAULT_READ"), at ? atol(at) : 0, getenv("FAULT_MODE"),
              number ? atoi(number) : 0, getenv("FAULT_LOG"), getenv("FAULT_TRACE") != NULL,
              getenv("FAULT_FLOCK") != NULL);
}

static int below(const char *path, const char *list) {
    for (const char *dir = list; *dir;) {
        size_t length = strcspn(dir, ":");
        if (length && !strncmp(path, dir, length) && (path[length] == '/' || !path[length] || path[length] == ' ')) return 1;
        dir += length + (dir[length] == ':');
    }
    return 0;
}

static int name_of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    out[length < 0 ? 0 : length] = 0;
    return length > 0;
}

/* Give the absolute form of a path that a call names; "." and ".." are left in it. */
static void absolute(int dirfd, const char *path, char *out) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        if (dirfd == AT_FDCWD) { if (!getcwd(base, sizeof base)) base[0] = 0; }
        else name_of(dirfd, base);
    }
    snprintf(out, PATH_MAX, "%s%s%s", base, path[0] == '/' ? "" : "/", path);
}

static void note(long number, const char *call, const char *path) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    if (now.log >= 0) syscall(SYS_write, now.log, line, (size_t)length);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Count a call. Give PASS to carry it out, HALF to carry out half of it (and die then, if torn), FAIL for an errno. */
enum { PASS, HALF, FAIL };
static int strike(const char *call, const char *path) {
    long number = atomic_fetch_add(count, 1) + 1;
    if (now.mode == SLOW) usleep((useconds_t)now.number);
    int hit = number == now.at || (now.mode == ALWAYS && number >= now.at) || now.mode == SHORT;
    if (now.trace || (hit && now.mode != SHORT)) note(number, call, path);
    if (!hit) return PASS;
    if (now.mode == CLEAN) die();
    if (now.mode == TORN || now.mode == SHORT) return HALF;
    errno = now.number;
    return FAIL;
}

static int writes_fd(const char *call, int fd) {
    char path[PATH_MAX];
    int saved = errno, verdict = PASS;
    if (now.mode != OFF && !now.read[0] && name_of(fd, path) && below(path, now.dirs)) verdict = strike(call, path);
    if (verdict != FAIL) errno = saved;
    return verdict;
}

static int writes_at(const char *call, int dirfd, const char *path) {
    char full[PATH_MAX];
    int saved = errno, verdict = PASS;
    if (now.mode != OFF && !now.read[0]) {
        absolute(dirfd, path, full);
        if (below(full, now.dirs)) verdict = strike(call, full);
    }
    if (verdict != FAIL) errno = saved;
    return verdict;
}

static int reads_fd(const char *call, int fd) {
    char path[PATH_MAX];
    int saved = errno, verdict = PASS;
    if (now.mode != OFF && now.read[0] && name_of(fd, path) && below(path, now.read)) verdict = strike(call, path);
    if (verdict != FAIL) errno = saved;
    return verdict;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, #name)

/* What cannot be halved is torn by being done whole, with death before anyone learns of it. */
#define WHOLE(verdict, call) \
    do { \
        int v = (verdict); \
        if (v == FAIL) return -1; \
        if (v == HALF && now.mode == TORN) { (void)!(call); die(); } \
        return call; \
    } while (0)

#define PARTLY(verdict, half, call) \
    do { \
        int v = (verdict); \
        if (v == FAIL) return -1; \
        if (v == HALF) { \
            ssize_t done = half; \
            if (now.mode == TORN) die(); \
            return done; \
        } \
        return call; \
    } while (0)

static size_t some(size_t whole) { return now.mode == TORN ? whole / 2 : (whole + 1) / 2; }

static struct iovec first_half(const struct iovec *list, int length) {
    for (int i = 0; i < length; i++)
        if (list[i].iov_len) return (struct iovec){list[i].iov_base, some(list[i].iov_len)};
    return (struct iovec){NULL, 0};
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    PARTLY(fd > 2 ? writes_fd("write", fd) : PASS, real(fd, data, some(size)), real(fd, data, size));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    PARTLY(writes_fd("pwrite", fd), real(fd, data, some(size), at), real(fd, data, size, at));
}
ssize_t writev(int fd, const struct iovec *list, int length) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    struct iovec half = first_half(list, length);
    PARTLY(writes_fd("writev", fd), real(fd, &half, 1), real(fd, list, length));
}
ssize_t pwritev64(int fd, const struct iovec *list, int length, off64_t at) {
    REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t);
    struct iovec half = first_half(list, length);
    PARTLY(writes_fd("pwritev", fd), real(fd, &half, 1, at), real(fd, list, length, at));
}
ssize_t pwritev64v2(int fd, const struct iovec *list, int length, off64_t at, int flags) {
    REAL(ssize_t, pwritev64v2, int, const struct iovec *, int, off64_t, int);
    struct iovec half = first_half(list, length);
    PARTLY(writes_fd("pwritev", fd), real(fd, &half, 1, at, flags), real(fd, list, length, at, flags));
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    PARTLY(writes_fd("copy_file_range", to), real(from, from_at, to, to_at, some(size), flags),
           real(from, from_at, to, to_at, size, flags));
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    REAL(ssize_t, sendfile64, int, int, off64_t *, size_t);
    PARTLY(writes_fd("sendfile", to), real(to, from, at, some(size)), real(to, from, at, size));
}

#define ON_FD(name) \
    int name(int fd) { REAL(int, name, int); WHOLE(writes_fd(#name, fd), real(fd)); }
ON_FD(fsync)
ON_FD(fdatasync)
ON_FD(syncfs)

#define TRUNCATE(name) \
    int name(int fd, off64_t size) { REAL(int, name, int, off64_t); WHOLE(writes_fd("ftruncate", fd), real(fd, size)); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define ALLOCATE(name) \
    int name(int fd, int how, off64_t at, off64_t size) { \
        REAL(int, name, int, int, off64_t, off64_t); \
        WHOLE(writes_fd("fallocate", fd), real(fd, how, at, size)); \
    }
ALLOCATE(fallocate)
ALLOCATE(fallocate64)

static int makes(const char *call, int dirfd, const char *path, int flags) {
    return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE ? writes_at(call, dirfd, path) : PASS;
}
static mode_t mode_in(int flags, va_list rest) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = mode_in(flags, rest); va_end(rest); \
        WHOLE(makes("open", AT_FDCWD, path, flags), real(path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
    int name(int dirfd, const char *path, int flags, ...) { \
        REAL(int, name, int, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = mode_in(flags, rest); va_end(rest); \
        WHOLE(makes("open", dirfd, path, flags), real(dirfd, path, flags, mode)); \
    }
OPENAT(openat)
OPENAT(openat64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    WHOLE(writes_at("rename", AT_FDCWD, to), real(from, to));
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    WHOLE(writes_at("rename", to_dir, to), real(from_dir, from, to_dir, to));
}
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    WHOLE(writes_at("rename", to_dir, to), real(from_dir, from, to_dir, to, flags));
}
int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *);
    WHOLE(writes_at("link", AT_FDCWD, to), real(from, to));
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    WHOLE(writes_at("link", to_dir, to), real(from_dir, from, to_dir, to, flags));
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    WHOLE(writes_at("unlink", AT_FDCWD, path), real(path));
}
int unlinkat(int dirfd, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    WHOLE(writes_at("unlink", dirfd, path), real(dirfd, path, flags));
}
int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    WHOLE(writes_at("rmdir", AT_FDCWD, path), real(path));
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    WHOLE(writes_at("mkdir", AT_FDCWD, path), real(path, mode));
}
int mkdirat(int dirfd, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    WHOLE(writes_at("mkdir", dirfd, path), real(dirfd, path, mode));
}

ssize_t read(int fd, void *data, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    PARTLY(reads_fd("read", fd), real(fd, data, some(size)), real(fd, data, size));
}
ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    PARTLY(reads_fd("pread", fd), real(fd, data, some(size), at), real(fd, data, size, at));
}
ssize_t preadv64(int fd, const struct iovec *list, int length, off64_t at) {
    REAL(ssize_t, preadv64, int, const struct iovec *, int, off64_t);
    struct iovec half = first_half(list, length);
    PARTLY(reads_fd("preadv", fd), real(fd, &half, 1, at), real(fd, list, length, at));
}
ssize_t preadv64v2(int fd, const struct iovec *list, int length, off64_t at, int flags) {
    REAL(ssize_t, preadv64v2, int, const struct iovec *, int, off64_t, int);
    struct iovec half = first_half(list, length);
    PARTLY(reads_fd("preadv", fd), real(fd, &half, 1, at, flags), real(fd, list, length, at, flags));
}

int flock(int fd, int how) {
    REAL(int, flock, int, int);
    return now.flock ? 0 : real(fd, how);
}
