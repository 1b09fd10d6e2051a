/* brief PORT COUNT: opens that many connections to a port of the loopback, one after the other, closes
   each at once, and ends. All of it takes about a millisecond. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count != 3) return 64;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int left = atoi(arguments[2]); left > 0; left--) {
        int connection = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connection, (struct sockaddr *)&server, sizeof server) != 0) return 1;
        close(connection);
    }
    return 0;
}
