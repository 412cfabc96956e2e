/* fuzz_rdb: the RDB reader on foreign bytes. However the bytes are cut, it says the same; storages
 * that it accepts are whole, and saved and loaded literally they are the same again.
 *
 * The first byte: bit 0 for RDB_LITERAL; bit 1 for bytes that are the middle of a file, whose head,
 * end and checksum are put around them. The second: the size of the pieces. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/crc64.h"
#include "base/memory.h"
#include "storages/rdb_read.h"
#include "storages/rdb_write.h"
#include "storages/storages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LITERAL = 1, MIDDLE = 2 };

struct outcome {
    struct storages *storages;
    enum error error;
};

static struct outcome load(struct bytes file, enum rdb_mode mode, size_t piece) {
    struct outcome outcome = {.storages = storages_create(1)};
    struct rdb_reader *reader = rdb_reader_create(&(struct rdb_read_options){
        .storages = outcome.storages, .mode = mode, .now_ms = 1000, .bytes_total = file.size});
    for (size_t at = 0; at < file.size && outcome.error == ERROR_NONE; at += piece) {
        struct bytes more = bytes_slice(file, at, piece);
        char *copy = memory_allocate(more.size); /* ends where the piece ends, for the sanitizer */
        memcpy(copy, more.data, more.size);
        outcome.error = rdb_reader_feed(reader, bytes_of(copy, more.size));
        memory_release(copy);
    }
    if (outcome.error == ERROR_NONE) outcome.error = rdb_reader_end(reader);
    CHECK((outcome.error == ERROR_NONE) == rdb_reader_is_complete(reader));
    CHECK((outcome.error == ERROR_NONE) == (rdb_reader_error(reader)[0] == 0));
    for (uint32_t i = 0; i < rdb_reader_pair_count(reader); i++) {
        struct bytes name, value, found;
        rdb_reader_pair(reader, i, &name, &value);
        CHECK(rdb_reader_find_pair(reader, name, &found));
    }
    rdb_reader_destroy(reader);
    return outcome;
}

static void check_saved(const struct storages *storages) {
    struct buffer file = {0};
    struct rdb_writer *writer = rdb_writer_create(
        storages, &(struct rdb_write_options){.redis_version = BYTES("7.0.15"), .compress = true});
    while (!rdb_writer_next(writer, &file, 100))
        continue;
    rdb_writer_destroy(writer);
    struct outcome again = load(buffer_bytes(&file), RDB_LITERAL, 1000);
    CHECK(again.error == ERROR_NONE);
    CHECK(storages_digest(storages) == storages_digest(again.storages));
    storages_check(again.storages);
    storages_destroy(again.storages);
    buffer_clear(&file);
}

/* A whole file around its middle. */
static void put_around(struct buffer *file, struct bytes middle) {
    struct crc64 crc;
    buffer_append_format(file, "REDIS0010");
    buffer_append_bytes(file, middle);
    buffer_append_byte(file, (char)0xff);
    crc64_init(&crc);
    crc64_add(&crc, buffer_bytes(file));
    buffer_append_u64(file, crc.sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    enum rdb_mode mode = data[0] & LITERAL ? RDB_LITERAL : RDB_IMPORT;
    struct buffer file = {0};
    if (data[0] & MIDDLE)
        put_around(&file, bytes_of(data + 2, size - 2));
    else
        buffer_append(&file, data + 2, size - 2);

    struct outcome whole = load(buffer_bytes(&file), mode, file.size + 1);
    struct outcome cut = load(buffer_bytes(&file), mode, data[1] + 1u);
    CHECK(whole.error == cut.error);
    if (whole.error == ERROR_NONE) {
        storages_check(whole.storages);
        CHECK(storages_digest(whole.storages) == storages_digest(cut.storages));
        check_saved(whole.storages);
    }
    storages_destroy(whole.storages);
    storages_destroy(cut.storages);
    buffer_clear(&file);
    return 0;
}
