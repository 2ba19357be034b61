#include "testing/integration/daemon_scenarios.h"

#include <signal.h>

#include <deque>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "httpd/daemon.h"
#include "reactor/net/address.h"
#include "testing/peer.h"

namespace pollux {
namespace {

constexpr size_t kBigBytes = 300'000;
// "DATE" stands for a whole date in what is expected.
constexpr size_t kHiddenDateBytes = 25;
constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr absl::string_view kGetBig = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr absl::string_view kLastGet =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
constexpr absl::string_view kPost =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
constexpr absl::string_view kPostInChunks =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n";

std::string Ok(absl::string_view body, absl::string_view connection = "") {
  return absl::StrCat("HTTP/1.1 200 OK\r\nDate: DATE\r\n", connection,
                      "Content-Type: text/plain\r\nContent-Length: ",
                      body.size(), "\r\n\r\n", body);
}

const std::string& Big() {
  static const auto* const big = new std::string(kBigBytes, 'x');
  return *big;
}

std::string MethodNotAllowed() {
  return "HTTP/1.1 405 Method Not Allowed\r\nDate: DATE\r\n"
         "Allow: GET, HEAD, OPTIONS\r\n"
         "Content-Type: text/plain\r\nContent-Length: 23\r\n\r\n"
         "405 Method Not Allowed\n";
}

// To whoever leaves in the middle of a request.
std::string EndedWithin(absl::string_view connection_line) {
  return absl::StrCat(
         "HTTP/1.1 400 Bad Request\r\nDate: DATE\r\n", connection_line,
         "Content-Type: text/plain\r\nContent-Length: 58\r\n\r\n"
         "400 Bad Request: The connection ended within the request.\n");
}

std::string Repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// The text with every date, as far as it has come, made the same.
std::string WithoutDates(absl::string_view text) {
  constexpr absl::string_view kDate = "\r\nDate: ";
  constexpr size_t kDateBytes = 29;
  std::string result;
  while (true) {
    const size_t at = text.find(kDate);
    if (at == absl::string_view::npos) break;
    absl::StrAppend(&result, text.substr(0, at + kDate.size()), "DATE");
    text.remove_prefix(at + kDate.size());
    text.remove_prefix(std::min(kDateBytes, text.size()));
  }
  return absl::StrCat(result, text);
}

const httpd::Settings& TestSettings() {
  static const auto* const settings = new httpd::Settings([] {
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(
        absl::StrCat(R"(listener { address: "127.0.0.1:80" }
                        route { path: "/" fixed { body: "ha?\n" } }
                        route { path: "/big" fixed { body: ")",
                     Big(), "\" } }"),
        "scenario");
    return loaded.settings;
  }());
  return *settings;
}

// A daemon, its clients, and what they expect.
class Conversation {
 public:
  explicit Conversation(Simulation& simulation) : simulation_(simulation) {
    absl::StatusOr<std::unique_ptr<Daemon>> daemon =
        Daemon::Create(simulation.kernel(), TestSettings());
    // Under a fault it may be refused, with nothing left behind.
    if (daemon.ok()) daemon_ = *std::move(daemon);
    simulation.Expect(daemon_ != nullptr || HadFault(), "it did not start");
  }

  // Whether a client hears the daemon out.
  enum class Patience : uint8_t { kStays, kMayLeave };

  // A client that must get `expected`, dates aside, or a beginning of it.
  Peer& AddClient(const std::string& name, std::string expected,
                  Patience patience = Patience::kStays) {
    clients_.push_back({std::make_unique<Peer>(simulation_.world(), name),
                        std::move(expected), patience});
    return *clients_.back().peer;
  }

  // Speaks before and after the others, on a connection of its own.
  void AddBystander() {
    Peer& peer = AddClient("bystander", Repeat(Ok("ha?\n"), 2));
    bystander_ = &peer;
    peer.Connect(address())
        .Send(std::string(kGet))
        .AwaitText("ha?\n")
        .Do([this] { settled_at_ = simulation_.faulty_kernel().calls(); })
        .Wait(absl::Seconds(5))
        .Send(std::string(kGet))
        .AwaitText("ha?\n", 2);
  }

  // Lets everybody speak; when all have done, the daemon is told to stop.
  void Run() {
    if (daemon_ == nullptr) return;
    speaking_ = clients_.size();
    for (Client& client : clients_) {
      client.peer->Do([this] {
        if (--speaking_ == 0) RaiseTerm();
      });
    }
    simulation_.Run(daemon_->reactor());
    daemon_.reset();
    simulation_.world().PassAll(absl::Minutes(10));
    for (const Client& client : clients_) Check(client);
  }

  void RaiseTerm() { simulation_.host().RaiseSignal(SIGTERM); }

  void AllowAnnouncedClose() {
    close_is_announced_ = {{"Connection: close\r\n", ""}};
  }

  // While others speak: what is answered after that announces the end.
  void RaiseTermAfter(absl::Duration delay) {
    AllowAnnouncedClose();
    for (Client& client : clients_) client.patience = Patience::kMayLeave;
    simulation_.world().time().After(delay, [this] { RaiseTerm(); });
  }

  static Address address() { return *Address::Parse("127.0.0.1:80"); }
  Simulation& simulation() { return simulation_; }
  Random& random() { return simulation_.world().random(); }

 private:
  struct Client {
    std::unique_ptr<Peer> peer;
    std::string expected;
    Patience patience;
  };

  bool HadFault() const { return simulation_.faulty_kernel().faults() > 0; }

  // Whether a fault may have hit this client, or kept it out.
  bool MayHaveNoticed(const Peer& peer) const {
    if (!HadFault()) return false;
    const FaultyKernel& faulty = simulation_.faulty_kernel();
    const bool is_settled_bystander =
        &peer == bystander_ && faulty.first_fault() > settled_at_ &&
        settled_at_ > 0 && !simulation_.options().plan.has_random();
    // It was accepted first, so it has the lowest number after the daemon's
    // own descriptors.
    return !is_settled_bystander ||
           faulty.first_fault_descriptor() == kBystanderDescriptor;
  }

  void Check(const Client& client) {
    std::string received = absl::StrReplaceAll(
        WithoutDates(client.peer->received()), close_is_announced_);
    if (client.patience == Patience::kMayLeave) DropEndedWithin(received);
    if (client.patience == Patience::kStays && !MayHaveNoticed(*client.peer)) {
      simulation_.Expect(received == client.expected,
                         absl::StrCat(client.peer->name(),
                                      " did not get all: ", Shown(received)));
    }
    simulation_.Expect(absl::StartsWith(client.expected, received),
                       absl::StrCat(client.peer->name(),
                                    " got something else: ", Shown(received)));
  }

  // Removes what came of the answer to a request that did not become whole.
  static void DropEndedWithin(std::string& received) {
    const size_t at = received.rfind("HTTP/1.1 400 ");
    if (at == std::string::npos) return;
    const std::string rest = received.substr(at);
    // The line may have been removed, as from every answer.
    for (const char* line : {"Connection: close\r\n", ""}) {
      if (absl::StartsWith(EndedWithin(line), rest)) received.resize(at);
    }
  }

  static std::string Shown(absl::string_view text) {
    constexpr size_t kShownBytes = 600;
    return std::string(text.substr(0, kShownBytes));
  }

  // After epoll, eventfd, signalfd, the listener and its reserve.
  static constexpr int kBystanderDescriptor = 8;

  Simulation& simulation_;
  std::unique_ptr<Daemon> daemon_;
  std::deque<Client> clients_;
  Peer* bystander_ = nullptr;
  std::vector<std::pair<absl::string_view, absl::string_view>>
      close_is_announced_;
  uint64_t settled_at_ = 0;
  size_t speaking_ = 0;
};

Peer& Late(Peer& peer) {
  // After the bystander has settled.
  return peer.Wait(absl::Milliseconds(1)).Connect(Conversation::address());
}

void OneGet(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Ok("ha?\n")))
      .Send(std::string(kGet))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void KeepAlive(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Peer& client = Late(conversation.AddClient("client", Repeat(Ok("ha?\n"), 3)));
  for (size_t i = 1; i <= 3; ++i) {
    client.Send(std::string(kGet)).AwaitText("ha?\n", i);
  }
  client.Close();
  conversation.Run();
}

void Pipelined(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Repeat(Ok("ha?\n"), 16)))
      .Send(Repeat(std::string(kGet), 16))
      .AwaitText("ha?\n", 16)
      .Close();
  conversation.Run();
}

void ByteByByte(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Ok("ha?\n")))
      .SendInPieces(kGet, 1, absl::Milliseconds(1))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void Post(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", MethodNotAllowed() + Ok("ha?\n")))
      .SendInPieces(kPost, 60, absl::Milliseconds(2))
      .Send(std::string(kGet))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void PostInChunks(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", MethodNotAllowed() + Ok("ha?\n")))
      .SendInPieces(kPostInChunks, 40, absl::Milliseconds(2))
      .Send(std::string(kGet))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void ConnectRequestClose(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  for (int i = 0; i < 3; ++i) {
    Late(conversation.AddClient(absl::StrCat("client", i),
                                Ok("ha?\n", "Connection: close\r\n")))
        .Send(std::string(kLastGet))
        .AwaitEnd()
        .Close();
  }
  conversation.Run();
}

void HalfClose(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Repeat(Ok("ha?\n"), 2)))
      .Send(Repeat(std::string(kGet), 2))
      .HalfClose()
      .AwaitEnd()
      .Close();
  conversation.Run();
}

void Reset(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Ok("ha?\n")))
      .Send(std::string(kGet))
      .AwaitText("ha?\n")
      .Send("GET / HT")
      .Reset();
  conversation.Run();
}

void SlowReader(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  Late(conversation.AddClient("client", Ok(Big())))
      .ReadSlowly(20'000, absl::Milliseconds(10))
      .Send(std::string(kGetBig))
      .AwaitBytes(Ok(Big()).size() + kHiddenDateBytes)
      .Close();
  conversation.Run();
}

// More clients than descriptors: what cannot be accepted is shed, and when
// there is room again new clients are served.
void DescriptorExhaustion(Simulation& simulation) {
  Conversation conversation(simulation);
  conversation.AddBystander();
  // The bystander and two more.
  simulation.host().set_descriptor_limit(11);
  for (int i = 0; i < 2; ++i) {
    Late(conversation.AddClient(absl::StrCat("early", i), Ok("ha?\n")))
        .Send(std::string(kGet))
        .AwaitText("ha?\n")
        .Wait(absl::Milliseconds(100))
        .Close();
  }
  for (int i = 0; i < 3; ++i) {
    conversation.AddClient(absl::StrCat("shed", i), "")
        .Wait(absl::Milliseconds(20))
        .Connect(Conversation::address())
        .AwaitEnd()
        .Close();
  }
  conversation.AddClient("late", Ok("ha?\n"))
      .Wait(absl::Seconds(2))
      .Connect(Conversation::address())
      .Send(std::string(kGet))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void StopWithWorkInFlight(Simulation& simulation) {
  Conversation conversation(simulation);
  // A late daemon finds the request and the signal at the same time.
  conversation.AllowAnnouncedClose();
  Late(conversation.AddClient("client", Ok(Big())))
      .ReadSlowly(20'000, absl::Milliseconds(10))
      .Send(std::string(kGetBig))
      .Wait(absl::Milliseconds(20))
      .Do([&conversation] { conversation.RaiseTerm(); })
      .AwaitEnd()
      .Close();
  conversation.Run();
}

}  // namespace

std::vector<DaemonScenario> DaemonScenarios() {
  return {{"OneGet", OneGet},
          {"KeepAlive", KeepAlive},
          {"Pipelined", Pipelined},
          {"ByteByByte", ByteByByte},
          {"Post", Post},
          {"PostInChunks", PostInChunks},
          {"ConnectRequestClose", ConnectRequestClose},
          {"HalfClose", HalfClose},
          {"Reset", Reset},
          {"SlowReader", SlowReader},
          {"DescriptorExhaustion", DescriptorExhaustion},
          {"StopWithWorkInFlight", StopWithWorkInFlight}};
}

void RunRandomConversation(Simulation& simulation) {
  Conversation conversation(simulation);
  Random& random = conversation.random();
  const int64_t clients = random.Between(1, 6);
  for (int64_t i = 0; i < clients; ++i) {
    std::string requests;
    std::string expected;
    const int64_t count = random.Between(0, 5);
    for (int64_t j = 0; j < count; ++j) {
      switch (random.Below(8)) {
        case 0:
          absl::StrAppend(&requests, kPost);
          expected += MethodNotAllowed();
          break;
        case 1:
          absl::StrAppend(&requests, kPostInChunks);
          expected += MethodNotAllowed();
          break;
        case 2:
          absl::StrAppend(&requests, kGetBig);
          expected += Ok(Big());
          break;
        default:
          absl::StrAppend(&requests, kGet);
          expected += Ok("ha?\n");
      }
    }
    const bool is_patient = random.Chance(60);
    if (!is_patient) requests.resize(random.Below(requests.size() + 1));
    Peer& client =
        conversation.AddClient(absl::StrCat("client", i), expected,
                               is_patient ? Conversation::Patience::kStays
                                          : Conversation::Patience::kMayLeave);
    client.Wait(absl::Microseconds(random.Between(0, 20'000)))
        .Connect(Conversation::address());
    if (random.Chance(25)) {
      client.ReadSlowly(static_cast<size_t>(random.Between(1'000, 100'000)),
                        absl::Microseconds(random.Between(1, 20'000)));
    }
    client.SendInPieces(requests, static_cast<size_t>(random.Between(1, 200)),
                        absl::Microseconds(random.Between(0, 3'000)));
    if (is_patient) {
      client.AwaitText("HTTP/1.1 ", static_cast<size_t>(count))
          .HalfClose()
          .AwaitEnd();
      continue;
    }
    switch (random.Below(4)) {
      case 0:
        client.HalfClose().AwaitEnd();
        break;
      case 1:
        client.Reset();
        break;
      case 2:
        client.Vanish();
        break;
      default:
        client.Close();
    }
  }
  if (random.Chance(20)) {
    conversation.RaiseTermAfter(absl::Microseconds(random.Between(0, 50'000)));
  }
  conversation.Run();
}

}  // namespace pollux
