/* An echo server that records its traffic: `observer FILE`. It prints its port, and after a line of
   input writes FILE and prints "written": a record for each piece that it received, with the kernel's
   time of arrival, and for each that it sent, with the time just before: on the loopback that is when
   it arrives. Replies are not delayed. A client that does not read blocks all others. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* As bench.truth.capture reads it: nanoseconds since 1970; the client's address and port; 1 for
   bytes that the client sent, 0 for the server's; the number of bytes. */
struct record { int64_t when; uint32_t address; uint16_t port, outgoing; uint32_t length, unused; };

enum { MOST_FILES = 1 << 16, EVENTS = 1024 };
static struct sockaddr_in peers[MOST_FILES];
static struct record *records;
static size_t count, room;
static char buffer[65536];

static int64_t nanoseconds(const struct timespec *at) { return at->tv_sec * 1000000000LL + at->tv_nsec; }

static void note(int fd, int64_t when, int outgoing, size_t length) {
    if (count == room) {
        room = room ? 2 * room : 1 << 20;
        if (!(records = realloc(records, room * sizeof *records))) exit(1);
    }
    records[count++] = (struct record){when, ntohl(peers[fd].sin_addr.s_addr),
                                       ntohs(peers[fd].sin_port), outgoing, length, 0};
}

static ssize_t take(int fd) {
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec into = {buffer, sizeof buffer};
    struct msghdr how = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct timespec at;
    ssize_t got = recvmsg(fd, &how, 0);
    if (got <= 0) return got;
    clock_gettime(CLOCK_REALTIME, &at);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&how); c; c = CMSG_NXTHDR(&how, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) memcpy(&at, CMSG_DATA(c), sizeof at);
    note(fd, nanoseconds(&at), 1, got);
    return got;
}

static void answer(int fd) {
    ssize_t got = take(fd), sent = 0;
    if (got <= 0) {
        close(fd);
        return;
    }
    while (sent < got) {
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        ssize_t more = send(fd, buffer + sent, got - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (more > 0) {
            note(fd, nanoseconds(&at), 0, more);
            sent += more;
        } else {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, 100);
            if (wait.revents & (POLLERR | POLLHUP)) return;
        }
    }
}

static void admit(int listener, int poller) {
    struct epoll_event event = {.events = EPOLLIN};
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int one = 1, fd = accept(listener, (struct sockaddr *)&peer, &size);
    if (fd < 0) return;
    if (fd >= MOST_FILES) {
        close(fd);
        return;
    }
    peers[fd] = peer;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    event.data.fd = fd;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static int write_all(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(records, sizeof *records, count, file) != count || fclose(file)) return 1;
    puts("written");
    return 0;
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
    if (argc != 2) return 2;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Connections inherit the option: the first piece has its time too. */
    setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = STDIN_FILENO;
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int e = 0; e < ready; e++) {
            int fd = events[e].data.fd;
            if (fd == STDIN_FILENO) return write_all(argv[1]);
            if (fd == listener) admit(listener, poller);
            else answer(fd);
        }
    }
}
