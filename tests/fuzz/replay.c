/* replay: runs a fuzz target over its kept seeds, in builds without libFuzzer.
 *
 * usage: replay_<name> DIRECTORY. Each file in it is one input. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_file(const char *path, struct buffer *content) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t size;
    do {
        size = fread(buffer_reserve(content, 4096), 1, 4096, file);
        content->size += size;
    } while (size > 0);
    CHECK(!ferror(file));
    fclose(file);
}

/* The input stands in a block of exactly its size: one byte too far is seen by ASan. */
static void run_input(const char *path) {
    struct buffer content = {0};
    read_file(path, &content);
    uint8_t *exact = malloc(content.size == 0 ? 1 : content.size);
    CHECK(exact != NULL);
    if (content.size > 0) memcpy(exact, content.data, content.size);
    LLVMFuzzerTestOneInput(exact, content.size);
    free(exact);
    buffer_clear(&content);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
        return 2;
    }
    struct dirent **names;
    int count = scandir(arguments[1], &names, NULL, alphasort);
    int inputs = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            struct buffer path = {0};
            buffer_append_format(&path, "%s/%s", arguments[1], names[i]->d_name);
            buffer_append_byte(&path, '\0');
            run_input(path.data);
            buffer_clear(&path);
            inputs += 1;
        }
        free(names[i]);
    }
    if (count >= 0) free(names);
    printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
