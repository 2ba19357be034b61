// A small HTTP service, as somebody who embeds Pollux would write it.
#ifndef POLLUX_TESTING_EXAMPLE_HELLO_SERVICE_H_
#define POLLUX_TESTING_EXAMPLE_HELLO_SERVICE_H_

#include "absl/status/status.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"

// Serves "/hello" at `address` until the reactor is stopped.
absl::Status ServeHello(pollux::Reactor& reactor,
                        const pollux::Address& address);

#endif  // POLLUX_TESTING_EXAMPLE_HELLO_SERVICE_H_
