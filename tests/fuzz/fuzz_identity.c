/* fuzz_identity.c: the file `node`. Bytes as they are, and once more with a checksum that holds, so
 * that what lies behind it is met too; what is taken in survives being written again. */
#include <stdio.h>

#include "base/hash.h"
#include "src/server/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_text(struct bytes text) {
    struct identity identity, again;
    if (identity_decode(text, &identity) != ERROR_NONE) return;
    struct identity_list known = identity_known(&identity);
    for (uint32_t i = 0; i < known.count; i++)
        CHECK(identity_member(&identity, known.at[i].id) == &known.at[i]);
    CHECK(identity_member(&identity, RAFT_NODES_MAX + 1) == NULL);
    struct members founders;
    identity_founders(&identity, &founders);
    CHECK(founders.count == identity.member_count);
    struct buffer written = {0};
    identity_encode(&identity, &written);
    CHECK(identity_decode(buffer_bytes(&written), &again) == ERROR_NONE);
    CHECK(memcmp(&identity, &again, sizeof(identity)) == 0);
    CHECK(identity_base_hash(&identity) == identity_base_hash(&again));
    buffer_clear(&written);
    char id[2 * IDENTITY_ID_SIZE + 1];
    identity_print_id(identity.cluster, IDENTITY_ID_SIZE, id);
    CHECK(strlen(id) == 2 * IDENTITY_ID_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = bytes_of((const char *)data, size);
    read_text(text);
    struct buffer summed = {0};
    buffer_append_bytes(&summed, text);
    uint64_t checksum = hash_bytes(text, 0);
    buffer_append_format(&summed, "checksum %016llx\n", (unsigned long long)checksum);
    read_text(buffer_bytes(&summed));
    buffer_clear(&summed);
    return 0;
}
