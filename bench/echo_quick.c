/* A closed loop of echo clients: each sends a message, waits for all of it, sends the next.
   Usage: echo_quick PORT CONNECTIONS BYTES SECONDS. Prints messages per second. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int port = atoi(argv[1]), connections = atoi(argv[2]), size = atoi(argv[3]), one = 1;
    double seconds = atof(argv[4]), began, ends;
    long messages = 0;
    char *message = calloc(1, size), *answer = malloc(size);
    struct { int fd, left; } *client = calloc(connections, sizeof *client);
    struct epoll_event events[256];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int poller = epoll_create1(0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < connections; i++) {
        client[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client[i].fd, (struct sockaddr *)&to, sizeof to)) return fail("connect");
        setsockopt(client[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(poller, EPOLL_CTL_ADD, client[i].fd, &event);
    }
    for (int i = 0; i < connections; i++) {
        client[i].left = size;
        if (send(client[i].fd, message, size, 0) != size) return fail("send");
    }
    began = now();
    ends = began + seconds;
    while (now() < ends) {
        int ready = epoll_wait(poller, events, 256, 1000);
        for (int e = 0; e < ready; e++) {
            int i = events[e].data.u32;
            ssize_t got = recv(client[i].fd, answer, client[i].left, 0);
            if (got <= 0) return fail("recv");
            client[i].left -= got;
            if (client[i].left) continue;
            messages++;
            client[i].left = size;
            if (send(client[i].fd, message, size, 0) != size) return fail("send");
        }
    }
    printf("%.1f\n", messages / (now() - began));
    return 0;
}
