/* fuzz_raft_message: foreign bytes as a message between cores. What the decoder takes it encodes
 * back to the same bytes, and a core that is given it keeps its invariants.
 *
 * The first byte of an input: bit 0 says whether the entries' hashes are put right first (a fuzzer
 * does not guess hashes), bit 1 whether the core that gets the message leads, bits 2 and 3 whether
 * (else) it has lost entries, or its vote. Where a nonce is wanted 0 stands for the right one. */
#include "base/hash.h"
#include "raft/raft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES_MAX = 32, PREFIX_SIZE = 24, APPEND_FIELDS_SIZE = 48 };

/* Fills in the hashes of the images behind an APPEND as far as their sizes make sense. */
static void mend_hashes(char *at, size_t size) {
    size_t images = PREFIX_SIZE + APPEND_FIELDS_SIZE;
    if (size < images || load_u32(at) != RAFT_APPEND) return;
    uint64_t hash = load_u64(at + PREFIX_SIZE + 16);
    at += images;
    size -= images;
    while (size >= ENTRY_HEADER_SIZE && entry_size(at) <= size) {
        store_u64(at + 72, hash_bytes(entry_body(at), 0));
        hash = entry_hash_after(at, hash);
        store_u64(at + 24, hash);
        size -= entry_size(at);
        at += entry_size(at);
    }
}

static void check_round_trip(const struct raft_message *message, struct bytes wire) {
    struct buffer again = {0};
    raft_message_encode(message, &again);
    for (uint32_t i = 0; i < message->entry_count; i++)
        buffer_append(&again, message->entries[i].image, entry_size(message->entries[i].image));
    CHECK(bytes_equal(buffer_bytes(&again), wire));
    again.size = 0;
    raft_message_print(message, &again);
    CHECK(again.size > 0);
    buffer_clear(&again);
}

static void step(struct raft *raft, struct raft_event event, struct raft_output *output) {
    uint64_t deadline_us = raft_deadline_us(raft);
    event.now_us = 1; /* Time never runs back: this is now. */
    if (event.type == RAFT_EVENT_TICK && deadline_us != UINT64_MAX) event.now_us = deadline_us;
    raft_step(raft, &event, output);
    raft_check(raft);
}

enum choice { MEND = 1, LEADS = 2, DAMAGED = 4, VOTE_LOST = 8 };

/* n1 of three, with two entries; as a leader it has been given the votes it asked for. */
static struct raft *create_core(uint8_t choices) {
    const struct raft_config config = {.id = 1,
                                       .voters = {1, 2, 3},
                                       .voter_count = 3,
                                       .heartbeat_us = 50000,
                                       .election_us = 400000,
                                       .append_bytes_max = 1000,
                                       .inflight_max = 4};
    struct raft *raft = raft_create(&config, &(struct raft_hard_state){.term = 3}, 0);
    uint64_t hash = 0;
    for (uint64_t index = 1; index <= 2; index++) {
        struct chunk *chunk = chunk_create(ENTRY_HEADER_SIZE);
        entry_header_write(chunk->data,
                           &(struct entry_header){.format = ENTRY_FORMAT,
                                                  .type = ENTRY_NOOP,
                                                  .body_hash = hash_bytes((struct bytes){0}, 0)});
        entry_seal(chunk->data, index, index, 0, hash);
        hash = entry_hash(chunk->data);
        raft_restore(raft, (struct entry){.chunk = chunk, .image = chunk->data}, false);
        chunk_release(chunk);
    }
    bool leads = (choices & LEADS) != 0;
    raft_restore_losses(raft, !leads && (choices & DAMAGED) != 0,
                        !leads && (choices & VOTE_LOST) != 0);
    raft_start(raft, 0);
    if (!leads) return raft;
    struct raft_output output;
    step(raft, (struct raft_event){.type = RAFT_EVENT_TICK}, &output);
    struct raft_message reply = {.type = RAFT_PRE_VOTE_REPLY,
                                 .from = 2,
                                 .to = 1,
                                 .term = 3,
                                 .as.pre_vote_reply = {.campaign_term = 4, .granted = 1}};
    step(raft, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &reply}, &output);
    step(raft, (struct raft_event){.type = RAFT_EVENT_PERSISTED, .number = 1}, &output);
    reply = (struct raft_message){
        .type = RAFT_VOTE_REPLY, .from = 2, .to = 1, .term = 4, .as.vote_reply = {.granted = 1}};
    step(raft, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &reply}, &output);
    CHECK(raft_role(raft) == RAFT_LEADER);
    return raft;
}

/* As if it answered what the core has just asked. */
static void put_nonce(struct raft_message *message, const struct raft_output *asked) {
    for (uint32_t i = 0; i < asked->message_count; i++) {
        const struct raft_message *question = &asked->messages[i];
        uint64_t terms = question->as.pre_vote.campaign_term, nonce = question->as.recount.nonce;
        bool asks_terms = question->type == RAFT_PRE_VOTE;
        uint64_t *told = message->type == RAFT_PRE_VOTE_REPLY
                             ? &message->as.pre_vote_reply.campaign_term
                             : &message->as.vote_lost.nonce;
        bool tells = message->type == RAFT_PRE_VOTE_REPLY || message->type == RAFT_VOTE_LOST;
        if (asks_terms && tells && *told == 0) *told = terms;
        bool counts = question->type == RAFT_RECOUNT && message->type == RAFT_RECOUNT_REPLY;
        if (counts && message->as.recount_reply.nonce == 0) message->as.recount_reply.nonce = nonce;
    }
}

static void give_to_a_core(struct raft_message *message, uint8_t choices) {
    struct raft *raft = create_core(choices);
    struct raft_output output;
    message->to = 1;
    if (message->from == 1) message->from = 2;
    if ((choices & (DAMAGED | VOTE_LOST)) != 0) {
        struct raft_message beat = {.type = RAFT_HEARTBEAT, .from = 2, .to = 1, .term = 3};
        step(raft, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &beat}, &output);
        put_nonce(message, &output);
        step(raft, (struct raft_event){.type = RAFT_EVENT_TICK}, &output);
        put_nonce(message, &output);
    }
    step(raft, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = message}, &output);
    if ((choices & VOTE_LOST) != 0)
        message->from = 5 - message->from % 4; /* the other one says so */
    step(raft, (struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = message}, &output);
    step(raft, (struct raft_event){.type = RAFT_EVENT_TICK}, &output);
    raft_destroy(raft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    uint8_t choices = data[0];
    data++;
    size--;
    /* A chunk of exactly its size: one byte too far is seen by ASan. */
    struct chunk *chunk = chunk_create(size);
    if (size > 0) memcpy(chunk->data, data, size);
    chunk->used = size;
    if (choices & MEND) mend_hashes(chunk->data, size);

    struct raft_message message;
    struct entry entries[ENTRIES_MAX];
    struct bytes wire = bytes_of(chunk->data, size);
    if (raft_message_decode(wire, chunk, &message, entries, ENTRIES_MAX) == ERROR_NONE) {
        check_round_trip(&message, wire);
        give_to_a_core(&message, choices);
    }
    chunk_release(chunk);
    return 0;
}
