/* A thermometer in a room, with nothing but libzmq and msgpack-c.
 *
 *     make && ./thermo XSUB XPUB ROOM NICK [COUNT]
 *     ./thermo tcp://127.0.0.1:5011 tcp://127.0.0.1:5012 lobby thermo 3
 *
 * Publishes COUNT readings, each when the one before has come back, and prints what the room says until its own last
 * reading has come back too. Exits 1 when that takes longer than ten seconds.
 */
#define _POSIX_C_SOURCE 200809L
#include <msgpack.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { DEADLINE_MS = 10000, KNOCK_MS = 250, ID_BYTES = 64, ROOM_BYTES = 64, TOPIC_BYTES = 128 };

struct text {
    const char *bytes; /* not terminated; within the received frame */
    size_t size;
};

struct message {
    struct text nick, text, id;
};

static long long deadline_ms;

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void fail(const char *why) {
    fprintf(stderr, "thermo: %s\n", why);
    exit(1);
}

/* Waits for a frame, at most at_most_ms; false when none came. The caller closes `frame`. */
static bool receive(void *socket, zmq_msg_t *frame, long long at_most_ms) {
    long long left = deadline_ms - now_ms();
    if (left <= 0)
        fail("no answer within ten seconds; is the broker there?");
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, (long)(left < at_most_ms ? left : at_most_ms)) <= 0)
        return false;
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, socket, 0) < 0)
        fail(zmq_strerror(zmq_errno()));
    return true;
}

static void pack_text(msgpack_packer *packer, const char *text) {
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack_pair(msgpack_packer *packer, const char *key, const char *value) {
    pack_text(packer, key);
    pack_text(packer, value);
}

/* One bus frame: topic, NUL, msgpack map. One frame a message, never two. A `data` carries the sensor's description
 * under `value`, a `msg` carries `text`. */
static void publish(void *speak, const char *room, const char *kind, const char *nick, const char *id,
                    const char *text) {
    msgpack_sbuffer frame;
    msgpack_sbuffer_init(&frame);
    msgpack_sbuffer_write(&frame, room, strlen(room));
    msgpack_sbuffer_write(&frame, "/", 1);
    msgpack_sbuffer_write(&frame, kind, strlen(kind) + 1); /* with its NUL */

    msgpack_packer packer;
    msgpack_packer_init(&packer, &frame, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 4);
    pack_pair(&packer, "type", kind);
    pack_pair(&packer, "nick", nick);
    pack_pair(&packer, "id", id);
    if (text != NULL) {
        pack_pair(&packer, "text", text);
    } else {
        pack_text(&packer, "value");
        msgpack_pack_map(&packer, 2);
        pack_pair(&packer, "sensor", nick);
        pack_pair(&packer, "unit", "C");
    }
    if (zmq_send(speak, frame.data, frame.size, 0) < 0)
        fail(zmq_strerror(zmq_errno()));
    msgpack_sbuffer_destroy(&frame);
}

static bool is(struct text text, const char *what) {
    return text.size == strlen(what) && memcmp(text.bytes, what, text.size) == 0;
}

static struct text field(const msgpack_object_map *map, const char *key) {
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *name = &map->ptr[i].key, *value = &map->ptr[i].val;
        if (name->type == MSGPACK_OBJECT_STR && value->type == MSGPACK_OBJECT_STR &&
            is((struct text){name->via.str.ptr, name->via.str.size}, key))
            return (struct text){value->via.str.ptr, value->via.str.size};
    }
    return (struct text){"", 0};
}

/* Reads the map behind the first NUL. `unpacked` holds it and is to be destroyed; the texts point into `frame`. */
static struct message read_frame(zmq_msg_t *frame, msgpack_unpacked *unpacked) {
    const char *bytes = zmq_msg_data(frame), *nul = memchr(bytes, 0, zmq_msg_size(frame));
    msgpack_unpacked_init(unpacked);
    if (nul == NULL)
        return (struct message){0};
    size_t body = zmq_msg_size(frame) - (size_t)(nul + 1 - bytes), offset = 0;
    if (msgpack_unpack_next(unpacked, nul + 1, body, &offset) != MSGPACK_UNPACK_SUCCESS ||
        unpacked->data.type != MSGPACK_OBJECT_MAP)
        return (struct message){0};
    const msgpack_object_map *map = &unpacked->data.via.map;
    return (struct message){field(map, "nick"), field(map, "text"), field(map, "id")};
}

static bool has_topic(zmq_msg_t *frame, const char *room, const char *kind) {
    char topic[TOPIC_BYTES];
    int size = snprintf(topic, sizeof topic, "%s/%s", room, kind);
    return zmq_msg_size(frame) > (size_t)size && memcmp(zmq_msg_data(frame), topic, (size_t)size + 1) == 0;
}

/* Text from strangers may hold escape codes; a terminal must not see them: C0, DEL, and C1 as UTF-8 writes it. */
static void show(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        unsigned char next = i + 1 < text.size ? (unsigned char)text.bytes[i + 1] : 0;
        if (byte == 0xC2 && next >= 0x80 && next < 0xA0)
            i++, byte = 0;
        putchar(byte < 0x20 || byte == 0x7F ? '?' : byte);
    }
}

/* Whether a frame is the one with this id; prints it if it is chat. Closes the frame. */
static bool heard(zmq_msg_t *frame, const char *room, const char *id, bool print) {
    msgpack_unpacked unpacked;
    struct message message = read_frame(frame, &unpacked);
    if (print && has_topic(frame, room, "msg")) {
        show(message.nick);
        fputs(": ", stdout);
        show(message.text);
        putchar('\n');
        fflush(stdout);
    }
    bool own = is(message.id, id);
    msgpack_unpacked_destroy(&unpacked);
    zmq_msg_close(frame);
    return own;
}

/* A PUB drops what it sends before the other side's subscription has arrived, and says nothing. An XPUB is a PUB that
 * shows the subscriptions: a frame that begins with 1. So it is waited for, never slept for. */
static void await_subscription(void *speak) {
    for (bool subscribed = false; !subscribed;) {
        zmq_msg_t frame;
        if (!receive(speak, &frame, DEADLINE_MS))
            continue;
        subscribed = zmq_msg_size(&frame) > 0 && ((char *)zmq_msg_data(&frame))[0] == 1;
        zmq_msg_close(&frame);
    }
}

/* Our own subscription has no receipt. So we knock with something programs may want to know, until we hear it. */
static void await_own_voice(void *hear, void *speak, const char *room, const char *nick, const char *run) {
    zmq_msg_t frame;
    char id[ID_BYTES];
    for (int knock = 1;; knock++) {
        snprintf(id, sizeof id, "%s-knock-%d", run, knock);
        publish(speak, room, "data", nick, id, NULL);
        while (receive(hear, &frame, KNOCK_MS))
            if (heard(&frame, room, id, false))
                return;
    }
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 6) {
        fputs("usage: thermo XSUB XPUB ROOM NICK [COUNT]\n", stderr);
        return 1;
    }
    const char *xsub = argv[1], *xpub = argv[2], *room = argv[3], *nick = argv[4];
    if (strlen(room) > ROOM_BYTES)
        fail("a room's name has at most 64 bytes");
    const int count = argc == 6 ? atoi(argv[5]) : 3;
    deadline_ms = now_ms() + DEADLINE_MS;
    char run[ID_BYTES / 2]; /* unlike any other run's, so that an id names one message */
    snprintf(run, sizeof run, "%lx-%lx-%llx", (long)getpid(), (long)time(NULL), now_ms());

    void *context = zmq_ctx_new(), *hear = zmq_socket(context, ZMQ_SUB), *speak = zmq_socket(context, ZMQ_XPUB);
    const int linger = 0;
    zmq_setsockopt(hear, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(speak, ZMQ_LINGER, &linger, sizeof linger);
    char topic[TOPIC_BYTES]; /* with the slash: topics match by prefix, and `lobby` would hear `lobby2` too */
    zmq_setsockopt(hear, ZMQ_SUBSCRIBE, topic, (size_t)snprintf(topic, sizeof topic, "%s/", room));
    if (zmq_connect(hear, xpub) != 0 || zmq_connect(speak, xsub) != 0)
        fail(zmq_strerror(zmq_errno()));
    await_subscription(speak);
    await_own_voice(hear, speak, room, nick, run);

    for (int number = 1; number <= count; number++) {
        char id[ID_BYTES], text[32];
        snprintf(id, sizeof id, "%s-%d", run, number);
        snprintf(text, sizeof text, "%.1f C", 21 + number / 10.0);
        publish(speak, room, "msg", nick, id, text);
        zmq_msg_t frame; /* what comes back is stored: the echo is the acknowledgement */
        while (!receive(hear, &frame, DEADLINE_MS) || !heard(&frame, room, id, true))
            ;
    }
    zmq_close(hear);
    zmq_close(speak);
    zmq_ctx_term(context);
    return 0;
}
