/* The least client: epoll, verifies each byte, counts, and does nothing else.

   least_client PORT CLIENTS MESSAGE RATE   each line of input is a number of seconds, for which all
   connect and send: RATE messages per second, spread evenly over time and clients; if that is 0, each
   client sends the next message as soon as its reply has arrived. Prints the number of right replies.
   It waits for a reply or for the time of the next message, to the nanosecond. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 512, EVENTS = 64 };

static int sockets[MOST], clients;
static size_t received[MOST], size;
static const char *message;
static char reply[65536];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void say(int client) {
    if (send(sockets[client], message, size, 0) != (ssize_t)size) fail("send");
}

/* Reads a client's bytes; returns the number of replies that they complete. */
static int hear(int client) {
    ssize_t got = recv(sockets[client], reply, sizeof reply, 0);
    if (got <= 0) fail("recv");
    int whole = 0;
    for (const char *at = reply, *end = reply + got; at < end;) {
        size_t left = size - received[client], came = end - at, part = left < came ? left : came;
        if (memcmp(at, message + received[client], part)) {
            errno = EBADMSG;
            fail("reply");
        }
        at += part;
        received[client] = part < left ? received[client] + part : 0;
        whole += part == left;
    }
    return whole;
}

static long run(int port, double seconds, double rate) {
    struct epoll_event events[EVENTS];
    int poller = epoll_create1(0);
    for (int client = 0; client < clients; client++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = client};
        sockets[client] = connected(port);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, sockets[client], &event)) fail("epoll_ctl");
        received[client] = 0;
        if (!rate) say(client);
    }
    int64_t began = now(), end = began + (int64_t)(seconds * 1e9), time;
    long sent = rate ? 0 : clients, right = 0;
    while ((time = now()) < end || right < sent) {
        int64_t due = end;
        if (rate && time < end) {
            while ((due = began + (int64_t)(sent / rate * 1e9)) <= time) say(sent++ % clients);
        }
        int64_t left = due > time ? due - time : 1000000000LL;
        struct timespec wait = {left / 1000000000LL, left % 1000000000LL};
        int ready = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
        for (int at = 0; at < ready; at++) {
            int client = events[at].data.u32;
            int whole = hear(client);
            right += whole;
            if (!rate && whole && time < end) {
                say(client);
                sent++;
            }
        }
    }
    for (int client = 0; client < clients; client++) close(sockets[client]);
    close(poller);
    return right;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    int port = atoi(arguments[1]);
    char line[64];
    clients = atoi(arguments[2]);
    message = arguments[3];
    size = strlen(message);
    if (clients < 1 || clients > MOST || size < 1 || size > sizeof reply) return 2;
    while (fgets(line, sizeof line, stdin)) {
        printf("%ld\n", run(port, atof(line), atof(arguments[4])));
        fflush(stdout);
    }
    return 0;
}
