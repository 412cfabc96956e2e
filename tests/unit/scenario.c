/* scenario.c: the interpreter: one row per command, one row per expectation. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "raft_box.h"

enum { WORDS_MAX = 40, LINE_MAX_BYTES = 400 };

struct scenario {
    struct box *box;
    struct raft_config config;
    const char *words[WORDS_MAX];
    uint32_t count;
    uint32_t breaks;
    struct buffer *failure;
};

static void fail(struct scenario *scenario, const char *format, ...) {
    if (scenario->failure->size > 0) return;
    va_list arguments;
    va_start(arguments, format);
    buffer_append_format_list(scenario->failure, format, arguments);
    va_end(arguments);
}

/* --- words ---------------------------------------------------------------------------------- */

static const char *word(const struct scenario *scenario, uint32_t i) {
    return i < scenario->count ? scenario->words[i] : "";
}
static bool is(const struct scenario *scenario, uint32_t i, const char *text) {
    return strcmp(word(scenario, i), text) == 0;
}
static uint64_t number(const struct scenario *scenario, uint32_t i) {
    return strtoull(word(scenario, i), NULL, 10);
}

/* 0: any node. */
static uint32_t node(struct scenario *scenario, uint32_t i) {
    const char *text = word(scenario, i);
    if (strcmp(text, "all") == 0 || strcmp(text, "*") == 0 || *text == '\0') return 0;
    uint32_t id = text[0] == 'n' ? (uint32_t)strtoul(text + 1, NULL, 10) : 0;
    if (id == 0 || id > scenario->box->count) {
        fail(scenario, "no such node: %s", text);
        return 1;
    }
    return id;
}

static uint64_t duration_us(struct scenario *scenario, uint32_t i) {
    char *end;
    uint64_t value = strtoull(word(scenario, i), &end, 10);
    if (strcmp(end, "ms") == 0) return value * 1000;
    if (strcmp(end, "s") == 0) return value * 1000000;
    if (i < scenario->count) fail(scenario, "not a duration: %s", word(scenario, i));
    return 0;
}

static bool selects(uint32_t wanted, uint32_t id) {
    return wanted == 0 || wanted == id;
}

/* The raft of a node that has to be up. */
static struct raft *raft_of(struct scenario *scenario, uint32_t i) {
    uint32_t id = node(scenario, i);
    struct raft *raft = id == 0 ? NULL : scenario->box->nodes[id].raft;
    if (raft == NULL) fail(scenario, "%s is not one node that is up", word(scenario, i));
    return raft;
}

/* --- life and time -------------------------------------------------------------------------- */

static void do_nodes(struct scenario *scenario) {
    box_clear(scenario->box);
    box_init(scenario->box, (uint32_t)number(scenario, 1), &scenario->config);
}

static void do_add(struct scenario *scenario) {
    uint32_t id = box_add(scenario->box, &scenario->config);
    if (node(scenario, 1) != id) fail(scenario, "the next one is n%u", id);
}

static void do_trace(struct scenario *scenario) {
    scenario->box->trace = is(scenario, 1, "on");
}

static void do_set(struct scenario *scenario) {
    struct box *box = scenario->box;
    uint64_t value = number(scenario, 2);
    for (uint32_t id = 1; id <= box->count; id++) {
        struct raft_config *config = &box->nodes[id].config;
        if (is(scenario, 1, "inflight_max"))
            config->inflight_max = (uint32_t)value;
        else if (is(scenario, 1, "append_bytes_max"))
            config->append_bytes_max = (uint32_t)value;
        else if (is(scenario, 1, "tail_bytes_max"))
            config->tail_bytes_max = value;
        else if (is(scenario, 1, "election_us"))
            config->election_us = value;
        else if (is(scenario, 1, "promise_max_us"))
            config->promise_max_us = value;
        else if (is(scenario, 1, "disk_stall_us"))
            config->disk_stall_us = value;
        else
            fail(scenario, "no such setting: %s", word(scenario, 1));
    }
}

static void do_log(struct scenario *scenario) {
    uint32_t id = node(scenario, 1);
    for (uint32_t i = 2; i < scenario->count; i++) {
        char body[32];
        int size = snprintf(body, sizeof(body), "t%s", word(scenario, i));
        box_write_entry(scenario->box, id, number(scenario, i), bytes_of(body, (size_t)size));
    }
}

static void do_forge(struct scenario *scenario) {
    scenario->box->may_diverge = true;
    box_write_entry(scenario->box, node(scenario, 1), number(scenario, 2),
                    bytes_of_text(word(scenario, 3)));
}

static void do_term(struct scenario *scenario) {
    struct box_node *at = &scenario->box->nodes[node(scenario, 1)];
    at->hard_state = (struct raft_hard_state){.term = number(scenario, 2)};
}

static void do_start(struct scenario *scenario) {
    uint32_t wanted = node(scenario, 1);
    for (uint32_t id = 1; id <= scenario->box->count; id++)
        if (selects(wanted, id)) box_start(scenario->box, id);
}

static void do_crash(struct scenario *scenario) {
    uint32_t wanted = node(scenario, 1);
    for (uint32_t id = 1; id <= scenario->box->count; id++)
        if (selects(wanted, id)) box_crash(scenario->box, id);
}

static void do_forget(struct scenario *scenario) {
    box_forget(scenario->box, node(scenario, 1), number(scenario, 2));
}

static void do_damage(struct scenario *scenario) {
    box_damage(scenario->box, node(scenario, 1), number(scenario, 2));
}

static void do_lose_vote(struct scenario *scenario) {
    box_lose_vote(scenario->box, node(scenario, 1));
}

static void do_campaign(struct scenario *scenario) {
    struct raft *raft = raft_of(scenario, 1);
    if (raft == NULL) return;
    uint32_t id = node(scenario, 1);
    /* Who is late listens first: the second time it campaigns. */
    bool is_late = true;
    for (int i = 0; i < 2 && is_late; i++) {
        uint64_t deadline_us = raft_deadline_us(raft), now_us = box_now_us(scenario->box, id);
        if (deadline_us == UINT64_MAX) {
            fail(scenario, "%s never campaigns", word(scenario, 1));
            return;
        }
        is_late = now_us > deadline_us && raft_role(raft) == RAFT_FOLLOWER;
        if (now_us < deadline_us) scenario->box->now_us += deadline_us - now_us;
        box_tick(scenario->box, id);
    }
}

static void do_time(struct scenario *scenario) {
    scenario->box->now_us += duration_us(scenario, 1);
}

static void do_jump(struct scenario *scenario) {
    scenario->box->nodes[node(scenario, 1)].ahead_us += duration_us(scenario, 2);
}

static void do_tick(struct scenario *scenario) {
    uint32_t wanted = node(scenario, 1);
    scenario->box->now_us += duration_us(scenario, 2);
    for (uint32_t id = 1; id <= scenario->box->count; id++)
        if (selects(wanted, id)) box_tick(scenario->box, id);
}

static void do_run(struct scenario *scenario) {
    struct box *box = scenario->box;
    uint64_t until_us = box->now_us + duration_us(scenario, 1);
    while (box->now_us < until_us) {
        box->now_us += 5000;
        for (uint32_t id = 1; id <= box->count; id++) {
            const struct raft *raft = box->nodes[id].raft;
            box_say_busy(box, id);
            if (box->nodes[id].busy) continue;
            if (raft != NULL && box_now_us(box, id) >= raft_deadline_us(raft)) box_tick(box, id);
        }
        box_settle(box);
    }
}

/* --- letters, disk, links ------------------------------------------------------------------- */

static bool letter_matches(struct scenario *scenario, const struct box_letter *letter,
                           uint32_t first_word) {
    const char *type = word(scenario, first_word + 2);
    return selects(node(scenario, first_word), letter->from) &&
           selects(node(scenario, first_word + 1), letter->to) &&
           (*type == '\0' || strcmp(type, raft_message_name(letter->type)) == 0);
}

/* Does `act` to each letter on the way now that the line selects; `act` may remove it. */
static void for_letters(struct scenario *scenario, void (*act)(struct box *, uint32_t)) {
    struct box *box = scenario->box;
    uint32_t left = box->letters.count, i = 0;
    while (left-- > 0) {
        if (!letter_matches(scenario, &box->letters.at[i], 1)) {
            i++;
            continue;
        }
        /* New letters go to the end, so whatever stood behind this one moves up by one. */
        act(box, i);
        if (act == box_duplicate) i++;
    }
}

static void do_deliver(struct scenario *scenario) {
    for_letters(scenario, box_deliver);
}
static void do_drop(struct scenario *scenario) {
    for_letters(scenario, box_drop);
}
static void do_duplicate(struct scenario *scenario) {
    for_letters(scenario, box_duplicate);
}

static void do_persist(struct scenario *scenario) {
    uint32_t wanted = node(scenario, 1);
    for (uint32_t id = 1; id <= scenario->box->count; id++) {
        if (!selects(wanted, id)) continue;
        uint32_t count = scenario->box->nodes[id].write_count;
        if (scenario->count > 2) count = (uint32_t)number(scenario, 2);
        while (count-- > 0)
            if (!box_persist(scenario->box, id)) fail(scenario, "n%u has nothing to persist", id);
    }
}

static void do_fetch(struct scenario *scenario) {
    if (!box_fetch(scenario->box, node(scenario, 1))) fail(scenario, "nothing to fetch");
}
static void do_fail_fetch(struct scenario *scenario) {
    uint64_t unreadable = scenario->count > 2 ? number(scenario, 2) : 0;
    if (!box_fail_fetch(scenario->box, node(scenario, 1), unreadable))
        fail(scenario, "nothing to fetch");
}
static void do_settle(struct scenario *scenario) {
    box_settle(scenario->box);
}

static void set_link(struct scenario *scenario, uint32_t a, uint32_t b, bool cut) {
    if (a == b) return;
    scenario->box->cut[a][b] = scenario->box->cut[b][a] = cut;
}
static void do_cut(struct scenario *scenario) {
    set_link(scenario, node(scenario, 1), node(scenario, 2), true);
}
static void do_mend(struct scenario *scenario) {
    set_link(scenario, node(scenario, 1), node(scenario, 2), false);
}
static void do_mute(struct scenario *scenario) {
    scenario->box->cut[node(scenario, 1)][node(scenario, 2)] = true;
}
static void do_stall(struct scenario *scenario) {
    scenario->box->nodes[node(scenario, 1)].stalled = true;
}
static void do_unstall(struct scenario *scenario) {
    scenario->box->nodes[node(scenario, 1)].stalled = false;
}
static void do_hold(struct scenario *scenario) {
    box_hold(scenario->box, node(scenario, 1), is(scenario, 2, "silent"));
}
static void do_release(struct scenario *scenario) {
    box_release(scenario->box, node(scenario, 1));
}
static void do_isolate(struct scenario *scenario) {
    for (uint32_t id = 1; id <= scenario->box->count; id++)
        set_link(scenario, node(scenario, 1), id, true);
}
static void do_join(struct scenario *scenario) {
    for (uint32_t id = 1; id <= scenario->box->count; id++)
        set_link(scenario, node(scenario, 1), id, false);
}

/* --- events --------------------------------------------------------------------------------- */

static void do_propose(struct scenario *scenario) {
    struct raft *raft = raft_of(scenario, 1);
    if (raft == NULL) return;
    if (raft_role(raft) != RAFT_LEADER) fail(scenario, "%s does not lead", word(scenario, 1));
    for (uint32_t i = 2; i < scenario->count; i++)
        box_propose(scenario->box, node(scenario, 1), bytes_of_text(word(scenario, i)));
}
static void do_read(struct scenario *scenario) {
    if (raft_of(scenario, 1) == NULL) return;
    box_read(scenario->box, node(scenario, 1), number(scenario, 2), is(scenario, 3, "confirm"));
}
static void do_notify(struct scenario *scenario) {
    box_notify(scenario->box, node(scenario, 1), node(scenario, 2));
}
static void do_written(struct scenario *scenario) {
    box_written(scenario->box, node(scenario, 1));
}
static void do_connected(struct scenario *scenario) {
    box_connected(scenario->box, node(scenario, 1), node(scenario, 2));
}
static void do_transfer(struct scenario *scenario) {
    uint32_t target = is(scenario, 2, "any") ? 0 : node(scenario, 2);
    box_transfer(scenario->box, node(scenario, 1), target, duration_us(scenario, 3));
}
static void do_keep(struct scenario *scenario) {
    box_keep(scenario->box, node(scenario, 1));
}

static void do_resign(struct scenario *scenario) {
    box_resign(scenario->box, node(scenario, 1));
}
static void do_timing(struct scenario *scenario) {
    struct box_timing timing = {.heartbeat_us = duration_us(scenario, 2),
                                .election_us = duration_us(scenario, 3)};
    box_timing(scenario->box, node(scenario, 1), timing);
}

static void do_unfit(struct scenario *scenario) {
    uint32_t unfit = is(scenario, 2, "priority") ? RAFT_UNFIT_PRIORITY
                     : is(scenario, 2, "full")   ? RAFT_UNFIT_FULL
                     : is(scenario, 2, "stops")  ? RAFT_UNFIT_STOPS
                                                 : 0;
    box_unfit(scenario->box, node(scenario, 1), unfit);
}

/* "n4", "n4l", "n4p", "n4p/n2". */
static struct member member_of(struct scenario *scenario, uint32_t i) {
    const char *text = word(scenario, i);
    char *kind;
    struct member member = {.id = (uint32_t)strtoul(text + (*text == 'n'), &kind, 10)};
    if (*kind == '\0') member.flags = MEMBER_VOTER;
    if (*kind == 'p') member.flags = MEMBER_PROMOTE;
    if (strncmp(kind, "p/n", 3) == 0) member.replaces = (uint32_t)strtoul(kind + 3, NULL, 10);
    return member;
}

static void do_change(struct scenario *scenario) {
    struct raft *raft = raft_of(scenario, 1);
    if (raft == NULL) return;
    struct members members = {0};
    for (uint32_t i = 2; i < scenario->count; i++) {
        struct member member = member_of(scenario, i);
        if (!members_put(&members, &member)) fail(scenario, "too many members");
    }
    box_change(scenario->box, node(scenario, 1), &members);
}

/* --- snapshots ------------------------------------------------------------------------------ */

static void do_snapshot(struct scenario *scenario) {
    if (!box_snapshot(scenario->box, node(scenario, 1))) fail(scenario, "no snapshot is due");
}
static void do_compact(struct scenario *scenario) {
    if (!box_compact(scenario->box, node(scenario, 1), number(scenario, 2)))
        fail(scenario, "nothing to cut");
}
static void do_install(struct scenario *scenario) {
    if (!box_install(scenario->box, node(scenario, 1))) fail(scenario, "it wants no snapshot");
}
static void do_receive(struct scenario *scenario) {
    if (!box_receive(scenario->box, node(scenario, 1))) fail(scenario, "it wants no snapshot");
    box_crash(scenario->box, node(scenario, 1));
}

/* --- expectations --------------------------------------------------------------------------- */

static void expect_number(struct scenario *scenario, const char *what, uint64_t found,
                          uint64_t wanted) {
    if (found == wanted) return;
    fail(scenario, "%s is %llu, expected %llu", what, (unsigned long long)found,
         (unsigned long long)wanted);
}

static void expect_role(struct scenario *scenario, uint32_t id) {
    static const char *const roles[] = {"follower", "pre-candidate", "candidate", "leader"};
    const struct raft *raft = scenario->box->nodes[id].raft;
    const char *found = raft == NULL ? "down" : roles[raft_role(raft)];
    if (!is(scenario, 3, found)) fail(scenario, "n%u is %s", id, found);
}

static void expect_leader(struct scenario *scenario, const struct raft *raft) {
    uint32_t wanted = is(scenario, 3, "none") ? 0 : node(scenario, 3);
    expect_number(scenario, "leader", raft_leader(raft), wanted);
}

static void expect_text(struct scenario *scenario, struct bytes found) {
    struct buffer wanted = {0};
    for (uint32_t i = 3; i < scenario->count; i++)
        buffer_append_format(&wanted, "%s%s", i == 3 ? "" : " ", word(scenario, i));
    if (!bytes_equal(found, buffer_bytes(&wanted)))
        fail(scenario, "it is \"%.*s\"", (int)found.size, found.data);
    buffer_clear(&wanted);
}

static void expect_members(struct scenario *scenario, const struct raft *raft) {
    struct buffer line = {0};
    members_print(raft_members(raft), &line);
    expect_text(scenario, buffer_bytes(&line));
    buffer_clear(&line);
}

static void expect_refusal(struct scenario *scenario, uint32_t id) {
#define REFUSAL_NAME(NAME, text) [RAFT_REFUSED_##NAME] = #NAME,
    static const char *const names[] = {RAFT_REFUSALS(REFUSAL_NAME)};
#undef REFUSAL_NAME
    expect_text(scenario, bytes_of_text(names[scenario->box->nodes[id].refusal]));
}

static void expect_standing(struct scenario *scenario, const struct raft *raft) {
    static const char *const names[] = {"outside", "learner", "voter"};
    expect_text(scenario, bytes_of_text(names[raft_standing(raft)]));
}

static void expect_peer(struct scenario *scenario, const struct raft *raft) {
    static const char *const names[] = {"probe", "replicate", "snapshot"};
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(raft, peers, RAFT_NODES_MAX), wanted = node(scenario, 3);
    const char *found = "none";
    for (uint32_t i = 0; i < count; i++)
        if (peers[i].id == wanted) found = names[peers[i].state];
    if (!is(scenario, 4, found)) fail(scenario, "it is %s", found);
}

static void expect_log(struct scenario *scenario, const struct raft *raft) {
    expect_number(scenario, "log's length", raft_last_index(raft), scenario->count - 3);
    for (uint32_t i = 3; i < scenario->count; i++)
        expect_number(scenario, "an entry's term", raft_term_at(raft, i - 2), number(scenario, i));
}

static void expect_entry(struct scenario *scenario, uint32_t id) {
    struct bytes body = box_body(scenario->box, id, number(scenario, 3));
    if (!bytes_equal(body, bytes_of_text(word(scenario, 4)))) {
        fail(scenario, "the entry is \"%.*s\"", (int)body.size, body.data);
    }
}

static void expect_yes_no(struct scenario *scenario, bool found) {
    if (!is(scenario, 3, found ? "yes" : "no")) fail(scenario, "it is %s", found ? "yes" : "no");
}

static uint64_t count_letters(const struct box_letters *letters, struct scenario *scenario,
                              uint32_t first_word) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < letters->count; i++)
        if (letter_matches(scenario, &letters->at[i], first_word)) count++;
    return count;
}

static void expect_held(struct scenario *scenario, uint32_t id) {
    const struct box_letters *held = &scenario->box->nodes[id].held;
    uint64_t count = 0;
    for (uint32_t i = 0; i < held->count; i++)
        if (is(scenario, 3, raft_message_name(held->at[i].type))) count++;
    expect_number(scenario, "number of held messages", count, number(scenario, 4));
}

static uint64_t inflight(const struct raft *raft) {
    struct raft_peer_status peers[RAFT_NODES_MAX];
    uint32_t count = raft_peers(raft, peers, RAFT_NODES_MAX);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += peers[i].inflight;
    return sum;
}

static void expect_read(struct scenario *scenario) {
    static const char *const states[] = {"not asked", "waiting", "granted", "refused"};
    const struct box_read *read = &scenario->box->reads[number(scenario, 2) % BOX_READS_MAX];
    if (!is(scenario, 3, states[read->state])) fail(scenario, "it is %s", states[read->state]);
    if (scenario->count > 4) {
        expect_number(scenario, "read index", read->index, number(scenario, 4));
    }
}

static void expect_lapse(struct scenario *scenario, uint32_t id) {
    const struct raft_lapse *lapse = &scenario->box->nodes[id].lapse;
    uint32_t wanted = is(scenario, 3, "none") ? 0 : node(scenario, 3);
    expect_number(scenario, "node of the lapse", lapse->node, wanted);
    if (wanted == 0) return;
    expect_number(scenario, "acknowledged", lapse->acknowledged, number(scenario, 4));
    expect_number(scenario, "kept", lapse->kept, number(scenario, 5));
}

static void expect_cause(struct scenario *scenario, uint32_t id) {
    static const char *const names[] = {
#define CAUSE_NAME(NAME, text) [RAFT_CAUSE_##NAME] = #NAME,
        RAFT_CAUSES(CAUSE_NAME)
#undef CAUSE_NAME
    };
    const struct raft_change *change = &scenario->box->nodes[id].change;
    const char *found = names[change->cause];
    bool fits =
        is(scenario, 3, found) && (scenario->count < 5 || node(scenario, 4) == change->node);
    if (!fits) fail(scenario, "the cause is %s n%u", found, change->node);
}

static void do_expect(struct scenario *scenario) {
    if (is(scenario, 1, "read")) {
        expect_read(scenario);
        return;
    }
    if (is(scenario, 1, "elections")) {
        expect_number(scenario, "number of elections", scenario->box->elections,
                      number(scenario, 2));
        return;
    }
    if (is(scenario, 1, "letters")) {
        uint64_t count = count_letters(&scenario->box->letters, scenario, 2);
        expect_number(scenario, "number of letters", count, number(scenario, 5));
        return;
    }
    uint32_t id = node(scenario, 1);
    if (is(scenario, 2, "role")) {
        expect_role(scenario, id);
        return;
    }
    if (is(scenario, 2, "lapse")) {
        expect_lapse(scenario, id);
        return;
    }
    const struct raft *raft = raft_of(scenario, 1);
    if (raft == NULL) return;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"term", raft_term(raft)},
        {"commit", raft_commit_index(raft)},
        {"last", raft_last_index(raft)},
        {"persisted", raft_persisted_index(raft)},
        {"voted", raft_voted_for(raft)},
        {"tail", raft_tail_first_index(raft)},
        {"inflight", inflight(raft)},
        {"writes", scenario->box->nodes[id].write_count},
        {"base", raft_base_index(raft)},
        {"snapshot", scenario->box->nodes[id].snapshot.position.index},
        {"wants", scenario->box->nodes[id].wanted.node == 0
                      ? 0
                      : scenario->box->nodes[id].wanted.position.index},
    };
    for (uint32_t i = 0; i < COUNT_OF(numbers); i++) {
        if (!is(scenario, 2, numbers[i].name)) continue;
        expect_number(scenario, numbers[i].name, numbers[i].value, number(scenario, 3));
        return;
    }
    if (is(scenario, 2, "leader"))
        expect_leader(scenario, raft);
    else if (is(scenario, 2, "members"))
        expect_members(scenario, raft);
    else if (is(scenario, 2, "refused"))
        expect_refusal(scenario, id);
    else if (is(scenario, 2, "standing"))
        expect_standing(scenario, raft);
    else if (is(scenario, 2, "peer"))
        expect_peer(scenario, raft);
    else if (is(scenario, 2, "transfer"))
        expect_number(scenario, "target", raft_transfer_target(raft),
                      is(scenario, 3, "none") ? 0 : node(scenario, 3));
    else if (is(scenario, 2, "cause"))
        expect_cause(scenario, id);
    else if (is(scenario, 2, "removed"))
        expect_yes_no(scenario, raft_is_removed(raft));
    else if (is(scenario, 2, "log"))
        expect_log(scenario, raft);
    else if (is(scenario, 2, "entry"))
        expect_entry(scenario, id);
    else if (is(scenario, 2, "held"))
        expect_held(scenario, id);
    else if (is(scenario, 2, "lease"))
        expect_yes_no(scenario, raft_has_lease(raft, box_now_us(scenario->box, id)));
    else if (is(scenario, 2, "damaged"))
        expect_yes_no(scenario, raft_damaged(raft));
    else if (is(scenario, 2, "vote-lost"))
        expect_yes_no(scenario, raft_vote_is_lost(raft));
    else if (is(scenario, 2, "diverged"))
        expect_yes_no(scenario, raft_diverged(raft));
    else
        fail(scenario, "no such expectation: %s", word(scenario, 2));
}

static void do_breaks(struct scenario *scenario) {
    static const struct {
        const char *name;
        enum raft_planted bit;
    } mistakes[] = {
        {"vote-not-persisted", RAFT_PLANTED_VOTE_NOT_PERSISTED},
        {"commit-old-term", RAFT_PLANTED_COMMIT_OLD_TERM},
        {"acknowledge-before-sync", RAFT_PLANTED_ACKNOWLEDGE_BEFORE_SYNC},
        {"count-truncated", RAFT_PLANTED_COUNT_TRUNCATED},
        {"commit-unverified", RAFT_PLANTED_COMMIT_UNVERIFIED},
        {"lease-from-reply", RAFT_PLANTED_LEASE_FROM_REPLY},
        {"keep-lease", RAFT_PLANTED_KEEP_LEASE},
        {"break-promise", RAFT_PLANTED_BREAK_PROMISE},
        {"read-unconfirmed", RAFT_PLANTED_READ_UNCONFIRMED},
        {"new-quorum-only", RAFT_PLANTED_NEW_QUORUM_ONLY},
        {"count-learners", RAFT_PLANTED_COUNT_LEARNERS},
        {"keep-cut-config", RAFT_PLANTED_KEEP_CUT_CONFIG},
        {"change-too-early", RAFT_PLANTED_CHANGE_TOO_EARLY},
        {"install-drops-suffix", RAFT_PLANTED_INSTALL_DROPS_SUFFIX},
        {"install-goes-back", RAFT_PLANTED_INSTALL_GOES_BACK},
        {"lease-new-quorum", RAFT_PLANTED_LEASE_NEW_QUORUM},
        {"busy-answers", RAFT_PLANTED_BUSY_ANSWERS},
        {"damaged-votes", RAFT_PLANTED_DAMAGED_VOTES},
        {"read-before-noop", RAFT_PLANTED_READ_BEFORE_NOOP},
        {"count-self-early", RAFT_PLANTED_COUNT_SELF_EARLY},
        {"no-silence", RAFT_PLANTED_NO_SILENCE},
        {"vote-for-anyone", RAFT_PLANTED_VOTE_FOR_ANYONE},
        {"heartbeat-waits", RAFT_PLANTED_HEARTBEAT_WAITS},
        {"believe-lost-terms", RAFT_PLANTED_BELIEVE_LOST_TERMS},
    };
    for (uint32_t i = 0; i < COUNT_OF(mistakes); i++) {
        if (!is(scenario, 1, mistakes[i].name)) continue;
        scenario->breaks |= (uint32_t)mistakes[i].bit;
        return;
    }
    fail(scenario, "no such mistake: %s", word(scenario, 1));
}

/* --- the interpreter ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*run)(struct scenario *);
    uint32_t words_min;
} commands[] = {
    {"add", do_add, 2},
    {"breaks", do_breaks, 2},
    {"campaign", do_campaign, 2},
    {"change", do_change, 3},
    {"compact", do_compact, 3},
    {"connected", do_connected, 3},
    {"crash", do_crash, 2},
    {"cut", do_cut, 3},
    {"damage", do_damage, 3},
    {"deliver", do_deliver, 2},
    {"drop", do_drop, 3},
    {"duplicate", do_duplicate, 3},
    {"expect", do_expect, 3},
    {"fail-fetch", do_fail_fetch, 2},
    {"fetch", do_fetch, 2},
    {"forge", do_forge, 4},
    {"forget", do_forget, 3},
    {"hold", do_hold, 2},
    {"install", do_install, 2},
    {"isolate", do_isolate, 2},
    {"join", do_join, 2},
    {"jump", do_jump, 3},
    {"keep", do_keep, 2},
    {"log", do_log, 3},
    {"lose-vote", do_lose_vote, 2},
    {"mend", do_mend, 3},
    {"mute", do_mute, 3},
    {"nodes", do_nodes, 2},
    {"notify", do_notify, 3},
    {"written", do_written, 2},
    {"persist", do_persist, 2},
    {"propose", do_propose, 3},
    {"read", do_read, 3},
    {"receive", do_receive, 2},
    {"release", do_release, 2},
    {"resign", do_resign, 2},
    {"restart", do_start, 2},
    {"run", do_run, 2},
    {"set", do_set, 3},
    {"settle", do_settle, 1},
    {"snapshot", do_snapshot, 2},
    {"stall", do_stall, 2},
    {"start", do_start, 1},
    {"term", do_term, 3},
    {"tick", do_tick, 2},
    {"time", do_time, 2},
    {"timing", do_timing, 4},
    {"trace", do_trace, 2},
    {"transfer", do_transfer, 3},
    {"unfit", do_unfit, 3},
    {"unstall", do_unstall, 2},
};

static void split(struct scenario *scenario, char *line) {
    scenario->count = 0;
    line[strcspn(line, "#\n")] = '\0';
    for (char *at = strtok(line, " \t"); at != NULL; at = strtok(NULL, " \t")) {
        if (scenario->count == WORDS_MAX) {
            fail(scenario, "too many words");
            return;
        }
        scenario->words[scenario->count++] = at;
    }
}

static void run_line(struct scenario *scenario) {
    for (uint32_t i = 0; i < COUNT_OF(commands); i++) {
        if (!is(scenario, 0, commands[i].name)) continue;
        if (scenario->count < commands[i].words_min)
            fail(scenario, "too few words");
        else
            commands[i].run(scenario);
        if (scenario->box->violation.size > 0) fail(scenario, "%s", scenario->box->violation.data);
        return;
    }
    fail(scenario, "no such command");
}

void scenario_run(const char *path, uint32_t planted, struct buffer *failure, uint32_t *breaks) {
    struct scenario scenario = {
        .box = memory_allocate_zeroed(sizeof(struct box)),
        .config = {.heartbeat_us = 50000,
                   .election_us = 400000,
                   .lease_margin_us = 40000,
                   .seed = 1,
                   .base_hash = 77,
                   .tail_bytes_max = 1 << 20,
                   .append_bytes_max = 1 << 16,
                   .inflight_max = 8,
                   .planted = planted},
        .failure = failure,
    };
    FILE *file = fopen(path, "r");
    if (file == NULL) fail(&scenario, "cannot be opened");
    char line[LINE_MAX_BYTES], original[LINE_MAX_BYTES];
    for (uint32_t at = 1; failure->size == 0 && fgets(line, sizeof(line), file) != NULL; at++) {
        memcpy(original, line, sizeof(line));
        split(&scenario, line);
        if (scenario.count > 0) run_line(&scenario);
        if (failure->size > 0) {
            buffer_append_format(failure, " (line %u: %.*s)", at, (int)strcspn(original, "#\n"),
                                 original);
        }
    }
    if (file != NULL) fclose(file);
    box_check_logs(scenario.box);
    if (scenario.box->violation.size > 0) fail(&scenario, "%s", scenario.box->violation.data);
    box_clear(scenario.box);
    memory_release(scenario.box);
    if (breaks != NULL) *breaks = scenario.breaks;
}
