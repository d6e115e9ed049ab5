/* The load, at the limit of what one core can drive. Clients work in closed loops, but for "pace".

   A latency is the time from the call that sends a message until the kernel received its reply, so
   the time that a reply waits unread is not included. Of replies that are read together only the
   last one's arrival is known: only that one is timed.

   client loop PORT CONNECTIONS BYTES SECONDS   prints "begin" once warm, then messages, seconds and
                                                the latency's p50, p99, max in microseconds
   client pace PORT CONNECTIONS BYTES SECONDS RATE
                                                sends RATE messages per second whatever it receives;
                                                prints the same, then the 99th percentile of how
                                                late it sent itself
   client turns PORT CONNECTIONS BYTES REPLY TEXT
                                                sends TEXT, filled up to BYTES; replies have REPLY
                                                bytes. Prints "begin" once all have connected. Each
                                                line of input is a number of seconds, for which all
                                                send and wait in closed loops; when no reply is
                                                pending it prints the messages and the seconds
   client requests PORT CONNECTIONS REPLY HEX   sends the bytes written in HEX; else as "turns"
   client churn PORT COUNT                      connects, echoes one message, closes, COUNT times;
                                                prints "begin", then COUNT and the seconds
   client hold PORT CONNECTIONS BYTES           opens 100 connections and prints "begin"; after a
                                                line of input opens the others, sends BYTES on each,
                                                prints "ready" and holds them until its input ends */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct client { int fd, left; double sent; };

enum { MOST_OWED = 256 };
struct paced { int fd, left, first, count; double sent[MOST_OWED]; };

enum { MOST_TIMES = 8 << 20, BATCH = 100, EVENTS = 1024 };
static float *times;
static long answered, timed;
static char *message, *answer;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void need(int right, const char *what) {
    if (right) return;
    perror(what);
    exit(1);
}

static void say(const char *word) {
    puts(word);
    fflush(stdout);
}

static int dial(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(!connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    return fd;
}

/* Receives, and sets the time when the last byte had arrived, on the clock of now(). */
static ssize_t receive(int fd, size_t size, int flags, double *arrived) {
    char control[64];
    struct iovec into = {answer, size};
    struct msghdr told = {
        .msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct timespec stamp, wall;
    ssize_t got = recvmsg(fd, &told, flags);
    *arrived = now();
    clock_gettime(CLOCK_REALTIME, &wall);
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&told); one; one = CMSG_NXTHDR(&told, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_TIMESTAMPNS) continue;
        memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
        *arrived -= (wall.tv_sec - stamp.tv_sec) + (wall.tv_nsec - stamp.tv_nsec) / 1e9;
    }
    return got;
}

static void ask(struct client *client, int size) {
    client->left = size;
    client->sent = now();
    need(send(client->fd, message, size, 0) == size, "send");
}

static void take(struct client *client, int size) {
    double arrived;
    ssize_t got = receive(client->fd, client->left, 0, &arrived);
    need(got > 0, "recv");
    client->left -= got;
    if (client->left) return;
    answered++;
    if (timed < MOST_TIMES) times[timed++] = (arrived - client->sent) * 1e6;
    ask(client, size);
}

static double turn(int poller, struct client *clients, int size, double ends) {
    struct epoll_event events[EVENTS];
    double at;
    while ((at = now()) < ends) {
        int ready = epoll_wait(poller, events, EVENTS, 1000);
        for (int e = 0; e < ready; e++) take(&clients[events[e].data.u32], size);
    }
    return at;
}

static int ascending(const void *a, const void *b) {
    float one = *(const float *)a, two = *(const float *)b;
    return (one > two) - (one < two);
}

/* The value of rank ceil(percent of count), of values in ascending order. */
static float at_rank(const float *ordered, long count, int percent) {
    return ordered[(count * percent + 99) / 100 - 1];
}

static void loop(int port, int count, int size, double seconds) {
    struct client *clients = calloc(count, sizeof *clients);
    int poller = epoll_create1(0);
    double began, took;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        clients[i].fd = dial(port);
        epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
    for (int i = 0; i < count; i++) ask(&clients[i], size);
    turn(poller, clients, size, now() + 0.2);
    say("begin");
    answered = timed = 0;
    began = now();
    took = turn(poller, clients, size, began + seconds) - began;
    printf("%ld %.6f", answered, took);
    fflush(stdout);
    qsort(times, timed, sizeof *times, ascending);
    printf(" %.0f %.0f %.0f\n", at_rank(times, timed, 50), at_rank(times, timed, 99), times[timed - 1]);
}

/* Reads bytes, no more than are pending; returns whether the reply is complete. */
static int is_whole(struct client *client) {
    ssize_t got = recv(client->fd, answer, 65536, 0);
    need(got > 0 && got <= client->left, "reply");
    client->left -= got;
    return !client->left;
}

static void put(struct client *client, int size, int reply) {
    client->left = reply;
    need(send(client->fd, message, size, 0) == size, "send");
}

/* All clients send until the time has passed, and then wait for their pending replies. */
static void take_turn(int poller, struct client *clients, int count, int size, int reply, double seconds) {
    struct epoll_event events[EVENTS];
    double began = now();
    int owed = count;
    answered = 0;
    for (int i = 0; i < count; i++) put(&clients[i], size, reply);
    while (owed) {
        int ready = epoll_wait(poller, events, EVENTS, 10000), more = now() < began + seconds;
        need(ready > 0, "no reply");
        for (int e = 0; e < ready; e++) {
            struct client *client = &clients[events[e].data.u32];
            if (!is_whole(client)) continue;
            answered++;
            if (more) put(client, size, reply);
            else owed--;
        }
    }
    printf("%ld %.6f\n", answered, now() - began);
    fflush(stdout);
}

static void take_turns(int port, int count, int size, int reply) {
    struct client *clients = calloc(count, sizeof *clients);
    int poller = epoll_create1(0);
    char line[64];
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        clients[i].fd = dial(port);
        epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
    say("begin");
    while (fgets(line, sizeof line, stdin)) take_turn(poller, clients, count, size, reply, atof(line));
}

static void turns(int port, int count, int size, int reply, const char *text) {
    int length = strlen(text);
    memset(message, 'x', size);
    memcpy(message, text, length < size ? length : size);
    take_turns(port, count, size, reply);
}

static void requests(int port, int count, int reply, const char *hex) {
    int size = strlen(hex) / 2;
    message = malloc(size);
    for (int i = 0; i < size; i++) need(sscanf(hex + 2 * i, "%2hhx", (unsigned char *)message + i) == 1, "hex");
    take_turns(port, count, size, reply);
}

static float *lags;
static long lagged, skipped;

static void hear(struct paced *client, int size) {
    double arrived, sent = 0;
    ssize_t got = receive(client->fd, 65536, MSG_DONTWAIT, &arrived);
    if (got <= 0) return;
    for (client->left += got; client->left >= size && client->count; client->left -= size) {
        sent = client->sent[client->first];
        answered++;
        client->first = (client->first + 1) % MOST_OWED;
        client->count--;
    }
    if (sent && timed < MOST_TIMES) times[timed++] = (arrived - sent) * 1e6;
}

static void say_one(struct paced *client, int size, double due) {
    if (client->count == MOST_OWED) { skipped++; return; }
    double at = now();
    if (lagged < MOST_TIMES) lags[lagged++] = (at - due) * 1e6;
    client->sent[(client->first + client->count++) % MOST_OWED] = at;
    need(send(client->fd, message, size, 0) == size, "send");
}

static double keep_pace(int poller, struct paced *clients, int count, int size, double rate, double seconds) {
    struct epoll_event events[EVENTS];
    double began = now(), at = began;
    for (long said = 0; at < began + seconds; at = now()) {
        for (; began + said / rate <= at; said++) say_one(&clients[said % count], size, began + said / rate);
        int ready = epoll_wait(poller, events, EVENTS, 0);
        for (int e = 0; e < ready; e++) hear(&clients[events[e].data.u32], size);
    }
    return at - began;
}

static void pace(int port, int count, int size, double seconds, double rate) {
    struct paced *clients = calloc(count, sizeof *clients);
    int poller = epoll_create1(0);
    lags = malloc(MOST_TIMES * sizeof *lags);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        clients[i].fd = dial(port);
        epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
    keep_pace(poller, clients, count, size, rate, 0.3);
    say("begin");
    answered = timed = lagged = 0;
    double took = keep_pace(poller, clients, count, size, rate, seconds);
    need(timed && lagged, "pace");
    qsort(times, timed, sizeof *times, ascending);
    qsort(lags, lagged, sizeof *lags, ascending);
    printf("%ld %.6f %.0f %.0f %.0f %.0f\n", answered, took, at_rank(times, timed, 50),
           at_rank(times, timed, 99), times[timed - 1], at_rank(lags, lagged, 99));
}

static void churn(int port, int count) {
    int fds[BATCH];
    double began = now();
    say("begin");
    for (int done = 0; done < count; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            fds[i] = dial(port);
            need(send(fds[i], message, 64, 0) == 64, "send");
        }
        for (int i = 0; i < BATCH; i++) {
            need(recv(fds[i], answer, 64, MSG_WAITALL) == 64, "recv");
            close(fds[i]);
        }
    }
    printf("%d %.6f\n", count, now() - began);
}

static void hold(int port, int count, int size) {
    int opened = 0;
    for (; opened < BATCH; opened++) dial(port);
    say("begin");
    getchar();
    for (; opened < count; opened++) {
        int fd = dial(port);
        if (size) need(send(fd, message, size, 0) == size, "send");
    }
    say("ready");
    while (getchar() != EOF) {}
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int port = atoi(argv[2]), count = atoi(argv[3]), size = argc > 4 ? atoi(argv[4]) : 64;
    message = calloc(1, size < 64 ? 64 : size);
    answer = malloc(size < 65536 ? 65536 : size);
    times = malloc(MOST_TIMES * sizeof *times);
    if (!strcmp(argv[1], "loop") && argc == 6) loop(port, count, size, atof(argv[5]));
    else if (!strcmp(argv[1], "pace") && argc == 7)
        pace(port, count, size, atof(argv[5]), atof(argv[6]));
    else if (!strcmp(argv[1], "turns") && argc == 7)
        turns(port, count, size, atoi(argv[5]), argv[6]);
    else if (!strcmp(argv[1], "requests") && argc == 6) requests(port, count, atoi(argv[4]), argv[5]);
    else if (!strcmp(argv[1], "churn")) churn(port, count);
    else if (!strcmp(argv[1], "hold")) hold(port, count, size);
    else return 2;
    return 0;
}
