/* frame.c: see frame.h. */
#include "src/server/frame.h"

#include "base/hash.h"

void frame_begin(struct buffer *head) {
    static const char zeros[FRAME_HEADER_SIZE];
    CHECK(head->size == 0);
    buffer_append(head, zeros, sizeof(zeros));
}

void frame_end(struct buffer *head, enum frame_kind kind, size_t spans_size) {
    size_t head_size = head->size - FRAME_HEADER_SIZE;
    size_t size = head_size + spans_size;
    CHECK(size <= UINT32_MAX && head_size < 1u << 24);
    store_u32(head->data, (uint32_t)size);
    store_u32(head->data + 4, (uint32_t)kind << 24 | (uint32_t)head_size);
    struct bytes bytes = bytes_of(head->data + FRAME_HEADER_SIZE, head_size);
    store_u64(head->data + 8, hash_bytes(bytes, load_u64(head->data)));
}

enum frame_status frame_read(struct bytes bytes, uint64_t body_max, struct frame *frame) {
    frame->size = FRAME_HEADER_SIZE;
    if (bytes.size < FRAME_HEADER_SIZE) return FRAME_PARTIAL;
    size_t body_size = load_u32(bytes.data), head_size = load_u32(bytes.data + 4) & 0xffffff;
    if (head_size > body_size || body_size > body_max) return FRAME_MALFORMED;
    frame->size += body_size;
    if (bytes.size < frame->size) return FRAME_PARTIAL;
    frame->kind = load_u32(bytes.data + 4) >> 24;
    frame->body = bytes_slice(bytes, FRAME_HEADER_SIZE, body_size);
    frame->head = bytes_slice(frame->body, 0, head_size);
    bool is_right = hash_bytes(frame->head, load_u64(bytes.data)) == load_u64(bytes.data + 8);
    return is_right ? FRAME_WHOLE : FRAME_MALFORMED;
}
