/* lab.h: where the servers of a torture run live. Each place has a network namespace with a TUN
 * device and a small ext4 on a loop device; the clients have a namespace too, in which the program
 * itself is from lab_create() on.
 *
 * Nothing of it outlives the program, however that ends: the namespaces have no names, mounts are
 * made in a private mount namespace, a loop device is cleared with its last mount, and what it is
 * made of is memory without a name. What a killed run leaves is a directory of logs, removed by the
 * next lab_create() that finds that nobody holds it.
 *
 * Ownership: lab_create() to lab_destroy(). Places are counted from 0. Whatever fails here is the
 * harness's failure and ends the program, but what says so. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/torture/common.h"

enum { LAB_HOSTS_MAX = TORTURE_NODES_MAX + 1 };

struct place {
    int namespace;    /* of the network */
    int device;       /* TUN */
    uint32_t address; /* IPv4, in the machine's byte order */
    char host[16];    /* the same as text */
    int image;        /* a file in memory: the disk */
    char mount[TORTURE_PATH_MAX];
    char data[TORTURE_PATH_MAX]; /* the server's directory, on the mount */
    bool mounted;
};

struct lab {
    int count;
    struct place places[TORTURE_NODES_MAX];
    struct place clients; /* the network alone */
    char root[TORTURE_PATH_MAX];
    int owner; /* the locked file that says that the root is in use */
    bool keep; /* leave the directory for whoever wants to look, with what the nodes' disks hold */
};

/* NULL: the machine lacks something; *lacks says what. */
struct lab *lab_create(int count, const char **lacks);
void lab_destroy(struct lab *lab);

/* A new, empty file system in the place, mounted. */
void place_format(struct place *place, uint32_t mebibytes);
void place_mount(struct place *place);
void place_unmount(struct place *place);
/* From now on nothing reaches the disk, not even what the file system had in memory. */
void place_lose_power(struct place *place);
/* A file takes all the room there is; and gives it back. */
void place_fill(struct place *place);
void place_free(struct place *place);

/* A TCP socket, not connected, within that place's network. */
int place_socket(const struct lab *lab, const struct place *place);
/* For a forked child: becomes an inhabitant. */
bool place_enter(const struct place *place);
