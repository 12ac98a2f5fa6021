/* A file layer that fails on request: preloaded into a process (LD_PRELOAD), it lets calls on files under one folder
 * fail from the nth on, so many of them, with one errno.
 *
 *   FAULTY_UNDER=/path/store  FAULTY_CALLS=write,fsync,rename,open  FAULTY_NTH=7  FAULTY_COUNT=3  FAULTY_ERRNO=28
 *   FAULTY_REPORT=/path/file   (a line is appended for every call that was made to fail)
 *
 * Counted are calls of the named kinds in all processes that share FAULTY_COUNTER, a file of eight zero bytes; `open`
 * only where it may create or write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long *seen(void) {
    static atomic_long alone, *shared;
    const char *path = getenv("FAULTY_COUNTER");
    if (!path) return &alone;
    if (!shared) {
        int (*open_)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        int file = open_(path, O_RDWR | O_CLOEXEC);
        void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        shared = place == MAP_FAILED ? &alone : place;
    }
    return shared;
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int under(const char *path) {
    const char *folder = getenv("FAULTY_UNDER");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_under(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return under(path);
}

static int fails(const char *call) {
    const char *calls = getenv("FAULTY_CALLS"), *nth = getenv("FAULTY_NTH"), *count = getenv("FAULTY_COUNT");
    const char *number = getenv("FAULTY_ERRNO"), *report = getenv("FAULTY_REPORT");
    if (!calls || !nth || !strstr(calls, call)) return 0;
    long now = atomic_fetch_add(seen(), 1) + 1, first = atol(nth), many = count ? atol(count) : 1;
    if (now < first || now >= first + many) return 0;
    if (report) {
        int (*open_)(const char *, int, ...) = real("open");
        ssize_t (*write_)(int, const void *, size_t) = real("write");
        int file = open_(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file >= 0) {
            char line[64];
            int length = snprintf(line, sizeof line, "%s %ld\n", call, now);
            if (write_(file, line, (size_t)length) < 0) { /* the report is for people; the failure stands */ }
            close(file);
        }
    }
    errno = number ? atoi(number) : 5;
    return 1;
}

ssize_t write(int file, const void *bytes, size_t count) {
    ssize_t (*next)(int, const void *, size_t) = real("write");
    return is_under(file) && fails("write") ? -1 : next(file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    ssize_t (*next)(int, const void *, size_t, off64_t) = real("pwrite64");
    return is_under(file) && fails("write") ? -1 : next(file, bytes, count, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    ssize_t (*next)(int, const struct iovec *, int) = real("writev");
    return is_under(file) && fails("write") ? -1 : next(file, parts, count);
}

int fsync(int file) {
    int (*next)(int) = real("fsync");
    return is_under(file) && fails("fsync") ? -1 : next(file);
}

int fdatasync(int file) {
    int (*next)(int) = real("fdatasync");
    return is_under(file) && fails("fsync") ? -1 : next(file);
}

int rename(const char *from, const char *to) {
    int (*next)(const char *, const char *) = real("rename");
    return under(to) && fails("rename") ? -1 : next(from, to);
}

static int opening(const char *name, int folder, const char *path, int flags, mode_t mode) {
    int (*next)(int, const char *, int, ...) = real(name);
    int writes = (flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0;
    return writes && under(path) && fails("open") ? -1 : next(folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(more, int) : 0;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return opening("openat64", AT_FDCWD, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return opening("openat64", folder, path, flags, mode);
}
