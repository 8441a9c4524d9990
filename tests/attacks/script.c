/* What a hostile maintainer script does, one row after the other, and for each what an honest one does that looks most like it.
 *
 * Free of a C library, so that a compiler for the machine is enough. Prints `ROW name guard attack errno twin`; `1` says that
 * the attack worked, or that the twin did. Files of the package say where the canary of the host lies and which port it listens on.
 * Called with arguments it is the launcher on the host instead: it puts a key into a session keyring, leaves a directory open and becomes the
 * program named. */

typedef long word;
typedef unsigned long uword;

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, IOCTL = 16, GETPID = 39, SOCKET = 41, CONNECT = 42, CLONE = 56, EXECVE = 59, WAIT4 = 61, KILL = 62,
       FCNTL = 72, GETCWD = 79, PTRACE = 101, SETUID = 105, SETGID = 106, GETUID = 102, CHROOT = 161, SETXATTR = 188, PIVOT_ROOT = 155, MOUNT = 165, UMOUNT = 166, EXIT = 231, ADD_KEY = 248,
       REQUEST_KEY = 249, KEYCTL = 250, OPENAT = 257, MKDIRAT = 258, FCHOWNAT = 260, UNLINKAT = 263, SYMLINKAT = 266, READLINKAT = 267,
       UNSHARE = 272, UTIMENSAT = 280, FANOTIFY_INIT = 300, SETNS = 308, VM_READV = 310, VM_WRITEV = 311, PRLIMIT = 302, KCMP = 312, USERFAULTFD = 323,
       STATX = 332 };
static word call(word n, word a, word b, word c, word d, word e, word f) {
    register word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    word r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return r;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
#else
enum { READ = 3, WRITE = 4, CLOSE = 6, IOCTL = 54, GETPID = 20, SOCKET = 281, CONNECT = 283, CLONE = 120, EXECVE = 11, WAIT4 = 114, KILL = 37,
       FCNTL = 221, GETCWD = 183, PTRACE = 26, SETUID = 213, SETGID = 214, GETUID = 199, CHROOT = 61, SETXATTR = 226, PIVOT_ROOT = 218, MOUNT = 21, UMOUNT = 52, EXIT = 248, ADD_KEY = 309,
       REQUEST_KEY = 310, KEYCTL = 311, OPENAT = 322, MKDIRAT = 323, FCHOWNAT = 325, UNLINKAT = 328, SYMLINKAT = 331, READLINKAT = 332,
       UNSHARE = 337, UTIMENSAT = 348, FANOTIFY_INIT = 367, SETNS = 375, VM_READV = 376, VM_WRITEV = 377, PRLIMIT = 369, KCMP = 378, USERFAULTFD = 388,
       STATX = 397 };
static word call(word n, word a, word b, word c, word d, word e, word f) {
    register word r7 __asm__("r7") = n, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c, r3 __asm__("r3") = d,
                  r4 __asm__("r4") = e, r5 __asm__("r5") = f;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
    return r0;
}
__asm__(".globl _start\n_start: mov r0, sp\nbic sp, sp, #7\nbl begin\n");
#endif
enum { OPEN_TREE = 428, MOVE_MOUNT = 429, FSOPEN = 430, PIDFD_OPEN = 434, CLONE3 = 435, PIDFD_GETFD = 438 };
enum { HERE = -100, WRONLY = 1, RDWR = 2, CREAT = 0100, DIRECTORY = 0200000 };
#if !defined(__x86_64__)
#undef DIRECTORY
#define DIRECTORY 040000
#endif
#define C(n, ...) C_(n, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define C_(n, a, b, c, d, e, f, ...) call(n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

void *memset(void *to, int c, uword n) { char *p = to; while (n--) *p++ = c; return to; }
void *memcpy(void *to, const void *from, uword n) { char *p = to; const char *q = from; while (n--) *p++ = *q++; return to; }
static word len(const char *s) { word n = 0; while (s[n]) n++; return n; }
static int has(const char *in, word n, const char *what) {
    word m = len(what);
    for (word i = 0; m && i + m <= n; i++) { word j = 0; while (j < m && in[i + j] == what[j]) j++; if (j == m) return 1; }
    return 0;
}
static char line[4096];
static void add(const char *s) { memcpy(line + len(line), s, len(s) + 1); }
static void add_number(word n) {
    char text[24]; int at = 23; text[23] = 0;
    if (n < 0) { add("-"); n = -n; }
    do text[--at] = '0' + n % 10; while (n /= 10);
    add(text + at);
}
/* A path with a number in it. */
static const char *numbered(const char *before, word n, const char *after) { line[0] = 0; add(before); add_number(n); add(after); return line; }
static word open(const char *path, int flags) { return C(OPENAT, HERE, path, flags, 0600); }
static word tried(const char *path, int flags) { word fd = open(path, flags); if (fd >= 0) C(CLOSE, fd); return fd; }
static char content[65536];
static word slurp(const char *path) {
    word fd = open(path, 0), n = 0, got;
    if (fd < 0) return fd;
    while (n < (word)sizeof content - 1 && (got = C(READ, fd, content + n, sizeof content - 1 - n)) > 0) n += got;
    C(CLOSE, fd);
    content[n] = 0;
    return n;
}
static char canary[1024], port[16], row_text[512];
static void row(const char *name, const char *guard, word attack, word twin) {
    line[0] = 0; add("ROW "); add(name); add(" "); add(guard); add(attack >= 0 ? " 1 " : " 0 "); add_number(attack); add(twin >= 0 ? " 1\n" : " 0\n");
    C(WRITE, 1, line, len(line));
}
static word nothing(void) { return -1; }
/* The first of some descriptors for which a path exists. */
static word any(const char *before, const char *after, int flags) {
    for (word n = 0; n < 64; n++) { word fd = tried(numbered(before, n, after), flags); if (fd >= 0) return n; }
    return nothing();
}
static word fork_and(word (*work)(void)) {
    word pid = C(CLONE, 17), status = 0;
    if (pid == 0) { word r = work(); C(EXIT, r >= 0 ? 0 : 1); }
    C(WAIT4, pid, &status, 0, 0);
    return status == 0 ? 0 : -1;
}
static word as_other(void) { C(SETGID, 33); return C(SETUID, 33); }
/* What a recorder would make for a process that it takes for somebody else. */
static word deputy_makes(void) {
    as_other();
    for (word n = 3; n < 64; n++) {
        if (C(MKDIRAT, HERE, numbered("/tmp/self/fd/", n, "/../made"), 0755) == 0) return n;
        if (C(MKDIRAT, HERE, numbered("/proc/1/fd/", n, "/../made"), 0755) == 0) return n;
        if (C(MKDIRAT, HERE, numbered("/proc/self/../1/fd/", n, "/../made"), 0755) == 0) return n;
    }
    return nothing();
}
static word deputy_owns(const char *path) { return C(FCHOWNAT, HERE, path, 33, 33, 0); }
static word deputy_owns_any(void) {
    for (word n = 3; n < 64; n++) if (deputy_owns(numbered("/tmp/self/fd/", n, "")) == 0) return n;
    return nothing();
}
static word makes(void) { as_other(); return C(MKDIRAT, HERE, "/tmp/made", 0755); }
/* A link in a root of one's own, beside one of the same name in the real root. */
static word rerooted(void) {
    if (C(CHROOT, "/usr/row")) return nothing();
    return C(FCHOWNAT, HERE, "/etc/link", 11, 12, 0x100);
}
static word owned_in_a_root(void) {
    C(MKDIRAT, HERE, "/usr/row", 0755);
    C(MKDIRAT, HERE, "/usr/row/etc", 0755);
    C(SYMLINKAT, "nothing", HERE, "/usr/row/etc/link");
    C(SYMLINKAT, "nothing", HERE, "/etc/link");
    return fork_and(rerooted);
}
static word belongs_to(const char *path, unsigned owner) {
    unsigned words[64]; memset(words, 0, sizeof words);
    return C(STATX, HERE, path, 0x100, 0x7ff, words) ? -2 : words[5] == owner ? 0 : -1;
}
static word limited(word process, word what, unsigned long long value) {
    unsigned long long limits[2] = { value, value };
    return C(PRLIMIT, process, what, limits, 0);
}
static word shown_limit(void) { unsigned long long limits[2]; return C(PRLIMIT, 0, 7, 0, limits); }
static word root_again(void) { as_other(); limited(0, 10, ~0ULL); return C(GETUID) == 0 ? 0 : -1; }
static word other(void) { as_other(); return C(GETUID) == 33 ? 0 : -1; }
static word attribute_at(void) {
    struct { unsigned long long value; unsigned size, flags; } what = { (uword)"x", 1, 0 };
    return C(463, HERE, "/etc/canary", 0, "user.at", &what, 16);
}
static word new_user(void) { return C(UNSHARE, 0x10000000); }
static word new_mounts(void) { return C(UNSHARE, 0x00020000); }
static word new_processes(void) { return C(UNSHARE, 0x20000000); }
static word new_time(void) { return C(UNSHARE, 0x80); }
static word own_files(void) { return C(UNSHARE, 0x400); }
static word cloned(uword flags) {
    word pid = C(CLONE, flags | 17), status;
    if (pid == 0) C(EXIT, 0);
    if (pid > 0) C(WAIT4, pid, &status, 0, 0);
    return pid;
}
static word cloned3(void) {
    unsigned long long arguments[11]; memset(arguments, 0, sizeof arguments);
    arguments[0] = 0x10000000; arguments[4] = 17;
    word pid = C(CLONE3, arguments, 88), status;
    if (pid == 0) C(EXIT, 0);
    if (pid > 0) C(WAIT4, pid, &status, 0, 0);
    return pid;
}
static word traced(word pid) {
    word r = C(PTRACE, 0x4206, pid, 0, 0), status;
    if (r >= 0) C(PTRACE, 17, pid, 0, 0);
    (void)status;
    return r;
}
static word vector(word number, word pid) {
    char byte[8]; memset(byte, 0, sizeof byte);
    struct { void *at; uword size; } here = { byte, 8 }, there = { content, 8 };
    word r = C(number, pid, &here, 1, &there, 1, 0);
    /* An address that is not there says that the process may be read. */
    return r == -14 ? 1 : r;
}
static word taken(word pid) {
    word process = C(PIDFD_OPEN, pid, 0), r = -1;
    if (process < 0) return process;
    for (word n = 0; n < 64 && r < 0; n++) r = C(PIDFD_GETFD, process, n, 0);
    return r;
}
static word mounted(const char *kind, const char *place) { word r = C(MOUNT, kind, place, kind, 0, 0); if (r == 0) C(UMOUNT, place, 2); return r; }
static word uncovered(void) { C(UMOUNT, "/proc/sys", 2); return tried("/proc/sys/kernel/core_pattern", WRONLY); }
static word remounted(void) { C(MOUNT, 0, "/proc/sys", 0, 0x1020, 0); return tried("/proc/sys/kernel/core_pattern", WRONLY); }
static word moved_mount(void) {
    word tree = C(OPEN_TREE, HERE, "/dev", 1);
    return tree < 0 ? tree : C(MOVE_MOUNT, tree, "", HERE, "/tmp", 4);
}
static word own_namespace(const char *path) { word fd = open(path, 0); return fd < 0 ? fd : C(SETNS, fd, 0); }
static word leaked(void) {
    for (word n = 3; n < 256; n++) {
#if defined(__x86_64__)
        if (C(FCNTL, n, 1) >= 0) return n;
#else
        /* The emulator has the program itself open. */
        if (C(OPENAT, n, "..", DIRECTORY) >= 0) return n;
#endif
    }
    return nothing();
}
static word shown(const char *path, const char *what) { word n = slurp(path); return n < 0 ? n : has(content, n, what) ? 1 : -1; }
static word environments(void) {
    for (word n = 1; n < 64; n++) { if (shown(numbered("/proc/", n, "/environ"), "attack-secret") >= 0) return n; }
    return nothing();
}
static word key_of_host(void) {
    word key = C(KEYCTL, 10, -3, "user", "pintree-attack", 0);
    return key < 0 ? key : C(KEYCTL, 11, key, content, 64);
}
static word reached(word family) {
    unsigned char address[16]; memset(address, 0, sizeof address);
    word n = 0; for (char *p = port; *p >= '0' && *p <= '9'; p++) n = n * 10 + *p - '0';
    address[0] = family; address[2] = n >> 8; address[3] = n; address[4] = 127; address[7] = 1;
    word fd = C(SOCKET, family, 1, 0);
    return fd < 0 ? fd : C(CONNECT, fd, address, 16);
}
static word host_root(void) {
    word n = slurp("/proc/self/uid_map"); char *p = content;
    while (*p == ' ') p++;
    while (*p && *p != ' ') p++;
    while (*p == ' ') p++;
    return n > 0 && p[0] == '0' && p[1] == ' ' ? 1 : -1;
}
static word power(int bit) {
    word n = slurp("/proc/self/status");
    for (word i = 0; i + 24 < n; i++) if (has(content + i, 7, "CapEff:")) {
        char digit = content[i + 8 + 15 - bit / 4];
        int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
        return value >> bit % 4 & 1 ? 1 : -1;
    }
    return nothing();
}
/* No terminal is there, so only a filter says that this is not permitted. */
static word typed(word request) { char c = '#'; word r = C(IOCTL, 0, request, &c); return r == -1 ? -1 : 1; }
static word unmade(void) { C(UMOUNT, "/dev/null", 2); return C(UNLINKAT, HERE, "/dev/null", 0); }
static word made(void) { C(MKDIRAT, HERE, "/dev/made", 0755); return C(UNLINKAT, HERE, "/dev/made", 0x200); }
#if defined(__x86_64__)
/* keyctl by the numbers of 32-bit programs. */
static word keyctl_of_i386(void) {
    word r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(288), "b"(0), "c"(-3), "d"(0), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
    return (int)r;
}
#endif

static void rows(void) {
    slurp("/etc/canary"); memcpy(canary, content, len(content) < 1000 ? len(content) : 1000);
    slurp("/etc/port"); memcpy(port, content, 8);
    C(SYMLINKAT, "/proc/self", HERE, "/tmp/self");
    memset(row_text, 0, sizeof row_text);
    word own = C(GETPID);
    char up[1400]; up[0] = 0;
    memcpy(up, "/../../../../../../../../../../../..", 37); memcpy(up + 36, canary, len(canary) + 1);
    row("leaked", "descriptors", leaked(), C(FCNTL, 1, 1));
    row("fd-walk", "descriptors", any("/proc/1/fd/", up, 0), tried("/proc/self/fd/1", WRONLY));
    row("fd-open", "descriptors", any("/proc/1/fd/", "", 0), any("/proc/self/fd/", "", 0));
    row("task-fd", "descriptors", any("/proc/1/task/1/fd/", "", 0), tried("/proc/thread-self/status", 0));
    row("fdinfo", "descriptors", any("/proc/1/fdinfo/", "", 0), any("/proc/self/fdinfo/", "", 0));
    row("pidfd-getfd", "descriptors", taken(1), C(PIDFD_OPEN, own, 0));
    row("mem", "memory", tried("/proc/1/mem", RDWR), tried("/proc/self/mem", RDWR));
    row("maps", "memory", slurp("/proc/1/maps") > 0 ? 0 : -1, slurp("/proc/self/maps"));
    row("smaps", "memory", slurp("/proc/1/smaps") > 0 ? 0 : -1, slurp("/proc/self/smaps"));
    row("auxv", "memory", slurp("/proc/1/auxv") > 0 ? 0 : -1, slurp("/proc/self/auxv"));
    row("pagemap", "memory", tried("/proc/1/pagemap", 0), tried("/proc/self/pagemap", 0));
    row("vm-readv", "memory", vector(VM_READV, 1), tried("/proc/self/mem", 0));
    row("vm-writev", "memory", vector(VM_WRITEV, 1), tried("/proc/self/mem", RDWR));
    row("ptrace", "memory", traced(1), C(KILL, own, 0));
    row("kcmp", "memory", C(KCMP, 1, 1, 0, 0, 0), C(KILL, 1, 0));
    row("environ", "environment", shown("/proc/1/environ", "attack-secret"), shown("/proc/self/environ", "DPKG_MAINTSCRIPT_NAME"));
    row("environ-all", "environment", environments(), slurp("/proc/self/environ"));
    row("cmdline", "environment", shown("/proc/1/cmdline", "configure"), shown("/proc/self/cmdline", "probe"));
    row("exe", "process-1", tried("/proc/1/exe", 0), tried("/proc/self/exe", 0));
    row("root", "process-1", tried("/proc/1/root", DIRECTORY), tried("/proc/self/root", DIRECTORY));
    row("cwd", "process-1", tried("/proc/1/cwd", DIRECTORY), tried("/proc/self/cwd", DIRECTORY));
    row("map-files", "process-1", tried("/proc/1/map_files", DIRECTORY), tried("/proc/self/map_files", DIRECTORY));
    row("namespace", "process-1", tried("/proc/1/ns/user", 0), tried("/proc/self/ns/user", 0));
    row("oom-score", "process-1", tried("/proc/1/oom_score_adj", WRONLY), tried("/proc/self/oom_score_adj", WRONLY));
    row("deputy-makes", "recorder", fork_and(deputy_makes), fork_and(makes));
    row("deputy-owns", "recorder", deputy_owns_any(), deputy_owns("/tmp"));
    row("deputy-exe", "recorder", deputy_owns("/proc/1/exe"), deputy_owns("/tmp/self/../../tmp"));
    row("deputy-self", "recorder", deputy_owns("/proc/self/../1/exe"), deputy_owns("/proc/self/../../tmp"));
    word in_root = owned_in_a_root();
    row("link-in-a-root", "recorder", belongs_to("/etc/link", 11), in_root < 0 ? in_root : belongs_to("/usr/row/etc/link", 11));
    row("files-of-process-1", "process-1", limited(1, 7, 1024), shown_limit());
    row("identity-by-limit", "recorder", fork_and(root_again), fork_and(other));
    row("limit-of-locks", "recorder", fork_and(root_again), limited(0, 10, ~0ULL));
    row("attribute-at", "calls", attribute_at(), C(SETXATTR, "/etc/canary", "user.own", "x", 1, 0));
    row("core-pattern", "settings", tried("/proc/sys/kernel/core_pattern", WRONLY), tried("/proc/sys/kernel/core_pattern", 0));
    row("swappiness", "settings", tried("/proc/sys/vm/swappiness", WRONLY), tried("/proc/sys/vm/swappiness", 0));
    row("aslr", "settings", tried("/proc/sys/kernel/randomize_va_space", WRONLY), tried("/proc/sys/kernel/randomize_va_space", 0));
    row("host-name", "settings", tried("/proc/sys/kernel/hostname", WRONLY), tried("/proc/sys/kernel/hostname", 0));
    row("interrupts", "settings", tried("/proc/irq/default_smp_affinity", WRONLY), tried("/proc/interrupts", 0));
    row("uncover", "settings", uncovered(), tried("/proc/sys/kernel/osrelease", 0));
    row("remount", "settings", remounted(), tried("/proc/sys/kernel/ostype", 0));
    row("kallsyms", "masks", tried("/proc/kallsyms", 0), tried("/proc/cpuinfo", 0));
    row("keys", "masks", tried("/proc/keys", 0), tried("/proc/meminfo", 0));
    row("key-users", "masks", tried("/proc/key-users", 0), tried("/proc/filesystems", 0));
    row("config", "masks", tried("/proc/config.gz", 0), tried("/proc/version", 0));
    row("iomem", "masks", tried("/proc/iomem", 0), tried("/proc/stat", 0));
    row("ioports", "masks", tried("/proc/ioports", 0), tried("/proc/loadavg", 0));
    row("session-key", "keys", key_of_host(), tried("/etc/canary", 0));
    row("keyring", "keys", C(KEYCTL, 0, -3, 0), C(GETPID));
    row("add-key", "keys", C(ADD_KEY, "user", "left", "x", 1, -3), C(GETPID));
    row("user-namespace", "namespaces", fork_and(new_user), fork_and(own_files));
    row("mount-namespace", "namespaces", fork_and(new_mounts), fork_and(own_files));
    row("pid-namespace", "namespaces", fork_and(new_processes), fork_and(own_files));
    row("time-namespace", "namespaces", fork_and(new_time), fork_and(own_files));
    row("clone-user", "namespaces", cloned(0x10000000), cloned(0));
    row("clone-net", "namespaces", cloned(0x40000000), cloned(0));
    row("clone3-user", "namespaces", cloned3(), cloned(0));
    row("setns", "namespaces", own_namespace("/proc/self/ns/mnt"), tried("/proc/self/ns/mnt", 0));
    row("mount-tmpfs", "mounts", mounted("tmpfs", "/tmp"), tried("/tmp", DIRECTORY));
    row("mount-proc", "mounts", mounted("proc", "/tmp"), tried("/proc", DIRECTORY));
    row("mount-binfmt", "mounts", mounted("binfmt_misc", "/tmp"), tried("/tmp", DIRECTORY));
    row("fsopen", "mounts", C(FSOPEN, "tmpfs", 0), tried("/run", DIRECTORY));
    row("open-tree", "mounts", C(OPEN_TREE, HERE, "/dev", 1), tried("/dev", DIRECTORY));
    row("move-mount", "mounts", moved_mount(), tried("/dev/null", RDWR));
    row("userfaultfd", "calls", C(USERFAULTFD, 1), tried("/etc/canary", 0));
    row("fanotify", "calls", C(FANOTIFY_INIT, 0x200, 0), tried("/etc/canary", 0));
    row("vsock", "sockets", C(SOCKET, 40, 1, 0), C(SOCKET, 1, 1, 0));
    row("packet", "sockets", C(SOCKET, 17, 3, 0), C(SOCKET, 2, 1, 0));
    row("vsock-seqpacket", "sockets", C(SOCKET, 40, 5, 0), C(SOCKET, 16, 3, 0));
    row("typing", "terminal", typed(0x5412), tried("/dev/pts", DIRECTORY));
    row("typing-linux", "terminal", typed(0x541c), tried("/dev/zero", RDWR));
    row("trace-power", "powers", power(19), power(0));
    row("admin-power", "powers", power(21), power(7));
    row("net-power", "powers", power(12), power(10));
    row("read-power", "powers", power(2), power(1));
    row("host-root", "ids", host_root(), tried("/proc/self/uid_map", 0));
    row("loopback", "network", reached(2), C(SOCKET, 2, 1, 0));
#if defined(__x86_64__)
    row("vsock-wide", "sockets", C(SOCKET, 40 | 1L << 32, 1, 0), C(SOCKET, 2, 1, 0));
    row("typing-wide", "terminal", typed(0x5412 | 1L << 32), tried("/dev/zero", RDWR));
    row("clone-wide", "namespaces", cloned(0x10000000 | 1L << 33), cloned(0));
    row("keyctl-i386", "abi", keyctl_of_i386(), C(GETPID));
#endif
    row("times-of-a-device", "devices", C(UTIMENSAT, HERE, "/dev/zero", 0, 0), tried("/dev/zero", RDWR));
    row("null-device", "mounts", unmade(), made());
}

__attribute__((used)) void begin(word *stack) {
    word count = stack[0];
    char **arguments = (char **)(stack + 1);
    if (count > 2 && len(arguments[1]) == 4 && has(arguments[1], 4, "host")) {
        C(KEYCTL, 1, 0);
        C(ADD_KEY, "user", "pintree-attack", "payload", 7, -3);
        /* Stays open in whatever this process becomes. */
        open("/", DIRECTORY);
        C(EXECVE, arguments[2], arguments + 2, arguments + count + 1);
        C(EXIT, 127);
    }
    rows();
    C(EXIT, 0);
}
