/* error.c: the texts of the error codes. */
#include "base/error.h"

#define ERROR_TEXT(code, text) [code] = (text),
static const char *const error_texts[] = {ERROR_LIST(ERROR_TEXT)};

const char *error_text(enum error error) {
    CHECK((unsigned)error < COUNT_OF(error_texts));
    return error_texts[error];
}
