/* The limit: epoll, one buffer, no state. Prints its port. Replies are not delayed. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static void answer(int fd) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0), sent = 0;
    if (got <= 0) {
        close(fd);
        return;
    }
    while (sent < got) {
        ssize_t more = send(fd, buffer + sent, got - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (more > 0) {
            sent += more;
        } else {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, 100);
            if (wait.revents & (POLLERR | POLLHUP)) return;
        }
    }
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    struct epoll_event events[1024], event = {.events = EPOLLIN, .data.fd = listener};
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
