/* Takes memory or disk space where a look at processes does not see it, a megabyte at a time.
 *
 * `taker KIND MEGABYTES [keep]`. What was taken is held for some seconds. With `keep` little is taken, and much only reserved. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEGABYTE ((size_t)1 << 20)
static size_t count;
static int reserve;

static void hold(void) { usleep(reserve ? 600000 : 4000000); _exit(0); }
static void fail(const char *what) { perror(what); _exit(3); }

static int unnamed(const char *path) {
    int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : memfd_create("x", 0);
    if (fd < 0) fail("open");
    if (path && unlink(path)) fail("unlink");
    return fd;
}

static void filled(int fd) {
    char *bytes = malloc(MEGABYTE);
    memset(bytes, 1, MEGABYTE);
    for (size_t i = 0; i < count; i++) { if (write(fd, bytes, MEGABYTE) < 0) fail("write"); usleep(2000); }
    hold();
}

/* Maps a file, or memory without one, keeps the mapping only and forgets each page once it was written. */
static void mapped(int fd) {
    size_t size = (reserve ? 4096 : count) * MEGABYTE;
    if (fd >= 0 && ftruncate(fd, size)) fail("ftruncate");
    char *bytes = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (bytes == MAP_FAILED) fail("mmap");
    if (fd >= 0) close(fd);
    for (size_t i = 0; i < count; i++) {
        memset(bytes + i * MEGABYTE, 1, MEGABYTE);
        madvise(bytes + i * MEGABYTE, MEGABYTE, MADV_DONTNEED);
        usleep(2000);
    }
    hold();
}

static void *after_its_leader(void *none) {
    usleep(300000);
    for (size_t i = 0; i < count; i++) {
        char *bytes = malloc(MEGABYTE);
        memset(bytes, 1, MEGABYTE);
        usleep(2000);
    }
    hold();
    return none;
}

static void *table(void *path) {
    if (unshare(CLONE_FILES)) fail("unshare");
    filled(unnamed(path));
    return path;
}

/* Lists of groups, each of which a recorder must keep: a quarter of a megabyte. */
static void groups(void) {
    static gid_t list[65536];
    for (size_t i = 0; i < count * 4; i++) {
        for (size_t j = 0; j < 65536; j++) list[j] = j;
        list[0] = i % 60000; list[1] = i / 7 % 60000; list[2] = i % 7;
        if (syscall(SYS_setgroups, 65536, list)) fail("setgroups");
    }
    hold();
}

/* One link that changes hands: a line of a recorder's list each time. */
static void owners(void) {
    if (symlink("x", "/var/lib/taken")) fail("symlink");
    for (size_t i = 0; i < count * MEGABYTE / 36; i++)
        if (lchown("/var/lib/taken", 1 + i % 2, 0)) fail("lchown");
    if (unlink("/var/lib/taken")) fail("unlink");
    hold();
}

int main(int words, char **word) {
    pthread_t thread;
    if (words < 3) return 2;
    count = atoi(word[2]);
    reserve = words > 3;
    const char *kind = word[1];
    if (!strcmp(kind, "leader")) { pthread_create(&thread, 0, after_its_leader, 0); syscall(SYS_exit, 0); }
    if (!strcmp(kind, "table")) pthread_create(&thread, 0, table, 0);
    if (!strcmp(kind, "disk-table")) pthread_create(&thread, 0, table, "/var/lib/taken");
    if (!strcmp(kind, "shared")) mapped(-1);
    if (!strcmp(kind, "nameless")) mapped(unnamed(0));
    if (!strcmp(kind, "disk")) mapped(unnamed("/var/lib/taken"));
    if (!strcmp(kind, "groups")) groups();
    if (!strcmp(kind, "owners")) owners();
    pthread_join(thread, 0);
    return 1;
}
