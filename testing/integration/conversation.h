// Clients and a program in a fake world, and what must come of it.
#ifndef POLLUX_TESTING_INTEGRATION_CONVERSATION_H_
#define POLLUX_TESTING_INTEGRATION_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "testing/fake/random.h"
#include "testing/integration/scenario_texts.h"
#include "testing/peer.h"
#include "testing/simulation.h"

namespace pollux {

// One conversation, to be run with faults: builds a program on the simulation's
// kernel, lets clients talk to it, stops it with SIGTERM, and says what each
// client must have got: without a fault everything, with one a beginning of it.
// A bystander on a connection of its own must not notice a fault on another
// one.
struct NamedScenario {
  std::string name;
  void (*run)(Simulation& simulation);
};

// What clients talk to: listens at Conversation::address(), drains at SIGTERM
// and then stops its reactor. Owned by the conversation.
class Program {
 public:
  virtual ~Program() = default;

  virtual Reactor& reactor() = 0;

  // When it has run: what it says of itself must be so.
  virtual void Check(Simulation& simulation) = 0;
};

// A program, its clients, and what they expect. Lives as long as one run of a
// scenario.
class Conversation {
 public:
  // `program` is null if it could not start, which only a fault may excuse.
  Conversation(Simulation& simulation, std::unique_ptr<Program> program);

  // Whether a client hears the program out.
  enum class Patience : uint8_t { kStays, kMayLeave };

  // A client that must get `expected`, or a beginning of it. It is not
  // connected yet.
  Peer& AddClient(const std::string& name, std::vector<Answer> expected,
                  Patience patience = Patience::kStays);
  Peer& AddClient(const std::string& name, std::string expected,
                  Patience patience = Patience::kStays);

  // The same, and it connects when the bystander has settled.
  template <typename Expected>
  Peer& AddLateClient(const std::string& name, Expected expected,
                      Patience patience = Patience::kStays) {
    return AddClient(name, std::move(expected), patience)
        .Wait(absl::Milliseconds(1))
        .Connect(address());
  }

  // Speaks before and after the others, on a connection of its own.
  void AddBystander();

  // Some clients, each with its own speed, pieces, requests and end.
  void AddRandomClients(absl::FunctionRef<Question(Random&)> ask);

  // Lets everybody speak; when all have done, the program is told to stop.
  // `check` then looks at it, before it is destroyed.
  void Run(absl::FunctionRef<void()> check = [] {});

  void RaiseTerm();

  // A client of a program that stops may find that announced.
  void AllowAnnouncedClose() { is_close_announced_ = true; }

  // While others speak: what is answered after that announces the end.
  void RaiseTermAfter(absl::Duration delay);

  bool HadFault() const { return simulation_.faulty_kernel().faults() > 0; }

  // Notes a failure if it does not hold, unless there was a fault.
  void ExpectWithoutFault(bool holds, absl::string_view what) {
    simulation_.Expect(holds || HadFault(), what);
  }

  // The first number that is free when the program has started.
  int free_descriptor() const { return free_descriptor_; }

  static Address address() { return *Address::Parse("127.0.0.1:80"); }
  Simulation& simulation() { return simulation_; }
  Random& random() { return simulation_.world().random(); }

 private:
  struct Client {
    std::unique_ptr<Peer> peer;
    std::vector<Answer> expected;
    Patience patience;
  };

  bool MayHaveNoticed(const Peer& peer) const;
  void Check(const Client& client);
  void AddRandomClient(const std::string& name,
                       absl::FunctionRef<Question(Random&)> ask);

  Simulation& simulation_;
  std::unique_ptr<Program> program_;
  // The bystander, who is accepted first, gets it.
  const int free_descriptor_;
  std::deque<Client> clients_;
  Peer* bystander_ = nullptr;
  bool is_close_announced_ = false;
  uint64_t settled_at_ = 0;
  size_t speaking_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_CONVERSATION_H_
