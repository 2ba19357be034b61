// Somebody at the other end of a connection, following a script.
#ifndef POLLUX_TESTING_PEER_H_
#define POLLUX_TESTING_PEER_H_

#include <cstddef>
#include <map>
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
//       .ExpectText("ha?\n").HalfClose().AwaitEnd();
//
//   Peer upstream(world, "upstream");
//   upstream.Listen(address)
//       .AwaitText("\r\n\r\n").Send("HTTP/1.1 204 OK\r\n\r\n").Close()
//       .Accept().Reset();  // the next connection
//
//   reactor->Run();  // until something stops it
//   EXPECT_TRUE(client.done()) << client.unmet();
//
// What arrives is read at once and kept, unless the script says otherwise. It
// acts between the calls of the program under test, never inside of one, and is
// not part of any FakeKernel: it uses no descriptor, and no fault hits it.
//
// A script never stops in the middle: a step that fails, for example because
// the connection has ended, is skipped, and the next one begins. done() then
// stays false, and unmet() names the first such step.
//
// Owned by the test; one thread; must not outlive its world, nor be destroyed
// by one of its own steps (a check ends the process). The script may grow while
// it runs.
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

  // The script. Each step begins when the one before is over.

  // Over when the connection is made or refused; unmet if it is refused.
  Peer& Connect(const Address& address);
  // Over when a connection has come; unmet if the peer does not listen. Closes
  // the connection before it, if there is one: received(), saw_end() and
  // error() begin anew.
  Peer& Accept();
  // Nobody is listened to any more: who waits is reset, who comes is refused.
  Peer& StopListening();
  // Over when the kernel has taken all of it; unmet if the connection breaks
  // before that.
  Peer& Send(std::string bytes);
  // The same in pieces of `piece_bytes`, `gap` apart.
  Peer& SendInPieces(absl::string_view bytes, size_t piece_bytes,
                     absl::Duration gap);
  Peer& Wait(absl::Duration time);
  // Over when `text` stands in what was received `times` times. Fails the run
  // if the connection ends before that, or the peer is destroyed before that:
  // Simulation notes the failure, without a Simulation the GoogleTest test
  // fails. For runs without faults; where a fault may end the connection, use
  // AwaitText() and ask done().
  Peer& ExpectText(std::string text, size_t times = 1);
  // Over when so much has been received in all; unmet if the connection ends
  // before that.
  Peer& AwaitBytes(size_t count);
  // Over when `text` stands in what was received `times` times; unmet if the
  // connection ends before that.
  Peer& AwaitText(std::string text, size_t times = 1);
  // Over when the connection has ended, in whatever way.
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
  // Sends nothing more and acknowledges nothing more: a cable that was cut. The
  // program learns it from TCP's timers (ETIMEDOUT): 924.6 s after it has sent
  // something, or TCP_USER_TIMEOUT, or when keep-alive probes fail
  // (SO_KEEPALIVE).
  Peer& Vanish();
  Peer& Do(absl::AnyInvocable<void()> action);

  // What came of it.

  const std::string& name() const { return name_; }
  // Whether the script has ended and every step has succeeded.
  bool done() const { return script_.done() && unmet_.empty(); }
  // The first step that failed, and the reason: "client: \"a\" was
  // not received: the connection ended (ECONNRESET) after \"b\"". Empty if
  // there was none.
  const std::string& unmet() const { return unmet_; }
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
  bool HasText(absl::string_view text, size_t times) const;
  // Notes that the current step has failed: `what` did not happen.
  void NoteUnmet(absl::string_view what);
  std::string Explained(absl::string_view what) const;
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
  std::string unmet_;
  // Of ExpectText(), by number: those that are not met yet.
  std::map<int, std::string> expected_;
  int next_expected_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_PEER_H_
