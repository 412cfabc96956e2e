/* acl_commands.c: what ACL can tell while there is one user, "default": who one is, what that user
 * may do, and the categories of the commands. Rules are not there yet (docs/compatibility.md). */
#include <openssl/sha.h>
#include <stdio.h>

#include "base/number.h"
#include "src/server/commands.h"

/* --- the user --------------------------------------------------------------------------------- */

enum { DIGEST_TEXT_SIZE = 2 * SHA256_DIGEST_LENGTH + 1 };

static void run_whoami(struct command_call *call) {
    reply_bulk_text(call->reply, "default");
}

static void run_users(struct command_call *call) {
    reply_array(call->reply, 1);
    reply_bulk_text(call->reply, "default");
}

/* The password's SHA-256, as Redis shows it; false if there is none. */
static bool print_password(const struct server *server, char text[DIGEST_TEXT_SIZE]) {
    const char *password = CONFIG_STRING(&server->config, REQUIREPASS);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    if (!server_has_password(server)) return false;
    SHA256((const unsigned char *)password, strlen(password), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static void run_list(struct command_call *call) {
    char digest[DIGEST_TEXT_SIZE], line[160];
    bool has_password = print_password(call_server(call), digest);
    snprintf(line, sizeof(line), "user default on %s%s ~* &* +@all", has_password ? "#" : "nopass",
             has_password ? digest : "");
    reply_array(call->reply, 1);
    reply_bulk_text(call->reply, line);
}

static void run_getuser(struct command_call *call) {
    char digest[DIGEST_TEXT_SIZE];
    struct reply *reply = call->reply;
    bool has_password = print_password(call_server(call), digest);
    if (!bytes_equal(call->args[2], BYTES("default"))) {
        reply_null(reply);
        return;
    }
    reply_map(reply, 6);
    reply_bulk_text(reply, "flags");
    reply_set(reply, has_password ? 1 : 2);
    reply_bulk_text(reply, "on");
    if (!has_password) reply_bulk_text(reply, "nopass");
    reply_bulk_text(reply, "passwords");
    reply_array(reply, has_password ? 1 : 0);
    if (has_password) reply_bulk_text(reply, digest);
    static const char *const rules[][2] = {
        {"commands", "+@all"}, {"keys", "~*"}, {"channels", "&*"}};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        reply_bulk_text(reply, rules[i][0]);
        reply_bulk_text(reply, rules[i][1]);
    }
    reply_bulk_text(reply, "selectors");
    reply_array(reply, 0);
}

/* --- categories and passwords ----------------------------------------------------------------- */

static void reply_category(struct command_call *call, const char *category) {
    size_t mark = reply_deferred_open(call->reply);
    uint64_t found = 0;
    for (uint32_t i = 0; i < command_registry_count(call->registry); i++) {
        const struct command *command = command_registry_at(call->registry, i);
        if (command_is_container(call->registry, command)) continue;
        if (!command_has_category(command, category)) continue;
        reply_bulk_text(call->reply, command->name);
        found++;
    }
    reply_deferred_array(call->reply, mark, found);
}

static void run_cat(struct command_call *call) {
    const char *names[COMMAND_CATEGORIES_MAX];
    uint32_t count = command_category_names(names);
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return;
    }
    if (call->count == 2) {
        reply_array(call->reply, count);
        for (uint32_t i = 0; i < count; i++)
            reply_bulk_text(call->reply, names[i]);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!command_option(call, 2, names[i])) continue;
        reply_category(call, names[i]);
        return;
    }
    reply_error_format(call->reply, "ERR Unknown category '%.*s'", (int)call->args[2].size,
                       call->args[2].data);
}

static void run_genpass(struct command_call *call) {
    enum { BITS_MAX = 4096 };
    int64_t bits = 256;
    if (call->count > 3) {
        commands_refuse_arguments(call);
        return;
    }
    if (call->count == 3 && !command_integer(call, 2, &bits)) return;
    if (bits <= 0 || bits > BITS_MAX) {
        reply_error(call->reply, "ERR ACL GENPASS argument must be the number of bits for the "
                                 "output password, a positive number up to 4096");
        return;
    }
    unsigned char random[BITS_MAX / 8];
    char text[BITS_MAX / 4 + 1];
    size_t digits = (size_t)(bits + 3) / 4;
    entropy_fill(random, sizeof(random));
    for (size_t i = 0; i < digits; i++)
        text[i] = "0123456789abcdef"[random[i / 2] >> (i % 2 * 4) & 15];
    reply_bulk(call->reply, bytes_of(text, digits));
}

static void run_help(struct command_call *call) {
    static const char *const lines[] = {
        "CAT [<category>]",
        "    List all commands that belong to <category>, or all command categories",
        "    when no category is specified.",
        "GETUSER <username>",
        "    Get the user's details.",
        "GENPASS [<bits>]",
        "    Generate a secure 256-bit user password. The optional `bits` argument can",
        "    be used to specify a different size.",
        "LIST",
        "    Show users details in config file format.",
        "USERS",
        "    List all the registered usernames.",
        "WHOAMI",
        "    Return the current connection username.",
    };
    commands_reply_help(call, lines, COUNT_OF(lines));
}

/* --- rows ---------------------------------------------------------------------------------------
 */

#define OPEN_FLAGS (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define ADMIN_FLAGS (OPEN_FLAGS | COMMAND_ADMIN)

static const struct command acl_commands[] = {
    {.id = 820,
     .name = "acl",
     .run = command_run_container,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .group = "server",
     .since = "6.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for Access List Control commands "},
    {.id = 821,
     .name = "acl|whoami",
     .run = run_whoami,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = OPEN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Return the name of the user associated to the current connection"},
    {.id = 822,
     .name = "acl|users",
     .run = run_users,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = ADMIN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(N). Where N is the number of configured users.",
     .summary = "List the username of all the configured ACL rules"},
    {.id = 823,
     .name = "acl|list",
     .run = run_list,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = ADMIN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(N). Where N is the number of configured users.",
     .summary = "List the current ACL rules in ACL config file format"},
    {.id = 824,
     .name = "acl|getuser",
     .run = run_getuser,
     .arity = 3,
     .place = COMMAND_LOCAL,
     .flags = ADMIN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(N). Where N is the number of password, command and pattern rules that the "
                   "user has.",
     .summary = "Get the rules for a specific ACL user",
     .arguments = "s:username"},
    {.id = 825,
     .name = "acl|cat",
     .run = run_cat,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = OPEN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(1) since the categories and commands are a fixed set.",
     .summary = "List the ACL categories or the commands inside a category",
     .arguments = "s:categoryname?"},
    {.id = 826,
     .name = "acl|genpass",
     .run = run_genpass,
     .arity = -2,
     .place = COMMAND_LOCAL,
     .flags = OPEN_FLAGS,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Generate a pseudorandom secure password to use for ACL users",
     .arguments = "i:bits?"},
    {.id = 827,
     .name = "acl|help",
     .run = run_help,
     .arity = 2,
     .place = COMMAND_LOCAL,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands"},
};

const struct command_family *acl_family(void) {
    static const struct command_family family = {acl_commands, COUNT_OF(acl_commands)};
    return &family;
}
