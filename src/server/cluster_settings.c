/* cluster_settings.c: see cluster_settings.h. */
#include "src/server/cluster_settings.h"

#include "base/number.h"
#include "storages/settings_commands.h"

static const uint64_t PROPOSE_AGAIN_US = 1000 * 1000;

const char cluster_settings_older[] =
    "ERR a member runs an older version that does not know this, or has not been heard of since "
    "this node's start: bring all nodes to one version first";

static int64_t *field_of(struct server *server, enum config_id id) {
    if ((config_rows[id].flags & CONFIG_CLUSTER) == 0) return NULL;
    int64_t *field = settings_field(storages_settings(replica_storages(server->replica)),
                                    bytes_of_text(config_rows[id].name));
    CHECK(field != NULL);
    return field;
}

static bool is_told(const struct server *server, enum config_id id) {
    return settings_is_told(storages_settings(replica_storages(server->replica)),
                            bytes_of_text(config_rows[id].name));
}

void cluster_settings_refresh(struct server *server) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        const int64_t *field = field_of(server, id);
        if (field != NULL && is_told(server, id)) server->config.values[id].number = *field;
    }
}

/* What is in force; what the log has not told yet is this node's own. */
static int64_t value_in_force(struct server *server, enum config_id id) {
    return is_told(server, id) ? *field_of(server, id) : server->config.values[id].number;
}

/* A member that does not know it would go on with another state (docs/design.md, 7). */
bool cluster_settings_are_held_back(const struct server *server) {
    enum { PROTOCOL_OF_RECENT = 3 };
    return replica_older_members(server->replica, PROTOCOL_OF_RECENT) != 0;
}

static bool is_held_back(const struct server *server, enum config_id id) {
    return settings_is_recent(bytes_of_text(config_rows[id].name)) &&
           cluster_settings_are_held_back(server);
}

const char *cluster_settings_problem(struct server *server, const struct config *wanted) {
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        if (field_of(server, id) == NULL) continue;
        bool is_news = wanted->values[id].number != value_in_force(server, id);
        if (is_news && is_held_back(server, id)) return cluster_settings_older;
    }
    return NULL;
}

/* Which directives are told: those that differ; at founding, also what the log has not told yet; or
 * only that. */
enum choice { DIFFERENT, FOUNDING, UNTOLD };

static bool is_chosen(struct server *server, const struct config *wanted, enum config_id id,
                      enum choice choice) {
    bool differs = wanted->values[id].number != value_in_force(server, id);
    bool is_open = choice != DIFFERENT && !is_told(server, id);
    return (is_open || (differs && choice != UNTOLD)) && !is_held_back(server, id);
}

static uint32_t make_arguments(struct server *server, struct config *wanted, enum choice choice,
                               const struct bytes **arguments) {
    uint32_t count = 0;
    server->settings_arguments[count++] = BYTES("raft");
    server->settings_arguments[count++] = BYTES("set");
    if (choice == UNTOLD) server->settings_arguments[count++] = BYTES("nx");
    uint32_t pairs = count;
    for (enum config_id id = 0; id < CONFIG_ROW_COUNT; id++) {
        if (field_of(server, id) == NULL || !is_chosen(server, wanted, id, choice)) continue;
        CHECK(count + 2 <= SETTINGS_ARGUMENTS_MAX);
        char *text = server->settings_texts[count / 2];
        size_t size = number_print_i64(text, wanted->values[id].number);
        int64_t value = value_in_force(server, id);
        server->settings_arguments[count++] = bytes_of_text(config_rows[id].name);
        server->settings_arguments[count++] = bytes_of(text, size);
        wanted->values[id].number = value;
    }
    *arguments = server->settings_arguments;
    return count == pairs ? 0 : count;
}

uint32_t cluster_settings_arguments(struct server *server, struct config *wanted,
                                    const struct bytes **arguments) {
    return make_arguments(server, wanted, DIFFERENT, arguments);
}

/* Through a session of the server's own, as a client would. */
static void propose(struct server *server, const struct bytes *arguments, uint32_t count) {
    struct replica_moment moment = server_moment(server);
    server->settings_proposed_us = clock_us();
    struct session *session = replica_client_open(server->replica, NULL, moment);
    session->server = server;
    struct buffer line = {0};
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_bytes(&line, arguments[i]);
        buffer_append_byte(&line, i + 1 < count ? ' ' : '\n');
    }
    size_t size = line.size;
    memcpy(session_input_room(session, &size), line.data, line.size);
    replica_client_received(server->replica, session, line.size, moment);
    buffer_clear(&line);
}

void cluster_settings_cron(struct server *server) {
    bool leads =
        replica_serves(server->replica) && raft_role(replica_raft(server->replica)) == RAFT_LEADER;
    bool is_early = clock_us() - server->settings_proposed_us < PROPOSE_AGAIN_US;
    if (!server->founded_now || !leads || is_early) return;
    const struct bytes *arguments;
    uint32_t count = make_arguments(server, &server->config, UNTOLD, &arguments);
    if (count > 0) propose(server, arguments, count);
}

void cluster_settings_found(struct server *server) {
    const struct raft *raft = replica_raft(server->replica);
    bool counts = server->founded_now && raft_role(raft) == RAFT_LEADER;
    const struct bytes *arguments;
    enum choice choice = counts ? FOUNDING : DIFFERENT;
    uint32_t count = make_arguments(server, &server->config, choice, &arguments);
    if (counts && count > 0) {
        propose(server, arguments, count);
        return;
    }
    for (uint32_t i = 2; i < count; i += 2)
        log_line(&server->log, LOG_LEVEL_NOTICE,
                 "Without effect: %.*s %.*s (the cluster's value counts; CONFIG SET changes it)",
                 (int)arguments[i].size, arguments[i].data, (int)arguments[i + 1].size,
                 arguments[i + 1].data);
}
