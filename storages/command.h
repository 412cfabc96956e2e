/* command.h: a command is a function and a row that describes it.
 *
 * Rows drive everything that is said about commands: arity checks, routing, key positions, ACL
 * categories, COMMAND's replies, the fuzzers' dictionary. A command's function depends on the call
 * alone: keyspace, arguments, stamp and seed; so every node computes the same. */
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "resp/reply.h"

struct storages;
struct command;
struct command_family;
struct command_registry;

/* Flags as COMMAND INFO shows them (names in command.c), and where a command runs. */
enum command_flag {
    COMMAND_WRITE = 1u << 0,
    COMMAND_READONLY = 1u << 1,
    COMMAND_DENYOOM = 1u << 2,
    COMMAND_ADMIN = 1u << 3,
    COMMAND_PUBSUB = 1u << 4,
    COMMAND_NOSCRIPT = 1u << 5,
    COMMAND_BLOCKING = 1u << 6,
    COMMAND_LOADING = 1u << 7,
    COMMAND_STALE = 1u << 8,
    COMMAND_SKIP_MONITOR = 1u << 9,
    COMMAND_SKIP_SLOWLOG = 1u << 10,
    COMMAND_FAST = 1u << 11,
    COMMAND_NO_AUTH = 1u << 12,
    COMMAND_MAY_REPLICATE = 1u << 13,
    COMMAND_NO_MULTI = 1u << 14,
    COMMAND_MOVABLEKEYS = 1u << 15,
    COMMAND_ALLOW_BUSY = 1u << 16,
    COMMAND_NO_ASYNC_LOADING = 1u << 17,
    COMMAND_NO_MANDATORY_KEYS = 1u << 18,
};

/* Where a command's function runs.
 * LOG: in the apply of a log entry, on every node (all writes, PUBLISH, SUBSCRIBE, …).
 * READ: on one node, on its own keyspace, at a read index; changes nothing.
 * SESSION: on the client's node as soon as it is parsed; touches only the session (SELECT, HELLO).
 * LOCAL: on the client's node, when its turn among the client's replies has come (INFO, CONFIG). */
enum command_place { COMMAND_LOG, COMMAND_READ, COMMAND_SESSION, COMMAND_LOCAL };

/* Key positions as in Redis's legacy triple: first 0 means no keys; last -1 the last argument.
 * numkeys_at: the position of a key count (ZUNION style), 0 if none. */
struct command_keys {
    int first, last, step, numkeys_at;
};

/* One call of one command. args->at[0] is the command's name as typed or from its row. */
struct command_call {
    const struct command *command;
    struct storages *storages;
    const struct bytes *args; /* lent for the time of the call: point into a query or log buffer */
    uint32_t count;           /* of args, the name included; the arity has been checked */
    uint8_t db;
    struct reply *reply;
    int64_t now_ms;          /* the entry's stamp (a write) or the last applied stamp (a read) */
    uint64_t seed;           /* H(entry seed, ordinal): LOG only; call_random() makes a generator */
    uint64_t origin;         /* the client's node, as an origin id; 0 when unknown (reads) */
    uint64_t client;         /* the client's id on that node */
    void *session;           /* SESSION and LOCAL only: the caller's object (src/) */
    int64_t deadline_met_ms; /* out, 0 when none: the earliest deadline, later than now_ms, of a
                                key that a READ met (SAFETY 3); the caller sets it to 0 before */
    /* Out, SESSION only: this row runs instead, through the log, with these arguments; the array
     * is the callee's and has to last until its next call. */
    const struct command *instead;
    const struct bytes *instead_args;
    uint32_t instead_count;
    /* LOCAL only: how long it has been first in line; and out: it has no answer yet and wants to be
     * called again (WAIT). */
    uint64_t waited_us;
    bool later;
    bool in_group; /* part of a MULTI group: storages_unit_end() ends the atomic unit */
    const struct command_registry *registry; /* for COMMAND and container HELP; may be NULL else */
};

typedef void command_function(struct command_call *call);

enum { COMMAND_IDS = 1000 }; /* ids are below it */

struct command {
    /* Stable for ever: stands in the log. Unique; 0 is none. Strings 1-99, keys 100-199, maps
     * 200-299, queues 300-399, sets 400-499, sorted sets 500-599, emitter 600-649, COMMAND
     * 650-669, RAFT 670-689, connection, server and session 700-899. */
    uint16_t id;
    const char *name;      /* lower case; subcommands "client|list" */
    command_function *run; /* NULL: a container, which only the rows of its subcommands run */
    int arity;             /* as in Redis: the name counts; negative means at least */
    enum command_place place;
    uint32_t flags; /* enum command_flag */
    struct command_keys keys;
    /* The argument that names an element of the key's value (a field, a member), 0 if none does:
     * for prefetches; a wrong one costs nothing but time. */
    uint8_t element;
    bool waits; /* LOCAL: it may have no answer yet (call.later); its client's next commands wait */
    /* The 7.0 key-spec flags, e.g. "RW ACCESS UPDATE"; NULL without keys. Several specs of one key
     * each are separated by ';': "RO ACCESS;OW UPDATE". */
    const char *key_flags;
    const char *key_notes;  /* a note on the (one) key spec, or NULL */
    const char *categories; /* ACL categories beyond those implied by flags: "string", "keyspace" …
                               separated by spaces */
    const char *tips;       /* COMMAND INFO's tips, separated by spaces, or NULL */
    const char *deprecated_since, *replaced_by;       /* or NULL */
    const char *group, *since, *complexity, *summary; /* COMMAND DOCS */
    const char *arguments; /* COMMAND DOCS argument tree in the compact form of command_docs.c, or
                              NULL */
};

/* A family is one file's rows. */
struct command_family {
    const struct command *commands;
    uint32_t count;
};

/* --- the registry: all rows of a program, found by name or id ------------------------------------
 */

struct command_registry *command_registry_create(void);
void command_registry_destroy(struct command_registry *registry);
/* The family outlives the registry. CHECKs that names and ids are unique; a container's row
 * ("client") has to precede its subcommands' ("client|list"). */
void command_registry_add(struct command_registry *registry, const struct command_family *family);

/* The row of this name (in any case), without looking at subcommands; NULL if none. */
const struct command *command_find(const struct command_registry *registry, struct bytes name);
const struct command *command_by_id(const struct command_registry *registry, uint16_t id);
/* The row for these arguments, subcommand included; NULL if unknown. Requires count > 0. */
const struct command *command_lookup(const struct command_registry *registry,
                                     const struct bytes *args, uint32_t count);
/* As command_lookup, its arity checked; or NULL after Redis's error
 * reply. Requires count > 0. */
const struct command *command_resolve(const struct command_registry *registry,
                                      const struct bytes *args, uint32_t count,
                                      struct reply *reply);
bool command_arity_fits(const struct command *command, uint32_t count);

/* All rows in the order in which they were added, subcommands included. */
uint32_t command_registry_count(const struct command_registry *registry);
const struct command *command_registry_at(const struct command_registry *registry, uint32_t index);
/* The container of a subcommand's row, or NULL. */
const struct command *command_parent(const struct command_registry *registry,
                                     const struct command *command);
bool command_is_container(const struct command_registry *registry, const struct command *command);

/* The positions of the keys in these arguments: appended as uint32_t to `positions`, their number
 * returned. False if the arguments don't say (a bad numkeys). */
bool command_key_positions(const struct command *command, const struct bytes *args, uint32_t count,
                           struct buffer *positions);
/* Writes the ACL categories ("@read", …) of a row, implied ones included, as Redis orders them;
 * returns how many. */
enum { COMMAND_CATEGORIES_MAX = 32 };
uint32_t command_categories(const struct command *command,
                            const char *categories[COMMAND_CATEGORIES_MAX]);
bool command_has_category(const struct command *command, const char *category);
/* All categories that there are, in that order. */
uint32_t command_category_names(const char *names[COMMAND_CATEGORIES_MAX]);

/* Seeded from call->seed: the same on every node. */
static inline struct random command_random(const struct command_call *call) {
    struct random random;
    random_init(&random, call->seed);
    return random;
}

/* Exact Redis texts used by many commands. */
#define REPLY_SYNTAX_ERROR "ERR syntax error"
#define REPLY_WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
#define REPLY_NOT_INTEGER "ERR value is not an integer or out of range"
#define REPLY_NOT_FLOAT "ERR value is not a valid float"
#define REPLY_NO_SUCH_KEY "ERR no such key"
#define REPLY_OUT_OF_RANGE "ERR index out of range"

/* Parse an argument or reply with Redis's error; false after an error reply. */
bool command_integer(struct command_call *call, uint32_t at, int64_t *value);
bool command_double(struct command_call *call, uint32_t at, double *value);
/* As command_integer, but within 32 bits, with Redis's text for other integers. */
bool command_int(struct command_call *call, uint32_t at, int64_t *value);
/* The function of containers ("object"): never called, because command_resolve() finds a
 * subcommand or refuses. */
void command_run_container(struct command_call *call);
/* A container's HELP: its name is taken from the call's row ("object|help"); `lines` are those
 * between the heading and HELP's own two, ended by NULL. */
void command_reply_help(struct command_call *call, const char *const *lines);
/* Argument `at` equals this option word, in any case. */
static inline bool command_option(const struct command_call *call, uint32_t at, const char *word) {
    return bytes_equal_ignoring_case(call->args[at], bytes_of_text(word));
}
