// Somebody at the other end of a connection, following a script.
#ifndef POLLUX_TESTING_PEER_H_
#define POLLUX_TESTING_PEER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/net/address.h"
#include "testing/fake/peer_script.h"
#include "testing/fake/stream_socket.h"
#include "testing/fake/virtual_time.h"
#include "testing/fake_world.h"

namespace pollux {

// A client or a server in a FakeWorld that does one thing after another, as
// time passes:
//
//   Peer client(world, "client");
//   client.Connect(address).Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
//       .AwaitText("ha?\n").HalfClose().AwaitEnd();
//
//   Peer upstream(world, "upstream");
//   upstream.Listen(address)
//       .AwaitText("\r\n\r\n").Send("HTTP/1.1 204 OK\r\n\r\n").Close()
//       .Accept().Reset();  // the next connection
//
//   reactor->Run();  // until something stops it
//   EXPECT_TRUE(client.done());
//
// What arrives is read at once and kept, unless the script says otherwise. It
// acts between the calls of the program under test, never inside of one, and is
// not part of any FakeKernel: it uses no descriptor, and no fault hits it.
//
// Owned by the test; one thread; must not outlive its world. The script may
// grow while it runs. Nothing fails: what went wrong is in error().
class Peer final {
 public:
  Peer(FakeWorld& world, std::string name);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Where a server is, TCP or unix. These do not wait for their turn: a program
  // that connects next finds it as they say.

  // Listens. The first step of the script is then to accept a connection, which
  // is made before that, and waits.
  Peer& Listen(const Address& address);
  // Accepts from the listener of another peer: several connections to one
  // server at the same time, each with a script of its own.
  Peer& ListenWith(const Peer& other);
  // Listens, and accepts nobody until the script says Accept(): `backlog` and
  // one connections are made, and wait.
  Peer& ListenOnly(const Address& address, int backlog);
  // Has the address and no room for any connection: EINPROGRESS, until the
  // program or TCP loses its patience (ETIMEDOUT, after 131 s); EAGAIN on unix.
  Peer& Ignore(const Address& address);
  // Has the address and refuses every connection: ECONNREFUSED.
  Peer& Refuse(const Address& address);
  // Where it is: which port, if 0 was asked for.
  Address address() const;

  // The script. Each step begins when the one before is done.

  // Done when the connection is made or refused.
  Peer& Connect(const Address& address);
  // Done when a connection has come. Closes the one before it, if there is one:
  // received(), saw_end() and error() begin anew.
  Peer& Accept();
  // Nobody is listened to any more: who waits is reset, who comes is refused.
  Peer& StopListening();
  // Done when the kernel has taken all of it, or the connection is broken.
  Peer& Send(std::string bytes);
  // The same in pieces of `piece_bytes`, `gap` apart.
  Peer& SendInPieces(absl::string_view bytes, size_t piece_bytes,
                     absl::Duration gap);
  Peer& Wait(absl::Duration time);
  // Done when so much has been received in all, or no more can come.
  Peer& AwaitBytes(size_t count);
  // Done when `text` stands in what was received `times` times, or no more can
  // come.
  Peer& AwaitText(std::string text, size_t times = 1);
  // Done when the connection has ended, in whatever way.
  Peer& AwaitEnd();
  // From here on, reads `bytes` every `interval`; an infinite interval stops
  // reading.
  Peer& ReadSlowly(size_t bytes, absl::Duration interval);
  Peer& StopReading() { return ReadSlowly(0, absl::InfiniteDuration()); }
  Peer& ReadFreely();
  // A FIN; what comes is still read.
  Peer& HalfClose();
  Peer& Close();
  // An RST.
  Peer& Reset();
  // Says nothing more and reads nothing more, and is never heard of again: a
  // cable that was cut.
  Peer& Vanish();
  Peer& Do(absl::AnyInvocable<void()> action);

  // What came of it.

  const std::string& name() const { return name_; }
  // Whether the script has come to its end.
  bool done() const { return script_.done(); }
  const std::string& received() const { return received_; }
  // Whether the other end has sent its FIN, and all was read.
  bool saw_end() const { return saw_end_; }
  // The errno that the connection, or the attempt, ended with; 0 if none.
  int error() const { return error_; }
  bool is_connected() const { return socket_ && socket_->is_connected(); }

 private:
  std::shared_ptr<StreamSocket> MakeSocket(int family);
  // Binds a socket that may listen.
  void Settle(const Address& address);
  void LeaveListener();
  void ReadWhatCame();
  void ReadSome(size_t most_bytes);
  void ReadNextPortion();
  bool SendRest(std::string& rest);
  void Hang(bool with_reset);
  bool is_over() const { return saw_end_ || error_ != 0 || socket_ == nullptr; }

  FakeWorld& world_;
  const std::string name_;
  // Shared with those who take connections from it.
  std::shared_ptr<StreamSocket> listener_;
  // Takes the place of all others in its backlog.
  std::shared_ptr<StreamSocket> obstacle_;
  std::shared_ptr<StreamSocket> socket_;
  PeerScript script_;
  VirtualTime::PlanId portion_ = 0;

  bool reads_freely_ = true;
  size_t portion_bytes_ = 0;
  absl::Duration portion_interval_;

  std::string received_;
  bool saw_end_ = false;
  int error_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_PEER_H_
