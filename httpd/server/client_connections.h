// How many connections each client has.
#ifndef POLLUX_HTTPD_SERVER_CLIENT_CONNECTIONS_H_
#define POLLUX_HTTPD_SERVER_CLIENT_CONNECTIONS_H_

#include <cstddef>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "httpd/server/client_address.h"

namespace pollux {

// Counts the connections of each client, of one server or of several that have
// a limit in common. Owned by a server, or by whoever owns all of them, which
// it must outlive. Any thread, callbacks included; a lock is held while one
// client is looked up, at the beginning and the end of a connection only.
// Nothing fails; allocates for each client that is new.
class ClientConnections final {
 public:
  ClientConnections() = default;
  ClientConnections(const ClientConnections&) = delete;
  ClientConnections& operator=(const ClientConnections&) = delete;

  // Counts one more, and returns how many the client has with it.
  size_t Add(const ClientAddress& client) ABSL_LOCKS_EXCLUDED(mutex_);

  // One less; it must have been counted.
  void Remove(const ClientAddress& client) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many clients have connections.
  size_t client_count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  std::map<ClientAddress, size_t> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CLIENT_CONNECTIONS_H_
