/* ledger.c: see ledger.h. */
#include "tests/torture/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum token_state { TOKEN_UNKNOWN, TOKEN_PUSHED, TOKEN_NEVER };

struct token {
    enum token_state state;
    uint32_t seen; /* popped, or left at the end */
};

struct addition {
    int64_t amount, sum;
};

struct ledger {
    struct addition *additions;
    size_t addition_count, addition_capacity;
    int64_t added, maybe_added;

    struct token *tokens;
    size_t token_count, token_capacity;
    size_t maybe_popped;
    int64_t stranger; /* a token that nobody pushed; -1: none came */
};

struct ledger *ledger_create(void) {
    struct ledger *ledger = memory_allocate_zeroed(sizeof(*ledger));
    ledger->stranger = -1;
    return ledger;
}

void ledger_destroy(struct ledger *ledger) {
    if (ledger == NULL) return;
    memory_release(ledger->additions);
    memory_release(ledger->tokens);
    memory_release(ledger);
}

void ledger_added(struct ledger *ledger, int64_t amount, int64_t sum) {
    CHECK(amount > 0);
    if (ledger->addition_count == ledger->addition_capacity) {
        ledger->addition_capacity = ledger->addition_capacity * 2 + 256;
        ledger->additions =
            memory_resize(ledger->additions, ledger->addition_capacity * sizeof(struct addition));
    }
    ledger->additions[ledger->addition_count++] = (struct addition){.amount = amount, .sum = sum};
    ledger->added += amount;
}

void ledger_maybe_added(struct ledger *ledger, int64_t amount) {
    ledger->maybe_added += amount;
}

int64_t ledger_push(struct ledger *ledger) {
    if (ledger->token_count == ledger->token_capacity) {
        ledger->token_capacity = ledger->token_capacity * 2 + 256;
        ledger->tokens =
            memory_resize(ledger->tokens, ledger->token_capacity * sizeof(struct token));
    }
    ledger->tokens[ledger->token_count] = (struct token){0};
    return (int64_t)ledger->token_count++;
}

static struct token *token_of(struct ledger *ledger, int64_t token) {
    if (token >= 0 && (size_t)token < ledger->token_count) return &ledger->tokens[token];
    return NULL;
}

void ledger_pushed(struct ledger *ledger, int64_t token) {
    token_of(ledger, token)->state = TOKEN_PUSHED;
}

void ledger_not_pushed(struct ledger *ledger, int64_t token) {
    token_of(ledger, token)->state = TOKEN_NEVER;
}

void ledger_popped(struct ledger *ledger, int64_t token) {
    struct token *own = token_of(ledger, token);
    if (own == NULL) {
        ledger->stranger = token;
    } else {
        own->seen++;
    }
}

void ledger_maybe_popped(struct ledger *ledger) {
    ledger->maybe_popped++;
}

static int by_sum(const void *left, const void *right) {
    const struct addition *a = left, *b = right;
    return (a->sum > b->sum) - (a->sum < b->sum);
}

/* Each addition moved the counter from sum - amount to sum: two that share a step were one. */
static bool additions_are_exact(struct ledger *ledger, int64_t total, char *problem, size_t size) {
    if (ledger->addition_count > 0)
        qsort(ledger->additions, ledger->addition_count, sizeof(struct addition), by_sum);
    int64_t before = 0;
    for (size_t i = 0; i < ledger->addition_count; i++) {
        const struct addition *addition = &ledger->additions[i];
        if (addition->sum - addition->amount < before || addition->sum > total) {
            snprintf(problem, size,
                     "INCRBY %lld answered %lld, after one that answered %lld; the end is %lld",
                     (long long)addition->amount, (long long)addition->sum, (long long)before,
                     (long long)total);
            return false;
        }
        before = addition->sum;
    }
    int64_t most = ledger->added + ledger->maybe_added;
    if (total >= ledger->added && total <= most) return true;
    snprintf(problem, size, "the counter is %lld: acknowledged are %lld, with the unknown %lld",
             (long long)total, (long long)ledger->added, (long long)most);
    return false;
}

static bool tokens_are_exact(struct ledger *ledger, char *problem, size_t size) {
    size_t missing = 0;
    if (ledger->stranger >= 0) {
        snprintf(problem, size, "token %lld was never pushed", (long long)ledger->stranger);
        return false;
    }
    for (size_t i = 0; i < ledger->token_count; i++) {
        const struct token *token = &ledger->tokens[i];
        if (token->seen > 1 || (token->seen > 0 && token->state == TOKEN_NEVER)) {
            snprintf(problem, size, "token %zu is there %u times%s", i, token->seen,
                     token->state == TOKEN_NEVER ? ", and its push was refused" : "");
            return false;
        }
        missing += token->seen == 0 && token->state == TOKEN_PUSHED;
    }
    if (missing <= ledger->maybe_popped) return true;
    snprintf(problem, size, "%zu acknowledged tokens are gone, %zu pops may have taken one each",
             missing, ledger->maybe_popped);
    return false;
}

bool ledger_is_exact(struct ledger *ledger, int64_t total, const int64_t *left, size_t left_count,
                     char *problem, size_t size) {
    for (size_t i = 0; i < left_count; i++)
        ledger_popped(ledger, left[i]);
    return additions_are_exact(ledger, total, problem, size) &&
           tokens_are_exact(ledger, problem, size);
}
