// Somebody who sends and receives datagrams, following a script.
#ifndef POLLUX_TESTING_DATAGRAM_PEER_H_
#define POLLUX_TESTING_DATAGRAM_PEER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reactor/net/address.h"
#include "testing/fake/datagram_socket.h"
#include "testing/fake/peer_script.h"
#include "testing/fake_world.h"

namespace pollux {

// A socket in a FakeWorld, UDP or unix, whose owner does one thing after
// another, as time passes:
//
//   DatagramPeer resolver(world, "resolver", *Address::Parse("127.0.0.1:53"));
//   resolver.Await(1).Reply("no such name").Await(2);  // the second is lost
//
// It is there from the beginning; what arrives is read at once and kept, unless
// the script says otherwise. As a Peer, it acts between the calls of the
// program under test and uses no descriptor.
//
// A step that fails is skipped, and done() then stays false.
//
// Owned by the test; one thread; must not outlive its world, nor be destroyed
// by one of its own steps (a check ends the process). The script may grow while
// it runs.
class DatagramPeer final {
 public:
  struct Received {
    // No name on a unix socket without one.
    Address sender;
    std::string bytes;
  };

  // Port 0 chooses one: see address().
  DatagramPeer(FakeWorld& world, std::string name, const Address& address);
  ~DatagramPeer();
  DatagramPeer(const DatagramPeer&) = delete;
  DatagramPeer& operator=(const DatagramPeer&) = delete;

  Address address() const;

  // The script. Each step begins when the one before is over.

  // Over when it is sent; unmet if it is refused.
  DatagramPeer& SendTo(const Address& to, std::string bytes);
  // To the sender of the last one received; unmet if there is none.
  DatagramPeer& Reply(std::string bytes);
  DatagramPeer& Wait(absl::Duration time);
  // Over when so many have been received in all; unmet if the peer has closed.
  DatagramPeer& Await(size_t count);
  // From here on, reads nothing: UDP loses what does not fit into its buffer, a
  // unix sender has to wait.
  DatagramPeer& StopReading();
  DatagramPeer& ReadFreely();
  // From here on nobody is at the address.
  DatagramPeer& Close();
  DatagramPeer& Do(absl::AnyInvocable<void()> action);

  // What came of it.

  const std::string& name() const { return name_; }
  // Whether the script has ended and every step has succeeded.
  bool done() const { return script_.done() && !has_unmet_; }
  // In the order of their coming. A view until the next one comes.
  const std::vector<Received>& received() const { return received_; }
  // The errno of the last call that failed, the first one's (bind) included; 0
  // if none.
  int error() const { return error_; }

 private:
  void ReadWhatCame();
  // Whether it need not be tried again.
  bool TryToSend(const Address& to, const std::string& bytes);

  const std::string name_;
  std::shared_ptr<DatagramSocket> socket_;
  PeerScript script_;
  bool reads_ = true;
  bool has_unmet_ = false;
  std::vector<Received> received_;
  int error_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_DATAGRAM_PEER_H_
