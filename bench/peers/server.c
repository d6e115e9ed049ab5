/* The upper limit: epoll, one buffer, no state. Prints its port. Replies are not delayed.

   server HOLD [FORMAT [FILE]]   each read is returned as one reply, raw by default, "prefixed" or
                                 "stamped"; for these two, messages must be plain text. FILE has
                                 8 bytes, in which it counts its replies */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 32, TAIL = 64 };
static char room[HEAD + 65536 + TAIL], *const buffer = room + HEAD;
static const char *head = "", *as = "";
static uint64_t uncounted, *answered = &uncounted;

/* Writes the format's head before the message and its tail after it; returns the reply's beginning. */
static char *framed(ssize_t *size) {
    static char tail[TAIL];
    static time_t told;
    size_t before = strlen(head), behind = 0;
    if (*as) {
        time_t now = time(NULL);
        if (now != told) {
            told = now;
            snprintf(tail, sizeof tail, "%s%.24s", as, ctime(&now));
        }
        behind = strlen(tail);
    }
    memcpy(buffer - before, head, before);
    memcpy(buffer + *size, tail, behind);
    *size += before + behind;
    return buffer - before;
}

static void answer(int fd) {
    ssize_t got = recv(fd, buffer, 65536, 0), sent = 0;
    if (got <= 0) {
        close(fd);
        return;
    }
    char *reply = framed(&got);
    ++*answered;
    while (sent < got) {
        ssize_t more = send(fd, reply + sent, got - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (more > 0) {
            sent += more;
        } else {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, 100);
            if (wait.revents & (POLLERR | POLLHUP)) return;
        }
    }
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    struct epoll_event events[1024], event = {.events = EPOLLIN, .data.fd = listener};
    if (argc > 2 && !strcmp(argv[2], "prefixed")) {
        head = "Resposta => ";
    } else if (argc > 2 && !strcmp(argv[2], "stamped")) {
        head = "Resposta eco => b'";
        as = "' as ";
    }
    if (argc > 3) {
        answered = mmap(NULL, sizeof *answered, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[3], O_RDWR), 0);
        if (answered == MAP_FAILED) return 1;
    }
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 1024, -1);
        for (int e = 0; e < ready; e++) {
            int fd = events[e].data.fd;
            if (fd != listener) {
                answer(fd);
                continue;
            }
            fd = accept(listener, NULL, NULL);
            if (fd < 0) continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            event.data.fd = fd;
            epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
