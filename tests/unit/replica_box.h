/* replica_box.h: a few whole replicas in one process, in virtual time, for unit tests: simulated
 * disks, a network without faults, clients that speak inline commands. The simulator proper, with
 * faults and checkers, is tests/simulator/. */
#pragma once

#include "src/replica/replica.h"
#include "tests/simulator/disk.h"

enum { BOX_NODES_MAX = RAFT_NODES_MAX, BOX_PROTOCOL = 3 /* that its nodes speak */ };

struct box_client {
    uint32_t node;
    struct session *session;
    struct buffer replies; /* all that came so far */
};

struct replica_box {
    uint32_t count;
    uint64_t now_us, wall_ms;
    int64_t ahead_ms[BOX_NODES_MAX + 1]; /* how far each node's wall clock is wrong */
    uint64_t boots;                      /* seeds and nonces */
    struct command_registry *registry;
    struct replica *replicas[BOX_NODES_MAX + 1]; /* by id; NULL: down */
    struct simulated_disk *disks[BOX_NODES_MAX + 1];
    bool cut[BOX_NODES_MAX + 1];                    /* nothing goes in or out */
    struct members founders;                        /* with whom all begin */
    uint64_t uuids[BOX_NODES_MAX + 1];              /* of their directories */
    struct raft_position joined[BOX_NODES_MAX + 1]; /* index 0: a founder */
    enum journal_sync sync;                         /* while a node is alone */
    uint32_t planted;
    /* For nodes booted from now on: */
    size_t inflight_bytes_max; /* 0: the default */
    uint32_t segment_size;     /* of the log, each; 0: the default. Then none of it is retained */
    uint32_t part_size;        /* of what is asked for of a snapshot; 0: the default */
    bool awaits_snapshot;      /* the cluster began with data */
    bool (*turn_is_long)(const struct session *session);
    void (*configure)(struct replica_config *config); /* has the last word; NULL: nobody */
};

/* Nodes with empty disks, none of which runs yet. */
void replica_box_init(struct replica_box *box, uint32_t count);
void replica_box_boot_all(struct replica_box *box);
/* The same, and settles. Returns the leader. */
uint32_t replica_box_start(struct replica_box *box);
/* replica_box_init() and replica_box_start(). */
uint32_t replica_box_begin(struct replica_box *box, uint32_t count);
void replica_box_clear(struct replica_box *box);
void replica_box_boot(struct replica_box *box, uint32_t node);
void replica_box_kill(struct replica_box *box, uint32_t node);
/* A node with an empty disk, which stands under this id in the configuration that `seen_by` has as
 * committed. */
void replica_box_join(struct replica_box *box, uint32_t node, uint32_t seen_by);
/* Asks this node for a change of the members and runs until the outcome is known. */
struct replica_change_status replica_box_change(struct replica_box *box, uint32_t node,
                                                const struct replica_change *change);
struct replica_change_status replica_box_await_change(struct replica_box *box, uint32_t node,
                                                      uint64_t ticket);
/* The member that `node` of the box would be under the address that all its nodes have. */
struct member replica_box_member(const struct replica_box *box, uint32_t node);
/* Lets virtual time pass, all events carried out. */
void replica_box_run(struct replica_box *box, uint64_t us);
/* Gives a packet to whom it is for, whose turn goes on, and frees it. */
void replica_box_deliver(struct replica_box *box, uint32_t from, struct replica_packet *packet);
/* Runs until somebody leads and all live nodes have their origins; false after 10 s. */
bool replica_box_settle(struct replica_box *box);
/* What a node takes for now. */
struct replica_moment replica_box_moment(const struct replica_box *box, uint32_t node);
uint32_t replica_box_leader(const struct replica_box *box); /* 0: none */

/* Has a snapshot written as a driver does, bytes and all, and lets time pass until it stands under
 * its name; false after 2 s. */
bool replica_box_snapshot(struct replica_box *box, uint32_t node);
/* The same up to the file's being written: its name, and what it says of it (replica.h). */
void replica_box_write_snapshot(struct replica_box *box, uint32_t node, char name[DISK_NAME_SIZE],
                                enum error error);

struct box_client *replica_box_client(struct replica_box *box, uint32_t node);
void box_client_close(struct replica_box *box, struct box_client *client);
/* Sends the text as it is (inline commands end in \r\n). */
void box_client_send(struct replica_box *box, struct box_client *client, const char *text);
/* Runs until `bytes` more bytes of replies are there, or 2 s have passed; true if the whole of what
 * came since the last call is `expected`. */
bool box_client_expect(struct replica_box *box, struct box_client *client, const char *expected);
