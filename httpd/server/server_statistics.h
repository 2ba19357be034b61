// What a server knows of itself.
#ifndef POLLUX_HTTPD_SERVER_SERVER_STATISTICS_H_
#define POLLUX_HTTPD_SERVER_SERVER_STATISTICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "httpd/http/parse_error.h"
#include "reactor/histogram.h"
#include "reactor/loop_statistics.h"

namespace pollux {

// What a connection is doing.
enum class ConnectionState : uint8_t {
  // Between requests.
  kIdle,
  // Its client sends a request.
  kReading,
  // A handler has the word, or the answer is on its way.
  kAnswering,
  // No further request is read.
  kClosing,
};
inline constexpr size_t kConnectionStates = 4;

// Why a client ran out of time.
enum class TimeoutKind : uint8_t {
  kHead,
  kBody,
  kIdle,
  kWrite,
  kDrain,
  // The handler's: the client got 503.
  kHandler,
};
inline constexpr size_t kTimeoutKinds = 6;

// Why the server would not have a connection, or go on with it.
enum class ShedReason : uint8_t {
  // There are too many; a new one was refused.
  kConnections,
  // Too many of one client's; a new one was refused.
  kConnectionsOfClient,
  // There are too many; one that was idle made room.
  kIdleForNew,
  // Too many bytes are kept; the one with most was ended.
  kBufferedBytes,
};
inline constexpr size_t kShedReasons = 4;

// Of one route.
struct RouteStatistics {
  // Responses by the first digit of their status, from 1 on. A client that left
  // before there was one counts as 499, as in nginx's log.
  std::array<Counter, 5> responses;
  // As ExchangeRecord::duration.
  Histogram latency;
};

// Counters of one HttpServer, since its creation. Owned and written by the
// server; may be read from any thread for as long as it lives. Counting makes
// no system call and allocates nothing.
struct ServerStatistics {
  explicit ServerStatistics(size_t routes) : routes(routes + 1) {}

  // By RouteMatch::route: the first is of requests that no route was found for.
  std::vector<RouteStatistics> routes;

  Counter accepted_connections;
  Counter received_bytes;
  Counter sent_bytes;
  // Requests whose client left, or was made to leave, before they were
  // answered, or before a long answer was sent.
  Counter cancelled_requests;
  // Answers of handlers that could not be written: 500.
  Counter invalid_responses;

  // Requests that could not be understood, or are not served, by ParseError.
  std::array<Counter, http::kParseErrors> refused;
  std::array<Counter, kTimeoutKinds> timeouts;
  std::array<Counter, kShedReasons> shed;

  // How many there are, by state.
  std::array<Gauge, kConnectionStates> connections;

  Counter& of(http::ParseError error) {
    return refused[static_cast<size_t>(error)];
  }
  Counter& of(TimeoutKind kind) { return timeouts[static_cast<size_t>(kind)]; }
  Counter& of(ShedReason reason) { return shed[static_cast<size_t>(reason)]; }
  Gauge& of(ConnectionState state) {
    return connections[static_cast<size_t>(state)];
  }
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_SERVER_STATISTICS_H_
