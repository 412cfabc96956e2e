/* lab.c: see lab.h. Addresses are from 198.18.0.0/15, which is reserved for tests of networks. */
#include "tests/torture/lab.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    FIRST_ADDRESS = 198 << 24 | 18 << 16 | 1,
    CLIENTS_ADDRESS = 198 << 24 | 18 << 16 | 100,
    NETMASK = (int)0xffffff00,
    LOOP_MAJOR = 7,
    LOOP_TRIES = 50,
};

static const char root_prefix[] = "hamok-torture-";
static const char owner_name[] = "owner";

/* ext4's: shut down without flushing the journal. */
#define SHUTDOWN_CALL _IOR('X', 125, uint32_t)
enum { SHUTDOWN_WITHOUT_FLUSHING = 2 };

/* --- directories ----------------------------------------------------------------------------- */

static void remove_tree(const char *path) {
    DIR *directory = opendir(path);
    if (directory != NULL) {
        const struct dirent *entry;
        while ((entry = readdir(directory)) != NULL) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            char inner[2 * TORTURE_PATH_MAX];
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
            if (unlink(inner) != 0) remove_tree(inner);
        }
        closedir(directory);
    }
    (void)rmdir(path);
}

static const char *base_directory(void) {
    const char *chosen = getenv("TMPDIR");
    return chosen != NULL && chosen[0] != '\0' ? chosen : "/tmp";
}

/* Of an earlier run that was killed: nobody holds its lock. A directory without one may be about
 * to get it. */
static void remove_leftover(const char *path) {
    char owner[2 * TORTURE_PATH_MAX];
    snprintf(owner, sizeof(owner), "%s/%s", path, owner_name);
    int fd = open(owner, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    struct stat status;
    bool was_kept = fstat(fd, &status) == 0 && status.st_size > 0;
    if (!was_kept && flock(fd, LOCK_EX | LOCK_NB) == 0) remove_tree(path);
    close(fd);
}

static void remove_leftovers(const char *base) {
    DIR *directory = opendir(base);
    if (directory == NULL) return;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char path[2 * TORTURE_PATH_MAX];
        if (strncmp(entry->d_name, root_prefix, strlen(root_prefix)) != 0) continue;
        snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
        remove_leftover(path);
    }
    closedir(directory);
}

static void make_root(struct lab *lab) {
    const char *base = base_directory();
    remove_leftovers(base);
    snprintf(lab->root, sizeof(lab->root), "%.200s/%sXXXXXX", base, root_prefix);
    if (mkdtemp(lab->root) == NULL) give_up("%s: %s", lab->root, strerror(errno));
    char owner[2 * TORTURE_PATH_MAX];
    snprintf(owner, sizeof(owner), "%s/%s", lab->root, owner_name);
    lab->owner = open(owner, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lab->owner < 0 || flock(lab->owner, LOCK_EX) != 0)
        give_up("%s: %s", owner, strerror(errno));
}

/* --- networks -------------------------------------------------------------------------------- */

static int own_namespace(void) {
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static bool raise_interface(int asker, const char *name) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(asker, SIOCGIFFLAGS, &request) != 0) return false;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(asker, SIOCSIFFLAGS, &request) == 0;
}

static bool give_address(int asker, const char *name, uint32_t address) {
    struct ifreq request = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&request.ifr_addr;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(address);
    if (ioctl(asker, SIOCSIFADDR, &request) != 0) return false;
    in->sin_addr.s_addr = htonl((uint32_t)NETMASK);
    return ioctl(asker, SIOCSIFNETMASK, &request) == 0;
}

static int open_device(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* The calling thread is in the new namespace afterwards. NULL, or what is lacking. */
static const char *make_network(struct place *place, uint32_t address) {
    static const char name[] = "tun0";
    place->address = address;
    struct in_addr in = {.s_addr = htonl(address)};
    snprintf(place->host, sizeof(place->host), "%s", inet_ntoa(in));
    if (unshare(CLONE_NEWNET) != 0) return "network namespaces (unshare)";
    place->namespace = own_namespace();
    place->device = open_device(name);
    if (place->device < 0) return "TUN devices (/dev/net/tun)";
    int asker = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool made = asker >= 0 && place->namespace >= 0 && give_address(asker, name, address) &&
                raise_interface(asker, name) && raise_interface(asker, "lo");
    if (asker >= 0) close(asker);
    return made ? NULL : "addresses for TUN devices (SIOCSIFADDR)";
}

int place_socket(const struct lab *lab, const struct place *place) {
    if (setns(place->namespace, CLONE_NEWNET) != 0) give_up("setns: %s", strerror(errno));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setns(lab->clients.namespace, CLONE_NEWNET) != 0) give_up("setns: %s", strerror(errno));
    if (fd < 0) give_up("socket: %s", strerror(errno));
    return fd;
}

bool place_enter(const struct place *place) {
    return setns(place->namespace, CLONE_NEWNET) == 0;
}

/* --- disks ----------------------------------------------------------------------------------- */

static bool run_quietly(const char *const *arguments) {
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(126);
        int nothing = open("/dev/null", O_RDWR);
        (void)dup2(nothing, STDOUT_FILENO);
        execvp(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int open_loop(char *path, size_t size) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    if (control >= 0) close(control);
    if (number < 0) return -1;
    snprintf(path, size, "/dev/loop%d", number);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) return fd;
    (void)mknod(path, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number));
    return open(path, O_RDWR | O_CLOEXEC);
}

/* A descriptor of a loop device over the image, which goes with the last of its users. Others look
 * for a free one at the same time. */
static int attach(const struct place *place, char *path, size_t size) {
    for (int tries = 0; tries < LOOP_TRIES; tries++) {
        int loop = open_loop(path, size);
        struct loop_config config = {.fd = (uint32_t)place->image,
                                     .info.lo_flags = LO_FLAGS_AUTOCLEAR};
        if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config) == 0) return loop;
        int reason = errno;
        close(loop);
        if (reason != EBUSY) return -1;
        sleep_ms(5);
    }
    return -1;
}

static bool try_mount(struct place *place) {
    char path[64];
    int loop = attach(place, path, sizeof(path));
    if (loop < 0) return false;
    place->mounted = mount(path, place->mount, "ext4", MS_NOATIME | MS_NOSUID, "") == 0;
    close(loop);
    return place->mounted;
}

static bool try_format(struct place *place, uint32_t mebibytes) {
    if (place->image >= 0) close(place->image);
    place->image = memfd_create("hamok-torture", MFD_CLOEXEC);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), place->image);
    bool sized = place->image >= 0 && ftruncate(place->image, (off_t)mebibytes << 20) == 0;
    const char *const arguments[] = {"mkfs.ext4", "-q", "-F", "-m", "0", path, NULL};
    return sized && run_quietly(arguments);
}

void place_mount(struct place *place) {
    if (!try_mount(place)) give_up("%s can't be mounted: %s", place->mount, strerror(errno));
    if (mkdir(place->data, 0755) != 0 && errno != EEXIST)
        give_up("%s: %s", place->data, strerror(errno));
}

void place_format(struct place *place, uint32_t mebibytes) {
    if (place->mounted) place_unmount(place);
    if (!try_format(place, mebibytes)) give_up("mkfs.ext4 for %s failed", place->mount);
    place_mount(place);
}

void place_unmount(struct place *place) {
    /* A process that was just reaped may have files open for another moment. */
    bool gone = AWAIT_WITHIN(10000, umount2(place->mount, 0) == 0);
    if (!gone) give_up("%s can't be unmounted: %s", place->mount, strerror(errno));
    place->mounted = false;
}

void place_lose_power(struct place *place) {
    int fd = open(place->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint32_t how = SHUTDOWN_WITHOUT_FLUSHING;
    if (fd < 0 || ioctl(fd, SHUTDOWN_CALL, &how) != 0)
        give_up("%s can't be shut down: %s", place->mount, strerror(errno));
    close(fd);
}

static void filler_path(const struct place *place, char *path, size_t size) {
    snprintf(path, size, "%s/filler", place->mount);
}

void place_fill(struct place *place) {
    char path[2 * TORTURE_PATH_MAX];
    filler_path(place, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) give_up("%s: %s", path, strerror(errno));
    off_t end = 0;
    for (off_t step = 64 << 20; step >= 4096;) {
        if (fallocate(fd, 0, end, step) == 0) {
            end += step;
        } else if (errno == ENOSPC) {
            step /= 2;
        } else {
            give_up("%s can't be filled: %s", path, strerror(errno));
        }
    }
    close(fd);
}

/* For good: an unlink that is not synced would be taken back by a loss of power. */
void place_free(struct place *place) {
    char path[2 * TORTURE_PATH_MAX];
    filler_path(place, path, sizeof(path));
    int fd = open(place->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0 || fsync(fd) != 0) give_up("%s: %s", path, strerror(errno));
    close(fd);
}

/* --- life ------------------------------------------------------------------------------------ */

static void name_files(const struct lab *lab, struct place *place, int number) {
    snprintf(place->mount, sizeof(place->mount), "%.200s/node%d", lab->root, number + 1);
    snprintf(place->data, sizeof(place->data), "%.200s/data", place->mount);
    if (mkdir(place->mount, 0755) != 0) give_up("%s: %s", place->mount, strerror(errno));
}

/* One small file system, made and mounted and shut down: then all others will do too. */
static const char *try_disk(struct place *place) {
    enum { TRIAL_MEBIBYTES = 16 };
    if (!try_format(place, TRIAL_MEBIBYTES)) return "mkfs.ext4 (package e2fsprogs)";
    if (!try_mount(place)) return "ext4 on loop devices (/dev/loop-control, mount)";
    place_unmount(place);
    return NULL;
}

struct lab *lab_create(int count, const char **lacks) {
    CHECK(count <= TORTURE_NODES_MAX);
    *lacks = geteuid() == 0 ? NULL : "root's rights";
    if (*lacks == NULL && unshare(CLONE_NEWNS) != 0) *lacks = "mount namespaces (unshare)";
    if (*lacks == NULL && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        *lacks = "private mounts";
    if (*lacks != NULL) return NULL;
    struct lab *lab = memory_allocate_zeroed(sizeof(*lab));
    lab->count = count;
    make_root(lab);
    for (int i = 0; i < count; i++) {
        lab->places[i].namespace = lab->places[i].device = lab->places[i].image = -1;
        name_files(lab, &lab->places[i], i);
    }
    lab->clients.namespace = lab->clients.device = lab->clients.image = -1;
    for (int i = 0; i < count && *lacks == NULL; i++)
        *lacks = make_network(&lab->places[i], FIRST_ADDRESS + (uint32_t)i);
    if (*lacks == NULL) *lacks = make_network(&lab->clients, CLIENTS_ADDRESS);
    if (*lacks == NULL) *lacks = try_disk(&lab->places[0]);
    if (*lacks == NULL) return lab;
    lab_destroy(lab);
    return NULL;
}

static void close_place(struct place *place) {
    if (place->mounted) place_unmount(place);
    int descriptors[] = {place->namespace, place->device, place->image};
    for (size_t i = 0; i < COUNT_OF(descriptors); i++)
        if (descriptors[i] >= 0) close(descriptors[i]);
}

static void keep_data(const struct lab *lab, int number) {
    char kept[2 * TORTURE_PATH_MAX];
    snprintf(kept, sizeof(kept), "%s/node%d-data", lab->root, number + 1);
    const char *const arguments[] = {"cp", "-a", "--sparse=always", lab->places[number].data,
                                     kept, NULL};
    (void)run_quietly(arguments);
}

void lab_destroy(struct lab *lab) {
    if (lab == NULL) return;
    for (int i = 0; i < lab->count; i++) {
        if (lab->keep && lab->places[i].mounted) keep_data(lab, i);
        close_place(&lab->places[i]);
    }
    close_place(&lab->clients);
    if (lab->keep) {
        ssize_t written = write(lab->owner, "kept\n", 5);
        (void)written;
    } else {
        remove_tree(lab->root);
    }
    close(lab->owner);
    memory_release(lab);
}
