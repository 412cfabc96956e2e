/* peers.c: dialling, accepting, the handshake, frames.
 *
 * A link is one connection. The dialler's goes CLOSED -> RESOLVING -> CONNECTING -> HELLO -> PROOF
 * -> READY; the acceptor's HELLO -> PROOF -> READY. The handshake (handshake.h), all frames with
 * their whole body in the head:
 *
 *     dialler  HELLO   version, purpose, cluster, node, id, nonce
 *     acceptor HELLO   the same of its own, and its proof
 *     dialler  PROOF   its proof
 *     acceptor WELCOME, or REFUSAL with a text
 *
 * A link of purpose FOUNDING then carries ANSWER frames both ways until the cluster is founded, one
 * of purpose JOIN questions and answers (joining.h); an accepted one counts as unproved and ends
 * when no question comes. A member says on its control link where it is (ADDRESS): whoever does not
 * know it yet can answer.
 *
 * What keeps nodes apart is told on both sides: at once, and again while it lasts, but the same
 * line no more often than every ten seconds, and another one not within the same second. */
#include "src/server/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "src/replica/mend.h"
#include "src/server/address.h"
#include "src/server/frame.h"
#include "src/server/handshake.h"
#include "src/server/thread.h"
#include "src/server/watchdog.h"

enum {
    PROTOCOL_BUSY = 3,    /* the version that brought BUSY */
    PROTOCOL_ADDRESS = 3, /* and FRAME_ADDRESS */
    /* Different long doubles compute different INCRBYFLOATs (SAFETY 22): not one cluster. */
    FLOAT_MODEL = __LDBL_MANT_DIG__,
    UNPROVED_MAX = 64,           /* accepted connections that have not proved who they are */
    UNPROVED_FRAME_MAX = 8192,   /* bytes */
    JOINED_FRAME_MAX = 65536,    /* an identity of all members there can be */
    QUEUE_BYTES_MAX = 256 << 20, /* on one link: beyond it packets are dropped */
    SPANS_PER_WRITE = 256,
    FLUSH_BYTES_MAX = 2 << 20, /* to one link and turn: heartbeats of others wait behind it */
};
static const double handshake_seconds = 3, founding_seconds = 0.1;
static const double question_seconds = 5; /* an accepted FOUNDING link ends after such a silence */
static const double look_seconds = 1;     /* while founding: who is missing? */
static const double same_line_seconds = 10, other_line_seconds = 0.9;
static const double backoff_first = 0.02, backoff_max = 1.0;
static const uint64_t frame_size_max = 2ull << 30;

enum link_purpose { LINK_CONTROL = 1, LINK_BULK, LINK_FOUNDING, LINK_JOIN };
enum link_state {
    LINK_CLOSED,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_HELLO,
    LINK_PROOF,
    LINK_READY
};

struct outgoing {
    struct outgoing *next;
    struct replica_packet *packet; /* NULL: head only */
    struct buffer head;            /* frame header and the packet's head */
};

struct link {
    struct peers *peers;
    struct link *next_accepted;
    bool accepted;
    uint8_t purpose, state;
    uint32_t protocol; /* the version agreed upon */
    uint32_t position; /* dialler: of the other node in the list; acceptor: id of the member */
    int fd;
    ev_io reader, writer;
    ev_timer timer; /* CLOSED: back-off; handshake: its bound; FOUNDING: the next question */
    double backoff;
    uint32_t attempts; /* to connect: a name may have several addresses */
    char nonce[HANDSHAKE_NONCE_SIZE], other_nonce[HANDSHAKE_NONCE_SIZE];
    char other_uuid[IDENTITY_ID_SIZE]; /* acceptor: the dialler's */
    bool is_outsider;                  /* acceptor: no member any more, and to be told so */

    struct outgoing *out_first, *out_last;
    size_t out_offset; /* sent bytes of out_first */
    size_t out_bytes;

    struct chunk *in; /* bytes in_start .. in->used are not yet taken in */
    size_t in_start;
    bool closing; /* after what is queued has been written */
};

/* A line of the log that would come again and again. */
struct complaint {
    char text[FOUNDING_TEXT_SIZE];
    double told_at;
};

struct peer {
    bool used;
    bool is_tentative; /* not known as a member: of a newer configuration, perhaps */
    char uuid[IDENTITY_ID_SIZE];
    struct link control, bulk;
    struct peer_status status;
    bool is_up;
    char problem[256]; /* why its links do not get ready; empty: nothing is known */
    struct complaint complaint;
};

struct resolution {
    struct resolution *next;
    struct peers *peers;
    uint32_t link_key; /* position * 2 + bulk */
    uint64_t generation;
    uint32_t choice; /* among the name's addresses, which are taken in turn */
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
    struct sockaddr_storage address;
    socklen_t address_size; /* 0: not found */
};

/* What the resolver threads and the loop share. It outlives peers while threads are under way. */
struct resolver {
    pthread_mutex_t lock;
    struct resolution *done;
    uint32_t under_way;
    bool abandoned;
    ev_async wake;
    struct ev_loop *loop;
};

struct peers {
    struct peers_config config;
    struct peers_handlers handlers;
    char *secret;
    struct peer peer[RAFT_NODES_MAX]; /* founding: by position in the list; then by id - 1 */
    uint32_t self;                    /* likewise */
    uint32_t list_count;              /* founding; joining: 1 */
    struct joining_question question;
    bool joins;
    uint64_t members_index;
    char own_host[IDENTITY_HOST_SIZE]; /* as a member; empty: not known */
    uint16_t own_port;
    struct founding founding;
    uint64_t list_hash;
    bool founded, decided;
    struct link *accepted;
    struct link *gone; /* accepted and closed: freed when nobody can be inside of them */
    ev_timer look;     /* while founding */
    struct complaint missing, refused;
    uint32_t unproved;
    ev_io *listeners;
    struct resolver *resolver;
    uint64_t generation[RAFT_NODES_MAX * 2];
};

static void link_close(struct link *link);
static void link_dial(struct link *link);
static void link_flush(struct link *link);

PRINTF_LIKE(3, 4) static void say(struct peers *peers, bool warning, const char *format, ...) {
    char text[FOUNDING_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    peers->handlers.log(peers->handlers.context, warning, text);
}

/* Says it, unless the same was said a moment ago. */
static void complain(struct peers *peers, struct complaint *complaint, const char *text) {
    double now = ev_now(peers->config.loop), elapsed = now - complaint->told_at;
    bool same = strcmp(complaint->text, text) == 0;
    if (elapsed >= 0 && elapsed < (same ? same_line_seconds : other_line_seconds)) return;
    snprintf(complaint->text, sizeof(complaint->text), "%s", text);
    complaint->told_at = now;
    say(peers, true, "%s", text);
}

/* Of a node that was dialled. */
PRINTF_LIKE(2, 3) static void note_problem(struct link *link, const char *format, ...) {
    struct peer *peer = &link->peers->peer[link->position];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(peer->problem, sizeof(peer->problem), format, arguments);
    va_end(arguments);
}

/* One that a person has to mend. */
static void complain_of(struct link *link, const char *problem) {
    struct peer *peer = &link->peers->peer[link->position];
    char text[FOUNDING_TEXT_SIZE];
    note_problem(link, "%s", problem);
    snprintf(text, sizeof(text), "%s:%u %s", peer->status.host, peer->status.port, problem);
    peer->status.refusals++;
    complain(link->peers, &peer->complaint, text);
}

/* Where an accepted connection comes from, as far as is known: its port says nothing. */
static void complain_of_accepted(struct link *link, const char *problem) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[NI_MAXHOST] = "?", text[FOUNDING_TEXT_SIZE];
    if (getpeername(link->fd, (struct sockaddr *)&address, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), NULL, 0,
                          NI_NUMERICHOST);
    }
    snprintf(text, sizeof(text), "a node at %.64s %s", host, problem);
    complain(link->peers, &link->peers->refused, text);
}

static const struct identity *own(const struct peers *peers) {
    return peers->config.identity;
}

/* Of a node that belongs to no cluster yet. */
static bool is_guest(const struct link *link) {
    return link->purpose == LINK_FOUNDING || link->purpose == LINK_JOIN;
}

/* --- frames out ------------------------------------------------------------------------------ */

static void link_queue(struct link *link, struct outgoing *out) {
    out->next = NULL;
    if (link->out_last == NULL) {
        link->out_first = out;
    } else {
        link->out_last->next = out;
    }
    link->out_last = out;
    link->out_bytes += out->head.size;
    if (out->packet != NULL) link->out_bytes += out->packet->size;
}

static void outgoing_destroy(struct outgoing *out) {
    replica_packet_destroy(out->packet);
    buffer_clear(&out->head);
    memory_release(out);
}

static struct outgoing *outgoing_create(void) {
    struct outgoing *out = memory_allocate_zeroed(sizeof(*out));
    frame_begin(&out->head);
    return out;
}

static void send_text_frame(struct link *link, enum frame_kind kind, struct bytes body) {
    struct outgoing *out = outgoing_create();
    buffer_append_bytes(&out->head, body);
    frame_end(&out->head, kind, 0);
    link_queue(link, out);
    link_flush(link);
}

static size_t outgoing_size(const struct outgoing *out) {
    return out->head.size + (out->packet == NULL ? 0 : out->packet->size - out->packet->head.size);
}

/* The watchdog writes to control connections, too (SAFETY 16). */
static bool link_is_watched(const struct link *link) {
    return link->peers->config.watchdog != NULL && !link->accepted &&
           link->purpose == LINK_CONTROL && link->state == LINK_READY;
}

static void link_queue_first(struct link *link, struct buffer head) {
    CHECK(link->out_offset == 0);
    struct outgoing *out = memory_allocate_zeroed(sizeof(*out));
    out->head = head;
    out->next = link->out_first;
    link->out_first = out;
    if (link->out_last == NULL) link->out_last = out;
    link->out_bytes += out->head.size;
}

/* Between these two the watchdog keeps away; a frame that it could not finish goes first. */
static void begin_write(struct link *link) {
    if (!link_is_watched(link)) return;
    struct buffer rest = {0};
    watchdog_begin_write(link->peers->config.watchdog, link->position + 1, &rest);
    if (rest.size > 0) link_queue_first(link, rest);
}

static void end_write(struct link *link) {
    if (!link_is_watched(link)) return;
    watchdog_end_write(link->peers->config.watchdog, link->position + 1, link->out_offset == 0);
}

/* The spans of what is queued, from the first unsent byte. */
static int gather(const struct link *link, struct iovec *at, int max) {
    int count = 0;
    size_t skip = link->out_offset;
    for (const struct outgoing *out = link->out_first; out != NULL && count < max;
         out = out->next) {
        uint32_t spans = out->packet == NULL ? 0 : out->packet->span_count;
        for (uint32_t i = 0; i <= spans && count < max; i++) {
            struct bytes span = i == 0 ? buffer_bytes(&out->head) : out->packet->spans[i - 1];
            if (skip >= span.size) {
                skip -= span.size;
                continue;
            }
            at[count++] = (struct iovec){(char *)(uintptr_t)span.data + skip, span.size - skip};
            skip = 0;
        }
    }
    return count;
}

static void take_sent(struct link *link, size_t sent) {
    link->out_offset += sent;
    while (link->out_first != NULL && link->out_offset >= outgoing_size(link->out_first)) {
        struct outgoing *out = link->out_first;
        link->out_offset -= outgoing_size(out);
        link->out_bytes -= out->head.size + (out->packet == NULL ? 0 : out->packet->size);
        link->out_first = out->next;
        if (out->next == NULL) link->out_last = NULL;
        outgoing_destroy(out);
    }
}

enum flushed { FLUSHED_ALL, FLUSHED_SOME, FLUSH_FAILED };

static enum flushed write_queue(struct link *link) {
    size_t flushed = 0;
    while (link->out_first != NULL) {
        if (flushed >= FLUSH_BYTES_MAX) return FLUSHED_SOME;
        struct iovec spans[SPANS_PER_WRITE];
        struct msghdr message = {.msg_iov = spans,
                                 .msg_iovlen = (size_t)gather(link, spans, SPANS_PER_WRITE)};
        ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EINTR ? FLUSHED_SOME : FLUSH_FAILED;
        if (!link->accepted) {
            link->peers->peer[link->position].status.bytes_out += (uint64_t)sent;
        }
        take_sent(link, (size_t)sent);
        flushed += (size_t)sent;
    }
    return FLUSHED_ALL;
}

static void link_flush(struct link *link) {
    if (link->fd < 0 || link->state < LINK_HELLO) return;
    begin_write(link);
    enum flushed flushed = write_queue(link);
    end_write(link);
    struct ev_loop *loop = link->peers->config.loop;
    if (flushed == FLUSHED_SOME) {
        ev_io_start(loop, &link->writer);
        return;
    }
    ev_io_stop(loop, &link->writer);
    if (flushed == FLUSH_FAILED || link->closing) link_close(link);
}

/* --- the handshake --------------------------------------------------------------------------- */

static enum handshake_side own_side(const struct link *link) {
    return link->accepted ? HANDSHAKE_ACCEPTOR : HANDSHAKE_DIALLER;
}

static enum handshake_side other_side(const struct link *link) {
    return link->accepted ? HANDSHAKE_DIALLER : HANDSHAKE_ACCEPTOR;
}

/* While one of two nodes has not founded yet there is no common cluster to prove: a node that
 * crashed between answer and founding asks the others. */
static struct handshake_terms terms_of(const struct link *link) {
    return (struct handshake_terms){
        .secret = link->peers->config.secret,
        .dialler_nonce = link->accepted ? link->other_nonce : link->nonce,
        .acceptor_nonce = link->accepted ? link->nonce : link->other_nonce,
        .purpose = link->purpose,
        .cluster = is_guest(link) ? NULL : own(link->peers)->cluster,
    };
}

static void make_proof(const struct link *link, char proof[static HANDSHAKE_PROOF_SIZE]) {
    struct handshake_terms terms = terms_of(link);
    handshake_make_proof(&terms, own_side(link), proof);
}

static bool proof_holds(const struct link *link, struct bytes proof) {
    struct handshake_terms terms = terms_of(link);
    return handshake_proof_holds(&terms, other_side(link), proof);
}

/* The acceptor has heard the dialler's, and proves itself with its own. */
static void send_hello(struct link *link) {
    const struct identity *identity = own(link->peers);
    struct hello hello = {.version = link->accepted ? link->protocol : PEER_PROTOCOL_OLDEST,
                          .float_model = FLOAT_MODEL,
                          .purpose = link->purpose,
                          .id = identity->id,
                          .newest = link->peers->config.protocol};
    memcpy(hello.cluster, identity->cluster, IDENTITY_ID_SIZE);
    memcpy(hello.node, identity->node, IDENTITY_ID_SIZE);
    memcpy(hello.nonce, link->nonce, HANDSHAKE_NONCE_SIZE);
    if (link->accepted) make_proof(link, hello.proof);
    struct buffer body = {0};
    handshake_put_hello(&hello, own_side(link), &body);
    send_text_frame(link, FRAME_HELLO, buffer_bytes(&body));
    buffer_clear(&body);
}

static uint32_t agree_on_protocol(const struct link *link, const struct hello *hello) {
    return handshake_version(hello, other_side(link), link->peers->config.protocol);
}

static const char other_secret[] = "does not know our raft-secret: set the same one on all nodes";
static const char came_too_early[] = "came before this node has founded its cluster";
static const char no_member[] = "is not a member of this cluster";

/* Why the member with this id cannot be talked to; NULL if it can. */
static const char *member_problem(const struct peers *peers, const struct hello *hello,
                                  uint32_t expected_id) {
    if (hello->id == 0 || hello->id > RAFT_NODES_MAX) return no_member;
    if (expected_id != 0 && expected_id != hello->id) return "is another node than was looked for";
    if (hello->id - 1 == peers->self)
        return "claims to be this node: two processes of one directory";
    const struct peer *peer = &peers->peer[hello->id - 1];
    if (!peer->used) return no_member;
    if (memcmp(peer->uuid, hello->node, IDENTITY_ID_SIZE) == 0) return NULL;
    return "has another data directory than the member it claims to be: bring the old one back, "
           "or " MEND_REPLACE("id");
}

/* Why the other node cannot be talked to; NULL if it can. */
static const char *hello_problem(const struct link *link, const struct hello *hello,
                                 uint32_t expected_id) {
    const struct peers *peers = link->peers;
    const struct identity *identity = own(peers);
    bool is_unprotected = peers->config.secret.size == 0;
    if (is_unprotected && link->accepted && !address_is_near(link->fd)) {
        return "comes from another machine, and no raft-secret is set: set the same one on all "
               "nodes";
    }
    if (agree_on_protocol(link, hello) == 0) {
        return "speaks no version of the peer protocol that this node speaks: bring all nodes to "
               "the same version, one release after the other";
    }
    if (hello->float_model != FLOAT_MODEL) {
        return "has another floating-point format: nodes of one cluster must be of one "
               "architecture";
    }
    if (peers->config.secret_required && is_unprotected) {
        return "is not a loopback cluster and no raft-secret is set: set the same one on all nodes";
    }
    if (hello->purpose == LINK_FOUNDING || hello->purpose == LINK_JOIN) return NULL;
    if (hello->purpose != LINK_CONTROL && hello->purpose != LINK_BULK) return "is not understood";
    if (memcmp(hello->cluster, identity->cluster, IDENTITY_ID_SIZE) != 0) {
        return "belongs to another cluster: check addresses and data directories";
    }
    return member_problem(peers, hello, expected_id);
}

static void refuse(struct link *link, const char *problem) {
    if (problem != came_too_early) complain_of_accepted(link, problem);
    send_text_frame(link, FRAME_REFUSAL, bytes_of_text(problem));
    if (link->state != LINK_CLOSED && link->fd >= 0) {
        link->closing = true;
        link_flush(link);
    }
}

static void await_question(struct link *link) {
    ev_timer_stop(link->peers->config.loop, &link->timer);
    ev_timer_set(&link->timer, question_seconds, 0);
    ev_timer_start(link->peers->config.loop, &link->timer);
}

static void link_ready(struct link *link) {
    struct peers *peers = link->peers;
    link->state = LINK_READY;
    ev_timer_stop(peers->config.loop, &link->timer);
    if (!link->accepted) {
        struct peer *peer = &peers->peer[link->position];
        link->backoff = backoff_first;
        link->attempts--; /* the address that was good is tried first again */
        peer->status.connects++;
        peer->status.protocol = link->protocol;
        peer->problem[0] = '\0';
        if (link_is_watched(link) && link->protocol >= PROTOCOL_BUSY)
            watchdog_open_line(peers->config.watchdog, link->position + 1, link->fd);
    } else if (is_guest(link)) {
        await_question(link);
    } else {
        peers->unproved--;
    }
}

/* --- joining over links ------------------------------------------------------------------------
 */

static void ask_to_join(struct link *link) {
    struct buffer body = {0};
    joining_question_encode(&link->peers->question, &body);
    send_text_frame(link, FRAME_JOIN, buffer_bytes(&body));
    buffer_clear(&body);
}

static bool take_join(struct link *link, struct bytes body) {
    struct peers *peers = link->peers;
    struct joining_question question;
    if (!peers->founded || joining_question_decode(body, &question) != ERROR_NONE) {
        link_close(link);
        return false;
    }
    struct joining_answer answer = {.state = JOINING_WAITS};
    peers->handlers.join_asked(peers->handlers.context, &question, &answer);
    struct buffer out = {0};
    joining_answer_encode(&answer, &out);
    send_text_frame(link, FRAME_JOINED, buffer_bytes(&out));
    buffer_clear(&out);
    if (link->fd >= 0) await_question(link);
    return link->fd >= 0;
}

static bool take_joined(struct link *link, struct bytes body) {
    struct peers *peers = link->peers;
    struct joining_answer answer;
    bool is_sound = joining_answer_decode(body, &answer) == ERROR_NONE &&
                    (answer.state != JOINING_DONE ||
                     memcmp(answer.identity.node, own(peers)->node, IDENTITY_ID_SIZE) == 0);
    if (!is_sound || peers->decided) {
        link_close(link);
        return false;
    }
    switch (answer.state) {
    case JOINING_WAITS:
        note_problem(link, "%s", answer.text);
        break;
    case JOINING_DONE:
        peers->decided = true;
        peers->handlers.founded(peers->handlers.context, &answer.identity);
        break;
    case JOINING_REFUSED:
        peers->decided = true;
        peers->handlers.refused(peers->handlers.context, answer.text);
        break;
    }
    return link->fd >= 0;
}

/* --- founding over links --------------------------------------------------------------------- */

static void send_answer(struct link *link) {
    struct founding_answer answer;
    founding_own_answer(own(link->peers), link->peers->list_hash, &answer);
    struct buffer body = {0};
    founding_answer_encode(&answer, &body);
    send_text_frame(link, FRAME_ANSWER, buffer_bytes(&body));
    buffer_clear(&body);
}

static void decide(struct peers *peers) {
    if (peers->founded || peers->decided) return;
    struct identity identity;
    char text[FOUNDING_TEXT_SIZE];
    switch (founding_decide(&peers->founding, &identity, text)) {
    case FOUNDING_WAITS:
        return;
    case FOUNDING_PREPARE:
        peers->handlers.founded(peers->handlers.context, &identity);
        if (own(peers)->phase != IDENTITY_PREPARED) {
            peers->decided = true; /* It could not be made durable. */
            return;
        }
        founding_note_prepared(&peers->founding, &identity);
        decide(peers);
        return;
    case FOUNDING_DONE:
        peers->decided = true;
        peers->handlers.founded(peers->handlers.context, &identity);
        return;
    case FOUNDING_REFUSED:
        peers->decided = true;
        peers->handlers.refused(peers->handlers.context, text);
        return;
    }
}

static void ask_again(struct link *link) {
    ev_timer_stop(link->peers->config.loop, &link->timer);
    ev_timer_set(&link->timer, founding_seconds, 0);
    ev_timer_start(link->peers->config.loop, &link->timer);
}

/* --- links up and down ----------------------------------------------------------------------- */

static void tell_up_or_down(struct peers *peers, uint32_t position) {
    struct peer *peer = &peers->peer[position];
    bool is_up = peers->founded && peer->bulk.state == LINK_READY &&
                 peer->control.state == LINK_READY && peer->bulk.purpose == LINK_BULK;
    peer->status.connected = is_up;
    if (is_up == peer->is_up) return;
    peer->is_up = is_up;
    peers->handlers.link(peers->handlers.context, position + 1, is_up);
}

static void link_reset(struct link *link) {
    struct ev_loop *loop = link->peers->config.loop;
    ev_io_stop(loop, &link->reader);
    ev_io_stop(loop, &link->writer);
    ev_timer_stop(loop, &link->timer);
    if (link_is_watched(link)) {
        watchdog_close_line(link->peers->config.watchdog, link->position + 1);
    }
    if (link->fd >= 0) close(link->fd);
    link->fd = -1;
    while (link->out_first != NULL) {
        struct outgoing *out = link->out_first;
        link->out_first = out->next;
        outgoing_destroy(out);
    }
    link->out_last = NULL;
    link->out_offset = link->out_bytes = 0;
    chunk_release(link->in);
    link->in = NULL;
    link->in_start = 0;
    link->closing = false;
}

static void link_forget_accepted(struct link *link) {
    struct peers *peers = link->peers;
    struct link **at = &peers->accepted;
    while (*at != link)
        at = &(*at)->next_accepted;
    *at = link->next_accepted;
    if (link->state != LINK_READY || is_guest(link)) peers->unproved--;
    link->state = LINK_CLOSED;
    link->next_accepted = peers->gone;
    peers->gone = link;
}

static void release_gone(struct peers *peers) {
    while (peers->gone != NULL) {
        struct link *link = peers->gone;
        peers->gone = link->next_accepted;
        memory_release(link);
    }
}

/* An accepted link is at its end; a dialled one is dialled again after its back-off. Any send may
 * come here: who goes on after one looks at link->fd first. */
static void link_close(struct link *link) {
    struct peers *peers = link->peers;
    if (link->accepted && link->state == LINK_CLOSED) return;
    if (link->accepted) {
        link_reset(link);
        link_forget_accepted(link);
        return;
    }
    bool was_ready = link->state == LINK_READY;
    link_reset(link);
    link->state = LINK_CLOSED;
    if (link->purpose == LINK_FOUNDING) founding_forget_answer(&peers->founding, link->position);
    if (was_ready) tell_up_or_down(peers, link->position);
    peers->generation[link->position * 2 + (link == &peers->peer[link->position].bulk)]++;
    if (!peers->peer[link->position].used) return; /* forgotten */
    ev_timer_set(&link->timer, link->backoff, 0);
    ev_timer_start(peers->config.loop, &link->timer);
    link->backoff = link->backoff * 2 > backoff_max ? backoff_max : link->backoff * 2;
}

/* --- whom this node dials -----------------------------------------------------------------------
 */

static void link_init(struct link *link, struct peers *peers, enum link_purpose purpose,
                      uint32_t position);

static void use_peer(struct peers *peers, uint32_t position, const char *uuid) {
    struct peer *peer = &peers->peer[position];
    memset(peer, 0, sizeof(*peer));
    peer->used = true;
    memcpy(peer->uuid, uuid, IDENTITY_ID_SIZE);
}

static void set_address(struct peers *peers, uint32_t position, const char *host, uint16_t port) {
    struct peer_status *status = &peers->peer[position].status;
    snprintf(status->host, sizeof(status->host), "%s", host);
    status->port = port;
}

static void dial_as_guest(struct peers *peers, uint32_t position, enum link_purpose purpose) {
    struct peer *peer = &peers->peer[position];
    peer->used = true;
    link_init(&peer->control, peers, purpose, position);
    link_init(&peer->bulk, peers, LINK_BULK, position);
    link_dial(&peer->control);
}

static void dial_member(struct peers *peers, uint32_t position) {
    struct peer *peer = &peers->peer[position];
    link_init(&peer->control, peers, LINK_CONTROL, position);
    link_init(&peer->bulk, peers, LINK_BULK, position);
    link_dial(&peer->control);
    link_dial(&peer->bulk);
}

static void drop_peer(struct peers *peers, uint32_t position) {
    struct peer *peer = &peers->peer[position];
    if (!peer->used) return;
    link_reset(&peer->control);
    link_reset(&peer->bulk);
    peer->control.state = peer->bulk.state = LINK_CLOSED;
    for (uint32_t key = position * 2; key < position * 2 + 2; key++)
        peers->generation[key]++;
    if (peers->founded) tell_up_or_down(peers, position);
    peer->used = false;
}

/* A new member, or one that was known: under another address, perhaps, or with another directory
 * under an id that was given out again. */
static void set_member(struct peers *peers, const struct member *member) {
    struct peer *peer = &peers->peer[member->id - 1];
    bool same = peer->used && memcmp(peer->uuid, member->uuid, IDENTITY_ID_SIZE) == 0 &&
                strcmp(peer->status.host, member->host) == 0 && peer->status.port == member->port;
    peer->is_tentative = peer->is_tentative && !same;
    if (same) return;
    drop_peer(peers, member->id - 1);
    use_peer(peers, member->id - 1, member->uuid);
    set_address(peers, member->id - 1, member->host, (uint16_t)member->port);
    dial_member(peers, member->id - 1);
}

static bool is_stranger(const struct peers *peers, const struct link *link) {
    if (link->state != LINK_READY || is_guest(link)) return false;
    const struct peer *peer = &peers->peer[link->position - 1];
    bool is_known = peer->used && !peer->is_tentative;
    if (is_known) return memcmp(peer->uuid, link->other_uuid, IDENTITY_ID_SIZE) != 0;
    return peers->handlers.is_in_touch(peers->handlers.context, link->position);
}

/* Nodes that were heard because they might have been members of a newer configuration, and those
 * that are none any more. They dial again, and are told. */
static void forget_strangers(struct peers *peers) {
    for (uint32_t i = 0; i < RAFT_NODES_MAX; i++) {
        const struct peer *peer = &peers->peer[i];
        bool is_doubtful = peer->used && peer->is_tentative;
        if (is_doubtful && peers->handlers.is_in_touch(peers->handlers.context, i + 1))
            drop_peer(peers, i);
    }
    struct link *next;
    for (struct link *link = peers->accepted; link != NULL; link = next) {
        next = link->next_accepted;
        if (is_stranger(peers, link)) link_close(link);
    }
}

/* --- frames in ------------------------------------------------------------------------------- */

/* Each returns false when the link is gone. */
static bool dialler_takes_hello(struct link *link, struct bytes body) {
    struct hello hello;
    if (handshake_take_hello(body, &hello) != ERROR_NONE) {
        link_close(link);
        return false;
    }
    memcpy(link->other_nonce, hello.nonce, HANDSHAKE_NONCE_SIZE);
    if (!proof_holds(link, bytes_of(hello.proof, HANDSHAKE_PROOF_SIZE))) {
        complain_of(link, other_secret);
        link_close(link);
        return false;
    }
    hello.purpose = link->purpose;
    const char *problem = hello_problem(link, &hello, link->position + 1);
    if (problem != NULL) {
        complain_of(link, problem);
        link_close(link);
        return false;
    }
    char proof[HANDSHAKE_PROOF_SIZE];
    make_proof(link, proof);
    link->protocol = agree_on_protocol(link, &hello);
    link->state = LINK_PROOF;
    send_text_frame(link, FRAME_PROOF, bytes_of(proof, sizeof(proof)));
    return link->fd >= 0;
}

static bool acceptor_takes_hello(struct link *link, struct bytes body) {
    struct hello hello;
    if (handshake_take_hello(body, &hello) != ERROR_NONE) {
        link_close(link);
        return false;
    }
    bool early = hello.purpose != LINK_FOUNDING && !link->peers->founded;
    const char *problem = early ? came_too_early : hello_problem(link, &hello, 0);
    /* A member of a configuration that this node has not heard of yet, or of an old one. */
    bool is_unknown = problem == no_member && hello.id >= 1 && hello.id <= RAFT_NODES_MAX;
    if (problem != NULL && !is_unknown) {
        refuse(link, problem);
        return false;
    }
    link->is_outsider =
        is_unknown && link->peers->handlers.is_in_touch(link->peers->handlers.context, hello.id);
    link->purpose = (uint8_t)hello.purpose;
    link->position = hello.id;
    memcpy(link->other_uuid, hello.node, IDENTITY_ID_SIZE);
    link->protocol = agree_on_protocol(link, &hello);
    memcpy(link->other_nonce, hello.nonce, HANDSHAKE_NONCE_SIZE);
    link->state = LINK_PROOF;
    send_hello(link);
    return link->fd >= 0;
}

static bool acceptor_takes_proof(struct link *link, struct bytes body) {
    if (!proof_holds(link, body)) {
        refuse(link, other_secret);
        return false;
    }
    if (link->is_outsider) {
        struct buffer text = {0};
        handshake_put_removal(link->peers->members_index, &text);
        buffer_append_byte(&text, '\0');
        refuse(link, text.data);
        buffer_clear(&text);
        return false;
    }
    link_ready(link);
    send_text_frame(link, FRAME_WELCOME, (struct bytes){0});
    return link->fd >= 0;
}

static void ask_as_guest(struct link *link) {
    if (link->purpose == LINK_JOIN)
        ask_to_join(link);
    else
        send_answer(link);
    if (link->fd >= 0 && link->state == LINK_READY) ask_again(link);
}

static void send_address(struct link *link) {
    const struct peers *peers = link->peers;
    if (peers->own_host[0] == '\0') return;
    struct buffer body = {0};
    handshake_put_address(peers->own_host, peers->own_port, &body);
    send_text_frame(link, FRAME_ADDRESS, buffer_bytes(&body));
    buffer_clear(&body);
}

static bool dialler_takes_welcome(struct link *link) {
    link_ready(link);
    if (is_guest(link)) {
        ask_as_guest(link);
        return link->fd >= 0;
    }
    bool wants_address = link->purpose == LINK_CONTROL && link->protocol >= PROTOCOL_ADDRESS;
    if (wants_address) send_address(link);
    if (link->fd >= 0) tell_up_or_down(link->peers, link->position);
    return link->fd >= 0;
}

/* Whoever asks decides for itself; here it is only told. */
static void look_at_question(struct link *link, const struct founding_answer *question) {
    struct peers *peers = link->peers;
    if (peers->founded) {
        bool is_member = false;
        for (uint32_t i = 0; i < RAFT_NODES_MAX; i++) {
            const struct peer *peer = &peers->peer[i];
            is_member |= peer->used && memcmp(peer->uuid, question->node, IDENTITY_ID_SIZE) == 0;
        }
        if (!is_member) {
            complain_of_accepted(link, "wants to found a cluster, and its data directory is not "
                                       "that of a member of ours: bring the old one back");
        }
        return; /* Its time runs: one answer is enough for it. */
    }
    if (question->list_hash != peers->list_hash) {
        complain_of_accepted(link, "was given another --cluster list: give all nodes the same one");
    }
    await_question(link);
}

static bool take_answer(struct link *link, struct bytes body) {
    struct founding_answer answer;
    if (founding_answer_decode(body, &answer) != ERROR_NONE) {
        link_close(link);
        return false;
    }
    struct peers *peers = link->peers;
    if (link->accepted) { /* a question: ours is the answer */
        look_at_question(link, &answer);
        send_answer(link);
        return link->fd >= 0;
    }
    if (peers->founded) return true;
    founding_note_answer(&peers->founding, link->position, &answer);
    decide(peers);
    return link->fd >= 0;
}

/* An unknown node that this one hears says where it can be answered. */
static bool take_address(struct link *link, struct bytes body) {
    struct peers *peers = link->peers;
    struct peer *peer = &peers->peer[link->position - 1];
    char host[IDENTITY_HOST_SIZE];
    uint16_t port;
    if (handshake_take_address(body, host, &port) != ERROR_NONE) {
        link_close(link);
        return false;
    }
    if (peer->used || link->position - 1 == peers->self) return true;
    use_peer(peers, link->position - 1, link->other_uuid);
    set_address(peers, link->position - 1, host, port);
    peer->is_tentative = true;
    dial_member(peers, link->position - 1);
    return true;
}

/* Whoever says so has proved to be a member: its HELLO came with its proof. */
static void look_at_removal(struct link *link, struct bytes body) {
    uint64_t index;
    bool tells = link->state == LINK_PROOF && handshake_take_removal(body, &index) == ERROR_NONE;
    if (tells) link->peers->handlers.outside(link->peers->handlers.context, index);
}

static bool take_refusal(struct link *link, struct bytes body) {
    look_at_removal(link, body);
    if (!bytes_equal(body, bytes_of_text(came_too_early))) {
        struct buffer text = {0};
        buffer_append_format(&text, "refuses this node: it ");
        handshake_put_refusal(body, &text); /* Whoever says so may have proved nothing yet. */
        buffer_append_byte(&text, '\0');
        complain_of(link, text.data);
        buffer_clear(&text);
    }
    link_close(link);
    return false;
}

static bool take_frame(struct link *link, const struct frame *frame) {
    struct bytes head = frame->head;
    uint32_t kind = frame->kind;
    bool ready = link->state == LINK_READY;
    if (kind == FRAME_PACKET && ready && link->accepted && !is_guest(link)) {
        struct peers *peers = link->peers;
        peers->handlers.packet(peers->handlers.context, link->position, frame->body, link->in);
        return true;
    }
    if (kind == FRAME_ANSWER && ready && link->purpose == LINK_FOUNDING) {
        return take_answer(link, head);
    }
    if (kind == FRAME_ADDRESS && ready && link->accepted && link->purpose == LINK_CONTROL)
        return take_address(link, head);
    if (kind == FRAME_JOIN && ready && link->accepted && link->purpose == LINK_JOIN)
        return take_join(link, head);
    if (kind == FRAME_JOINED && ready && !link->accepted && link->purpose == LINK_JOIN)
        return take_joined(link, head);
    if (kind == FRAME_HELLO && link->state == LINK_HELLO) {
        return link->accepted ? acceptor_takes_hello(link, head) : dialler_takes_hello(link, head);
    }
    if (kind == FRAME_PROOF && link->state == LINK_PROOF && link->accepted) {
        return acceptor_takes_proof(link, head);
    }
    if (kind == FRAME_WELCOME && link->state == LINK_PROOF && !link->accepted) {
        return dialler_takes_welcome(link);
    }
    if (kind == FRAME_REFUSAL && !link->accepted) return take_refusal(link, head);
    link_close(link);
    return false;
}

/* The chunk has room for `size` bytes from in_start on afterwards. */
static void input_reserve(struct link *link, size_t size) {
    size_t rest = link->in == NULL ? 0 : link->in->used - link->in_start;
    if (link->in != NULL && link->in->capacity - link->in_start >= size &&
        link->in->capacity > link->in->used) {
        return;
    }
    size_t wanted = link->state == LINK_READY ? CHUNK_SIZE / 4 : UNPROVED_FRAME_MAX;
    if (size > wanted) wanted = size;
    struct chunk *chunk = chunk_create(wanted + FRAME_HEADER_SIZE);
    if (rest > 0) memcpy(chunk->data, link->in->data + link->in_start, rest);
    chunk->used = rest;
    chunk_release(link->in);
    link->in = chunk;
    link->in_start = 0;
}

static uint64_t frame_max(const struct link *link) {
    if (link->state != LINK_READY) return UNPROVED_FRAME_MAX;
    if (!is_guest(link)) return frame_size_max;
    return link->purpose == LINK_JOIN && !link->accepted ? JOINED_FRAME_MAX : UNPROVED_FRAME_MAX;
}

/* Takes in all whole frames; false when the link is gone. */
static bool take_frames(struct link *link) {
    for (;;) {
        struct bytes rest =
            bytes_of(link->in->data + link->in_start, link->in->used - link->in_start);
        struct frame frame;
        switch (frame_read(rest, frame_max(link), &frame)) {
        case FRAME_MALFORMED:
            link_close(link);
            return false;
        case FRAME_PARTIAL:
            input_reserve(link, frame.size);
            return true;
        case FRAME_WHOLE:
            break;
        }
        link->in_start += frame.size;
        if (!take_frame(link, &frame)) return false;
    }
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)events;
    struct link *link = watcher->data;
    input_reserve(link, FRAME_HEADER_SIZE);
    ssize_t size =
        recv(link->fd, link->in->data + link->in->used, link->in->capacity - link->in->used, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        link_close(link);
        return;
    }
    link->in->used += (size_t)size;
    if (link->accepted && link->state == LINK_READY && !is_guest(link)) {
        link->peers->peer[link->position - 1].status.bytes_in += (uint64_t)size;
    }
    (void)take_frames(link);
}

/* --- connecting ------------------------------------------------------------------------------ */

/* A peer from which nothing is heard for so long, be it that its machine or the way to it is gone,
 * is dialled anew: TCP alone would try the old connection for minutes, at ever longer intervals. */
static void set_socket_options(const struct peers *peers, int fd) {
    int patience_ms = (int)peers->config.patience_ms;
    int idle_s = patience_ms / 2000, pause_s = 1;
    if (idle_s < 1) idle_s = 1;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause_s, sizeof(pause_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
}

static void link_begin_handshake(struct link *link) {
    struct ev_loop *loop = link->peers->config.loop;
    link->state = LINK_HELLO;
    entropy_fill(link->nonce, HANDSHAKE_NONCE_SIZE);
    ev_io_start(loop, &link->reader);
    ev_timer_stop(loop, &link->timer);
    ev_timer_set(&link->timer, handshake_seconds, 0);
    ev_timer_start(loop, &link->timer);
}

static void on_connected(struct link *link) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
        link->peers->peer[link->position].status.connect_errors++;
        note_problem(link, "can't connect: %s", strerror(error));
        link_close(link);
        return;
    }
    ev_io_stop(link->peers->config.loop, &link->writer);
    set_socket_options(link->peers, link->fd);
    link_begin_handshake(link);
    send_hello(link);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)events;
    struct link *link = watcher->data;
    if (link->state == LINK_CONNECTING) {
        on_connected(link);
    } else {
        link_flush(link);
    }
}

static void link_open(struct link *link, int fd) {
    link->fd = fd;
    ev_io_set(&link->reader, fd, EV_READ);
    ev_io_set(&link->writer, fd, EV_WRITE);
}

static void link_connect(struct link *link, const struct sockaddr_storage *address,
                         socklen_t size) {
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        link_close(link);
        return;
    }
    link_open(link, fd);
    link->state = LINK_CONNECTING;
    if (connect(fd, (const struct sockaddr *)address, size) < 0 && errno != EINPROGRESS) {
        link->peers->peer[link->position].status.connect_errors++;
        note_problem(link, "can't connect: %s", strerror(errno));
        link_close(link);
        return;
    }
    ev_io_start(link->peers->config.loop, &link->writer);
    ev_timer_stop(link->peers->config.loop, &link->timer);
    ev_timer_set(&link->timer, handshake_seconds, 0);
    ev_timer_start(link->peers->config.loop, &link->timer);
}

/* --- resolving names, off the loop ----------------------------------------------------------- */

static void resolve(struct resolution *resolution, int flags) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", (resolution->port + PEER_PORT_OFFSET) & 0xffffu);
    resolution->address_size = 0;
    if (getaddrinfo(resolution->host, port, &hints, &found) != 0 || found == NULL) return;
    uint32_t count = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        count++;
    const struct addrinfo *chosen = found;
    for (uint32_t i = resolution->choice % count; i > 0; i--)
        chosen = chosen->ai_next;
    memcpy(&resolution->address, chosen->ai_addr, chosen->ai_addrlen);
    resolution->address_size = chosen->ai_addrlen;
    freeaddrinfo(found);
}

static void resolver_release(struct resolver *resolver) {
    pthread_mutex_destroy(&resolver->lock);
    memory_release(resolver);
}

struct resolver_job {
    struct resolver *resolver;
    struct resolution *resolution;
};

static void *resolver_run(void *argument) {
    struct resolver_job job = *(struct resolver_job *)argument;
    memory_release(argument);
    resolve(job.resolution, 0);
    pthread_mutex_lock(&job.resolver->lock);
    job.resolver->under_way--;
    bool abandoned = job.resolver->abandoned;
    bool last = job.resolver->under_way == 0;
    if (!abandoned) {
        job.resolution->next = job.resolver->done;
        job.resolver->done = job.resolution;
        ev_async_send(job.resolver->loop, &job.resolver->wake);
    }
    pthread_mutex_unlock(&job.resolver->lock);
    if (abandoned) {
        memory_release(job.resolution);
        if (last) resolver_release(job.resolver);
    }
    return NULL;
}

static struct link *link_by_key(struct peers *peers, uint32_t key) {
    struct peer *peer = &peers->peer[key / 2];
    return key % 2 == 1 ? &peer->bulk : &peer->control;
}

static void on_resolved(struct ev_loop *loop, ev_async *watcher, int events) {
    (void)loop, (void)events;
    struct peers *peers = watcher->data;
    pthread_mutex_lock(&peers->resolver->lock);
    struct resolution *done = peers->resolver->done;
    peers->resolver->done = NULL;
    pthread_mutex_unlock(&peers->resolver->lock);
    while (done != NULL) {
        struct resolution *resolution = done;
        done = resolution->next;
        struct link *link = link_by_key(peers, resolution->link_key);
        if (link->state == LINK_RESOLVING &&
            peers->generation[resolution->link_key] == resolution->generation) {
            if (resolution->address_size == 0) {
                peers->peer[link->position].status.connect_errors++;
                note_problem(link, "its name does not resolve");
                link_close(link);
            } else {
                link_connect(link, &resolution->address, resolution->address_size);
            }
        }
        memory_release(resolution);
    }
}

static void link_dial(struct link *link) {
    struct peers *peers = link->peers;
    const struct peer_status *status = &peers->peer[link->position].status;
    struct resolution *resolution = memory_allocate_zeroed(sizeof(*resolution));
    resolution->peers = peers;
    resolution->link_key = link->position * 2 + (link == &peers->peer[link->position].bulk ? 1 : 0);
    resolution->generation = peers->generation[resolution->link_key];
    memcpy(resolution->host, status->host, sizeof(resolution->host));
    resolution->port = status->port;
    resolution->choice = link->attempts++;
    link->state = LINK_RESOLVING;
    resolve(resolution, AI_NUMERICHOST);
    if (resolution->address_size > 0) {
        link_connect(link, &resolution->address, resolution->address_size);
        memory_release(resolution);
        return;
    }
    struct resolver_job *job = memory_allocate(sizeof(*job));
    *job = (struct resolver_job){peers->resolver, resolution};
    pthread_mutex_lock(&peers->resolver->lock);
    peers->resolver->under_way++;
    pthread_mutex_unlock(&peers->resolver->lock);
    pthread_t thread;
    if (!thread_start(&thread, "hamok-resolver", resolver_run, job)) {
        pthread_mutex_lock(&peers->resolver->lock);
        peers->resolver->under_way--;
        pthread_mutex_unlock(&peers->resolver->lock);
        memory_release(job);
        memory_release(resolution);
        link_close(link);
        return;
    }
    pthread_detach(thread);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop, (void)events;
    struct link *link = watcher->data;
    if (!link->accepted && link->state == LINK_CLOSED) {
        link_dial(link);
    } else if (link->state == LINK_READY && is_guest(link) && !link->accepted) {
        ask_as_guest(link);
    } else {
        if (!link->accepted) {
            note_problem(link, link->state == LINK_CONNECTING ? "can't connect: no answer"
                                                              : "does not answer");
        }
        link_close(link); /* it took too long */
    }
}

static void link_init(struct link *link, struct peers *peers, enum link_purpose purpose,
                      uint32_t position) {
    *link = (struct link){.peers = peers,
                          .purpose = (uint8_t)purpose,
                          .state = LINK_CLOSED,
                          .position = position,
                          .fd = -1,
                          .backoff = backoff_first};
    ev_io_init(&link->reader, on_readable, -1, EV_READ);
    ev_io_init(&link->writer, on_writable, -1, EV_WRITE);
    ev_timer_init(&link->timer, on_timer, 0, 0);
    ev_set_priority(&link->reader, 1); /* sockets before timers (SAFETY 16) */
    link->reader.data = link->writer.data = link->timer.data = link;
}

static void on_acceptable(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop, (void)events;
    struct peers *peers = watcher->data;
    release_gone(peers);
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (peers->unproved >= UNPROVED_MAX) {
        close(fd);
        return;
    }
    set_socket_options(peers, fd);
    struct link *link = memory_allocate(sizeof(*link));
    link_init(link, peers, LINK_CONTROL, 0);
    link->accepted = true;
    link->next_accepted = peers->accepted;
    peers->accepted = link;
    peers->unproved++;
    link_open(link, fd);
    link_begin_handshake(link);
}

/* --- life ------------------------------------------------------------------------------------ */

static void look_at_joining(struct peers *peers) {
    const struct peer *peer = &peers->peer[0];
    char text[FOUNDING_TEXT_SIZE];
    snprintf(text, sizeof(text), "waits to be let in by %s:%u: %s", peer->status.host,
             peer->status.port, peer->problem[0] == '\0' ? "no answer yet" : peer->problem);
    complain(peers, &peers->missing, text);
}

/* Founding takes a moment, or waits for somebody: then for whom? */
static void on_look(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop, (void)events;
    struct peers *peers = watcher->data;
    const char *problems[RAFT_NODES_MAX];
    char text[FOUNDING_TEXT_SIZE];
    if (peers->founded) forget_strangers(peers);
    if (peers->decided || peers->founded) return;
    if (peers->joins) {
        look_at_joining(peers);
        return;
    }
    for (uint32_t i = 0; i < peers->list_count; i++)
        problems[i] = peers->peer[i].problem;
    if (founding_describe(&peers->founding, problems, text)) {
        complain(peers, &peers->missing, text);
    }
}

static void note_own_address(struct peers *peers, const char *host, uint16_t port) {
    snprintf(peers->own_host, sizeof(peers->own_host), "%s", host);
    peers->own_port = port;
}

/* Before the log is read: those last seen. */
static void begin_as_member(struct peers *peers) {
    const struct identity *identity = own(peers);
    struct identity_list known = identity_known(identity);
    peers->self = identity->id - 1;
    peers->founded = true;
    for (uint32_t i = 0; i < known.count; i++) {
        const struct identity_member *member = &known.at[i];
        if (member->id == identity->id) {
            note_own_address(peers, member->host, member->port);
            continue;
        }
        use_peer(peers, member->id - 1, member->uuid);
        set_address(peers, member->id - 1, member->host, member->port);
        dial_member(peers, member->id - 1);
    }
}

static void begin_founding(struct peers *peers, const struct peers_config *config) {
    peers->list_count = config->list_count;
    peers->self = config->list_self;
    peers->list_hash = founding_list_hash(config->list, config->list_count);
    peers->founding = (struct founding){.count = config->list_count, .self = config->list_self};
    memcpy(peers->founding.list, config->list, sizeof(peers->founding.list));
    memcpy(peers->founding.node, config->identity->node, IDENTITY_ID_SIZE);
    peers->founding.initial = config->identity->initial;
    if (config->identity->phase == IDENTITY_PREPARED) {
        founding_note_prepared(&peers->founding, config->identity);
    }
    for (uint32_t i = 0; i < config->list_count; i++) {
        set_address(peers, i, config->list[i].host, config->list[i].port);
        if (i == peers->self) continue;
        dial_as_guest(peers, i, LINK_FOUNDING);
    }
}

static void begin_joining(struct peers *peers) {
    peers->joins = true;
    peers->list_count = 1;
    peers->self = RAFT_NODES_MAX;
    set_address(peers, 0, peers->question.via_host, peers->question.via_port);
    dial_as_guest(peers, 0, LINK_JOIN);
}

struct peers *peers_create(const struct peers_config *config,
                           const struct peers_handlers *handlers) {
    struct peers *peers = memory_allocate_zeroed(sizeof(*peers));
    peers->config = *config;
    peers->handlers = *handlers;
    peers->secret = memory_allocate(config->secret.size);
    if (config->secret.size > 0) memcpy(peers->secret, config->secret.data, config->secret.size);
    peers->config.secret.data = peers->secret;
    peers->resolver = memory_allocate_zeroed(sizeof(*peers->resolver));
    pthread_mutex_init(&peers->resolver->lock, NULL);
    peers->resolver->loop = config->loop;
    ev_async_init(&peers->resolver->wake, on_resolved);
    peers->resolver->wake.data = peers;
    ev_async_start(config->loop, &peers->resolver->wake);

    peers->listeners = memory_allocate_zeroed(config->listener_count * sizeof(ev_io));
    for (uint32_t i = 0; i < config->listener_count; i++) {
        ev_io_init(&peers->listeners[i], on_acceptable, config->listeners[i], EV_READ);
        peers->listeners[i].data = peers;
        ev_io_start(config->loop, &peers->listeners[i]);
    }
    ev_timer_init(&peers->look, on_look, look_seconds, look_seconds);
    peers->look.data = peers;
    ev_timer_start(config->loop, &peers->look);
    if (config->question != NULL) peers->question = *config->question;
    peers->config.question = NULL;
    if (identity_is_founded(config->identity))
        begin_as_member(peers);
    else if (config->question != NULL)
        begin_joining(peers);
    else
        begin_founding(peers, config);
    return peers;
}

void peers_founded(struct peers *peers) {
    CHECK(!peers->founded && identity_is_founded(own(peers)));
    for (uint32_t i = 0; i < RAFT_NODES_MAX; i++)
        drop_peer(peers, i);
    peers->joins = false;
    begin_as_member(peers);
}

void peers_set_members(struct peers *peers, const struct members *members, uint32_t leaving,
                       uint64_t index) {
    CHECK(peers->founded);
    peers->members_index = index;
    for (uint32_t i = 0; i < RAFT_NODES_MAX; i++) {
        const struct member *member = members_find(members, i + 1);
        bool stays = member != NULL || (leaving >> (i + 1) & 1) == 1;
        if (!stays && peers->peer[i].used && !peers->peer[i].is_tentative) drop_peer(peers, i);
        if (member == NULL) continue;
        if (i == peers->self)
            note_own_address(peers, member->host, (uint16_t)member->port);
        else
            set_member(peers, member);
    }
    forget_strangers(peers);
}

void peers_destroy(struct peers *peers) {
    if (peers == NULL) return;
    for (uint32_t i = 0; i < RAFT_NODES_MAX; i++) {
        if (!peers->peer[i].used) continue;
        link_reset(&peers->peer[i].control);
        link_reset(&peers->peer[i].bulk);
    }
    while (peers->accepted != NULL)
        link_close(peers->accepted);
    release_gone(peers);
    for (uint32_t i = 0; i < peers->config.listener_count; i++) {
        ev_io_stop(peers->config.loop, &peers->listeners[i]);
        close(peers->listeners[i].fd);
    }
    ev_timer_stop(peers->config.loop, &peers->look);
    ev_async_stop(peers->config.loop, &peers->resolver->wake);
    pthread_mutex_lock(&peers->resolver->lock);
    peers->resolver->abandoned = true;
    bool idle = peers->resolver->under_way == 0;
    struct resolution *done = peers->resolver->done;
    pthread_mutex_unlock(&peers->resolver->lock);
    while (done != NULL) {
        struct resolution *next = done->next;
        memory_release(done);
        done = next;
    }
    if (idle) resolver_release(peers->resolver);
    memory_release(peers->listeners);
    memory_release(peers->secret);
    memory_release(peers);
}

/* --- packets --------------------------------------------------------------------------------- */

void peers_send(struct peers *peers, struct replica_packet *packet) {
    uint32_t position = packet->to - 1;
    CHECK(packet->to >= 1);
    struct link *link = NULL;
    if (position < RAFT_NODES_MAX && peers->peer[position].used && peers->founded) {
        struct peer *peer = &peers->peer[position];
        link = packet->bulk ? &peer->bulk : &peer->control;
    }
    bool may_send = link != NULL && link->state == LINK_READY &&
                    link->out_bytes <= QUEUE_BYTES_MAX &&
                    link->protocol >= replica_packet_protocol(packet);
    if (!may_send) {
        replica_packet_destroy(packet);
        return;
    }
    struct outgoing *out = outgoing_create();
    buffer_append_bytes(&out->head, buffer_bytes(&packet->head));
    frame_end(&out->head, FRAME_PACKET, packet->size - packet->head.size);
    out->packet = packet;
    link_queue(link, out);
}

void peers_flush(struct peers *peers) {
    release_gone(peers);
    for (uint32_t i = 0; i < RAFT_NODES_MAX; i++) {
        struct peer *peer = &peers->peer[i];
        if (!peer->used) continue;
        if (peer->control.out_first != NULL) link_flush(&peer->control);
        if (peer->bulk.out_first != NULL) link_flush(&peer->bulk);
    }
}

void peers_set_patience(struct peers *peers, uint32_t patience_ms) {
    peers->config.patience_ms = patience_ms;
}

bool peers_status(const struct peers *peers, uint32_t peer, struct peer_status *status) {
    if (peer == 0 || peer > RAFT_NODES_MAX || !peers->peer[peer - 1].used) return false;
    *status = peers->peer[peer - 1].status;
    return true;
}
