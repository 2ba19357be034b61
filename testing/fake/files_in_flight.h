// Which sockets have been sent files.
#ifndef POLLUX_TESTING_FAKE_FILES_IN_FLIGHT_H_
#define POLLUX_TESTING_FAKE_FILES_IN_FLIGHT_H_

#include <vector>

#include "testing/fake/socket_file.h"

namespace pollux {

// The sockets that hold files which were sent to them and not received yet
// (SCM_RIGHTS). A socket that was sent to itself, or two that were sent to each
// other, would stay open for ever when their descriptors are closed; Linux
// looks for those (net/unix/garbage.c), and so does this.
//
// Owned by a Network; the sockets take themselves out; one thread.
class FilesInFlight {
 public:
  // Nothing if it is there already, or no more.
  void Add(SocketFile& receiver);
  void Remove(SocketFile& receiver);

  // Closes the files that nobody can ever receive. To be called when a
  // descriptor was closed.
  void Collect();

 private:
  // In the order of their coming, so that each run closes in the same order.
  std::vector<SocketFile*> receivers_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_FILES_IN_FLIGHT_H_
