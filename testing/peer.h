// Somebody at the other end of a connection, following a script.
#ifndef POLLUX_TESTING_PEER_H_
#define POLLUX_TESTING_PEER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/net/address.h"
#include "testing/fake/open_file.h"
#include "testing/fake/stream_socket.h"
#include "testing/fake_world.h"

namespace pollux {

// A client in a FakeWorld that does one thing after another, as time passes:
//
//   Peer client(world, "client");
//   client.Connect(address).Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
//       .AwaitText("ha?\n").HalfClose().AwaitEnd();
//   reactor->Run();  // until something stops it
//   EXPECT_TRUE(client.done());
//
// What arrives is read at once and kept, unless the script says otherwise. It
// acts between the calls of the program under test, never inside of one, and is
// not part of any FakeKernel: it uses no descriptor, and no fault hits it.
//
// Owned by the test; one thread; must not outlive its world. The script may
// grow while it runs. Nothing fails: what went wrong is in error().
class Peer final : private FileWatcher {
 public:
  Peer(FakeWorld& world, std::string name)
      : world_(world), name_(std::move(name)) {}
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The script. Each step begins when the one before is done.

  // Done when the connection is made or refused.
  Peer& Connect(const Address& address);
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
  bool done() const { return steps_.empty(); }
  const std::string& received() const { return received_; }
  // Whether the other end has sent its FIN, and all was read.
  bool saw_end() const { return saw_end_; }
  // The errno that the connection, or the attempt, ended with; 0 if none.
  int error() const { return error_; }
  bool is_connected() const { return socket_ && socket_->is_connected(); }

 private:
  // Returns whether it is done; else it is asked again when something happened.
  using Step = absl::AnyInvocable<bool()>;

  bool OnFileEvent(OpenFile& file, uint32_t events) override;
  void OnFileGone(OpenFile& file) override;

  Peer& Then(Step step);
  // Takes a turn between the calls of the program.
  void Schedule();
  void TakeTurn();
  void ReadWhatCame();
  void ReadSome(size_t most_bytes);
  void ReadNextPortion();
  bool SendRest(std::string& rest);
  void Hang(bool with_reset);
  bool is_over() const { return saw_end_ || error_ != 0 || socket_ == nullptr; }

  FakeWorld& world_;
  const std::string name_;
  std::shared_ptr<StreamSocket> socket_;
  std::deque<Step> steps_;
  bool scheduled_ = false;
  VirtualTime::PlanId turn_ = 0;
  VirtualTime::PlanId pause_ = 0;
  VirtualTime::PlanId portion_ = 0;
  bool pause_over_ = false;

  bool reads_freely_ = true;
  size_t portion_bytes_ = 0;
  absl::Duration portion_interval_;

  std::string received_;
  bool saw_end_ = false;
  int error_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_PEER_H_
