/* command.c: the registry of rows, and what every command's arguments have in common.
 *
 * Names stand in an open-addressing hash of row numbers, twice as large as the number of rows, so
 * a name is found with about one comparison. A subcommand is found by its whole name,
 * "client|list". */
#include "storages/command.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/number.h"

enum { NAME_MAX_SIZE = 64 };

struct command_registry {
    const struct command **rows;
    bool *is_container; /* parallel to rows */
    uint32_t count, capacity;
    uint16_t *names; /* row number + 1, or 0: free */
    uint32_t names_mask;
    uint16_t ids[COMMAND_IDS]; /* row number + 1, or 0 */
};

struct command_registry *command_registry_create(void) {
    return memory_allocate_zeroed(sizeof(struct command_registry));
}

void command_registry_destroy(struct command_registry *registry) {
    if (registry == NULL) return;
    memory_release(registry->rows);
    memory_release(registry->is_container);
    memory_release(registry->names);
    memory_release(registry);
}

/* --- names ---------------------------------------------------------------------------------- */

static uint32_t name_hash(struct bytes name) {
    uint32_t hash = 2166136261u; /* FNV-1a of the lower-case letters */
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ (uint8_t)byte_lower(name.data[i])) * 16777619u;
    return hash ^ hash >> 15;
}

/* The place of the name, or the free one where it would stand. */
static uint16_t *name_place(const struct command_registry *registry, struct bytes name) {
    for (uint32_t i = name_hash(name);; i++) {
        uint16_t *place = &registry->names[i & registry->names_mask];
        if (*place == 0) return place;
        if (bytes_equal_ignoring_case(bytes_of_text(registry->rows[*place - 1]->name), name))
            return place;
    }
}

static void names_grow(struct command_registry *registry) {
    registry->capacity = registry->capacity == 0 ? 64 : registry->capacity * 2;
    registry->rows = memory_resize(registry->rows, registry->capacity * sizeof(*registry->rows));
    registry->is_container = memory_resize(registry->is_container, registry->capacity);
    memory_release(registry->names);
    registry->names_mask = 2 * registry->capacity - 1;
    registry->names = memory_allocate_zeroed(2 * registry->capacity * sizeof(*registry->names));
    for (uint32_t i = 0; i < registry->count; i++)
        *name_place(registry, bytes_of_text(registry->rows[i]->name)) = (uint16_t)(i + 1);
}

static struct bytes container_name(const struct command *command) {
    const char *bar = strchr(command->name, '|');
    if (bar == NULL) return (struct bytes){0};
    return bytes_of(command->name, (size_t)(bar - command->name));
}

static void add_row(struct command_registry *registry, const struct command *command) {
    if (registry->count == registry->capacity) names_grow(registry);
    struct bytes name = bytes_of_text(command->name);
    CHECK(name.size > 0 && name.size <= NAME_MAX_SIZE);
    CHECK(command->id > 0 && command->id < COMMAND_IDS && registry->ids[command->id] == 0);
    uint16_t *place = name_place(registry, name);
    CHECK(*place == 0);
    uint32_t number = registry->count++;
    registry->rows[number] = command;
    registry->is_container[number] = false;
    *place = registry->ids[command->id] = (uint16_t)(number + 1);
    struct bytes container = container_name(command);
    if (container.size == 0) return;
    uint16_t *container_place = name_place(registry, container);
    CHECK(*container_place != 0);
    registry->is_container[*container_place - 1] = true;
}

void command_registry_add(struct command_registry *registry, const struct command_family *family) {
    for (uint32_t i = 0; i < family->count; i++)
        add_row(registry, &family->commands[i]);
}

const struct command *command_find(const struct command_registry *registry, struct bytes name) {
    if (registry->count == 0) return NULL;
    uint16_t place = *name_place(registry, name);
    return place == 0 ? NULL : registry->rows[place - 1];
}

const struct command *command_by_id(const struct command_registry *registry, uint16_t id) {
    if (id >= COMMAND_IDS || registry->ids[id] == 0) return NULL;
    return registry->rows[registry->ids[id] - 1];
}

uint32_t command_registry_count(const struct command_registry *registry) {
    return registry->count;
}

const struct command *command_registry_at(const struct command_registry *registry, uint32_t index) {
    CHECK(index < registry->count);
    return registry->rows[index];
}

const struct command *command_parent(const struct command_registry *registry,
                                     const struct command *command) {
    struct bytes container = container_name(command);
    return container.size == 0 ? NULL : command_find(registry, container);
}

bool command_is_container(const struct command_registry *registry, const struct command *command) {
    return registry->is_container[registry->ids[command->id] - 1];
}

static const struct command *find_subcommand(const struct command_registry *registry,
                                             const struct command *container, struct bytes name) {
    char whole[2 * NAME_MAX_SIZE];
    size_t size = strlen(container->name);
    if (name.size > NAME_MAX_SIZE - 1) return NULL;
    memcpy(whole, container->name, size);
    whole[size++] = '|';
    if (name.size > 0) memcpy(whole + size, name.data, name.size);
    return command_find(registry, bytes_of(whole, size + name.size));
}

const struct command *command_lookup(const struct command_registry *registry,
                                     const struct bytes *args, uint32_t count) {
    const struct command *command = command_find(registry, args[0]);
    if (command == NULL || strchr(command->name, '|') != NULL) return NULL;
    if (count == 1 || !command_is_container(registry, command)) return command;
    return find_subcommand(registry, command, args[1]);
}

/* --- arity and unknown commands ------------------------------------------------------------- */

bool command_arity_fits(const struct command *command, uint32_t count) {
    if (command->arity >= 0) return count == (uint32_t)command->arity;
    return count >= (uint32_t)-command->arity;
}

/* As C's "%.<max>s" would print the argument: cut at its first zero byte. */
static struct bytes as_printed(struct bytes argument, size_t max) {
    struct bytes cut = bytes_slice(argument, 0, max);
    const char *zero = cut.size == 0 ? NULL : memchr(cut.data, 0, cut.size);
    if (zero != NULL) cut.size = (size_t)(zero - cut.data);
    return cut;
}

enum { PREVIEW_MAX = 128 };

static void reply_unknown_subcommand(const struct bytes *args, struct reply *reply) {
    char container[NAME_MAX_SIZE + 1];
    size_t size = args[0].size;
    CHECK(size <= NAME_MAX_SIZE);
    for (size_t i = 0; i < size; i++) {
        char c = args[0].data[i];
        container[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    struct bytes name = as_printed(args[1], PREVIEW_MAX);
    reply_error_format(reply, "ERR unknown subcommand '%.*s'. Try %.*s HELP.", (int)name.size,
                       name.data, (int)size, container);
}

static void reply_unknown_command(const struct bytes *args, uint32_t count, struct reply *reply) {
    struct buffer preview = {0};
    for (uint32_t i = 1; i < count && preview.size < PREVIEW_MAX; i++) {
        struct bytes shown = as_printed(args[i], PREVIEW_MAX - preview.size);
        buffer_append_byte(&preview, '\'');
        buffer_append_bytes(&preview, shown);
        buffer_append(&preview, "' ", 2);
    }
    struct bytes name = as_printed(args[0], PREVIEW_MAX);
    reply_error_format(reply, "ERR unknown command '%.*s', with args beginning with: %.*s",
                       (int)name.size, name.data, (int)preview.size,
                       preview.data == NULL ? "" : preview.data);
    buffer_clear(&preview);
}

const struct command *command_resolve(const struct command_registry *registry,
                                      const struct bytes *args, uint32_t count,
                                      struct reply *reply) {
    const struct command *command = command_lookup(registry, args, count);
    if (command == NULL) {
        const struct command *container = command_find(registry, args[0]);
        if (container != NULL && strchr(container->name, '|') == NULL)
            reply_unknown_subcommand(args, reply);
        else
            reply_unknown_command(args, count, reply);
        return NULL;
    }
    if (LIKELY(command_arity_fits(command, count))) return command;
    reply_error_format(reply, "ERR wrong number of arguments for '%s' command", command->name);
    return NULL;
}

/* --- keys ----------------------------------------------------------------------------------- */

bool command_key_positions(const struct command *command, const struct bytes *args, uint32_t count,
                           struct buffer *positions) {
    struct command_keys keys = command->keys;
    int64_t last = keys.last < 0 ? (int64_t)count + keys.last : keys.last;
    if (keys.first > 0) {
        for (int64_t i = keys.first; i <= last; i += keys.step) {
            if (i >= count) return false;
            buffer_append_u32(positions, (uint32_t)i);
        }
    }
    if (keys.numkeys_at == 0) return true;
    int64_t key_count, first = keys.numkeys_at + 1;
    if ((uint32_t)keys.numkeys_at >= count) return false;
    if (!number_parse_i64(args[keys.numkeys_at], &key_count)) return false;
    if (key_count < 1 || key_count > (int64_t)count - first) return false;
    for (int64_t i = 0; i < key_count; i++)
        buffer_append_u32(positions, (uint32_t)(first + i));
    return true;
}

/* --- arguments ------------------------------------------------------------------------------ */

bool command_integer(struct command_call *call, uint32_t at, int64_t *value) {
    if (LIKELY(number_parse_i64(call->args[at], value))) return true;
    reply_error(call->reply, REPLY_NOT_INTEGER);
    return false;
}

bool command_double(struct command_call *call, uint32_t at, double *value) {
    if (LIKELY(number_parse_double(call->args[at], value))) return true;
    reply_error(call->reply, REPLY_NOT_FLOAT);
    return false;
}

bool command_int(struct command_call *call, uint32_t at, int64_t *value) {
    if (!command_integer(call, at, value)) return false;
    if (*value >= INT32_MIN && *value <= INT32_MAX) return true;
    reply_error(call->reply,
                "ERR value is out of range, value must between -2147483648 and 2147483647");
    return false;
}

/* --- containers ----------------------------------------------------------------------------- */

void command_run_container(struct command_call *call) {
    reply_error_format(call->reply, "ERR wrong number of arguments for '%s' command",
                       call->command->name);
}

void command_reply_help(struct command_call *call, const char *const *lines) {
    char heading[NAME_MAX_SIZE + 64];
    struct bytes name = container_name(call->command);
    CHECK(name.data != NULL); /* only a subcommand's row calls this */
    int size = snprintf(
        heading, sizeof(heading),
        "%.*s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", (int)name.size, name.data);
    CHECK(size > 0 && (size_t)size < sizeof(heading));
    for (size_t i = 0; i < name.size; i++) {
        if (heading[i] >= 'a' && heading[i] <= 'z') heading[i] = (char)(heading[i] - 32);
    }
    uint32_t count = 0;
    while (lines[count] != NULL)
        count++;
    reply_array(call->reply, count + 3);
    reply_simple(call->reply, heading);
    for (uint32_t i = 0; i < count; i++)
        reply_simple(call->reply, lines[i]);
    reply_simple(call->reply, "HELP");
    reply_simple(call->reply, "    Prints this help.");
}
