/* The load, at the limit of what one core can drive. Clients work in closed loops, but for "pace".

   client loop PORT CONNECTIONS BYTES SECONDS   says "begin" once warm, then messages, seconds and
                                                the latency's p50, p99, max in microseconds
   client pace PORT CONNECTIONS BYTES SECONDS RATE
                                                sends RATE messages a second whatever comes back;
                                                says the same, and then the 99th percentile of how
                                                late it sent itself
   client churn PORT COUNT                      connects, echoes one message, closes, COUNT times;
                                                says "begin", then COUNT and the seconds
   client hold PORT CONNECTIONS BYTES           opens 100 connections and says "begin"; after a line
                                                of input opens the others, sends BYTES on each, says
                                                "ready" and holds them until its input ends */
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
static long timed;
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
    return fd;
}

static void ask(struct client *client, int size) {
    client->left = size;
    client->sent = now();
    need(send(client->fd, message, size, 0) == size, "send");
}

static void take(struct client *client, int size) {
    ssize_t got = recv(client->fd, answer, client->left, 0);
    need(got > 0, "recv");
    client->left -= got;
    if (client->left) return;
    if (timed < MOST_TIMES) times[timed] = (now() - client->sent) * 1e6;
    timed++;
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
    timed = 0;
    began = now();
    took = turn(poller, clients, size, began + seconds) - began;
    long all = timed, kept = timed < MOST_TIMES ? timed : MOST_TIMES;
    printf("%ld %.6f", all, took);
    fflush(stdout);
    qsort(times, kept, sizeof *times, ascending);
    printf(" %.0f %.0f %.0f\n", times[kept / 2], times[kept * 99 / 100], times[kept - 1]);
}

static float *lags;
static long lagged, skipped;

static void hear(struct paced *client, int size) {
    ssize_t got = recv(client->fd, answer, 65536, MSG_DONTWAIT);
    double at = now();
    if (got <= 0) return;
    for (client->left += got; client->left >= size && client->count; client->left -= size) {
        if (timed < MOST_TIMES) times[timed] = (at - client->sent[client->first]) * 1e6;
        timed++;
        client->first = (client->first + 1) % MOST_OWED;
        client->count--;
    }
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
    timed = lagged = 0;
    double took = keep_pace(poller, clients, count, size, rate, seconds);
    need(timed && lagged, "pace");
    long all = timed, kept = timed < MOST_TIMES ? timed : MOST_TIMES;
    qsort(times, kept, sizeof *times, ascending);
    qsort(lags, lagged, sizeof *lags, ascending);
    printf("%ld %.6f %.0f %.0f %.0f %.0f\n", all, took, times[kept / 2], times[kept * 99 / 100],
           times[kept - 1], lags[lagged * 99 / 100]);
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
    else if (!strcmp(argv[1], "churn")) churn(port, count);
    else if (!strcmp(argv[1], "hold")) hold(port, count, size);
    else return 2;
    return 0;
}
