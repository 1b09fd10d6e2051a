// The connections of the generator, by number, and how each becomes a TIME_WAIT.
#pragma once

#include "segments.h"

// How many there can be: ports, times services, times client addresses.
#define CONNECTIONS_LIMIT (31000L * 8 * 250)

// Refuses any network namespace but an empty one, sets what the sockets need there, and listens on
// the services' ports.
void connections_prepare(void);

// The connection of that number.
struct connection connection_of(long number);

// Makes a TIME_WAIT of the connection, once the FIN that is added to the segments is sent.
void connection_close(const struct connection *connection, struct segments *segments);
