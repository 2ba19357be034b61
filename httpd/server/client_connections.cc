#include "httpd/server/client_connections.h"

#include "absl/log/check.h"

namespace pollux {

size_t ClientConnections::Add(const ClientAddress& client) {
  const absl::MutexLock lock(&mutex_);
  return ++counts_[client];
}

void ClientConnections::Remove(const ClientAddress& client) {
  const absl::MutexLock lock(&mutex_);
  const auto found = counts_.find(client);
  CHECK(found != counts_.end()) << client.ToString() << " was not counted";
  if (--found->second == 0) counts_.erase(found);
}

size_t ClientConnections::client_count() const {
  const absl::MutexLock lock(&mutex_);
  return counts_.size();
}

}  // namespace pollux
