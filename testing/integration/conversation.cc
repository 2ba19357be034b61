#include "testing/integration/conversation.h"

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace pollux {
namespace {

constexpr int kStandardDescriptors = 3;

std::string Concatenated(const std::vector<Answer>& answers) {
  std::string all;
  for (const Answer& answer : answers) all += answer.text;
  return all;
}

// Whether `text` is all of the answers, without a fault.
bool IsAll(absl::string_view text, absl::Span<const Answer> answers) {
  for (const Answer& answer : answers) {
    if (answer.may_begin_with_continue) {
      (void)absl::ConsumePrefix(&text, kContinue);
    }
    if (!absl::ConsumePrefix(&text, answer.text)) return false;
  }
  return text.empty();
}

// Whether `text` is a beginning of the answers, each of them in any of its
// forms.
bool Begins(absl::string_view text, absl::Span<const Answer> answers) {
  if (text.empty()) return true;
  if (answers.empty()) return false;
  if (answers.front().may_begin_with_continue) {
    if (absl::StartsWith(kContinue, text)) return true;
    (void)absl::ConsumePrefix(&text, kContinue);
  }
  const auto may_be = [&](absl::string_view form) {
    return absl::StartsWith(form, text) ||
           (absl::StartsWith(text, form) &&
            Begins(text.substr(form.size()), answers.subspan(1)));
  };
  if (may_be(answers.front().text)) return true;
  for (const std::string& form : answers.front().under_fault) {
    if (may_be(form)) return true;
  }
  return false;
}

// Removes what came of the answer to a request that did not become whole.
void DropEndedWithin(std::string& received) {
  const size_t at = received.rfind("HTTP/1.1 400 ");
  if (at == std::string::npos) return;
  const std::string rest = received.substr(at);
  // The line may have been removed, as from every answer.
  for (const absl::string_view line : {kCloseLine, absl::string_view()}) {
    if (absl::StartsWith(EndedWithin(line), rest)) received.resize(at);
  }
}

std::string Shown(absl::string_view text) {
  constexpr size_t kShownBytes = 600;
  return absl::StrCat(text.size(), " bytes, ", text.substr(0, kShownBytes));
}

size_t CountOf(absl::string_view text, absl::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

}  // namespace

Conversation::Conversation(Simulation& simulation,
                           std::unique_ptr<Program> program)
    : simulation_(simulation),
      program_(std::move(program)),
      free_descriptor_(kStandardDescriptors +
                       static_cast<int>(simulation.host().open_descriptors())) {
  simulation.Expect(program_ != nullptr || HadFault(), "it did not start");
}

Peer& Conversation::AddClient(const std::string& name,
                              std::vector<Answer> expected, Patience patience) {
  clients_.push_back({std::make_unique<Peer>(simulation_.world(), name),
                      std::move(expected), patience});
  return *clients_.back().peer;
}

Peer& Conversation::AddClient(const std::string& name, std::string expected,
                              Patience patience) {
  return AddClient(name, std::vector<Answer>{std::move(expected)}, patience);
}

void Conversation::AddBystander() {
  Peer& peer = AddClient("bystander", Repeat(Ok("ha?\n"), 2));
  bystander_ = &peer;
  peer.Connect(address())
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Do([this] { settled_at_ = simulation_.faulty_kernel().calls(); })
      .Wait(absl::Seconds(5))
      .Send(Get("/"))
      .AwaitText("ha?\n", 2);
}

void Conversation::AddRandomClients(absl::FunctionRef<Question(Random&)> ask) {
  const int64_t clients = random().Between(1, 6);
  for (int64_t i = 0; i < clients; ++i) {
    AddRandomClient(absl::StrCat("client", i), ask);
  }
}

void Conversation::AddRandomClient(const std::string& name,
                                   absl::FunctionRef<Question(Random&)> ask) {
  // Beyond it, a request comes in few pieces.
  constexpr size_t kLargeBytes = 8'000;
  // With smaller ones a body could be slower than servers allow.
  constexpr int64_t kLeastPieceBytes = 4;
  Random& random = this->random();
  std::string requests;
  std::vector<Answer> expected;
  const int64_t count = random.Between(0, 5);
  for (int64_t i = 0; i < count; ++i) {
    Question question = ask(random);
    requests += question.request;
    expected.push_back(std::move(question.answer));
  }
  const size_t heads = CountOf(Concatenated(expected), "HTTP/1.1 ");
  const bool is_patient = random.Chance(60);
  if (!is_patient) requests.resize(random.Below(requests.size() + 1));
  Peer& client = AddClient(name, std::move(expected),
                           is_patient ? Patience::kStays : Patience::kMayLeave);
  client.Wait(absl::Microseconds(random.Between(0, 20'000))).Connect(address());
  if (random.Chance(25)) {
    client.ReadSlowly(static_cast<size_t>(random.Between(1'000, 100'000)),
                      absl::Microseconds(random.Between(1, 20'000)));
  }
  const size_t piece_bytes =
      requests.size() > kLargeBytes
          ? requests.size() / static_cast<size_t>(random.Between(1, 40)) + 1
          : static_cast<size_t>(random.Between(kLeastPieceBytes, 200));
  client.SendInPieces(requests, piece_bytes,
                      absl::Microseconds(random.Between(0, 3'000)));
  if (is_patient) {
    client.AwaitText("HTTP/1.1 ", heads).HalfClose().AwaitEnd();
    return;
  }
  switch (random.Below(5)) {
    case 0:
      client.HalfClose().AwaitEnd();
      break;
    case 1:
      client.Reset();
      break;
    case 2:
      client.Vanish();
      break;
    case 3:
      // While it is answered.
      client.Wait(absl::Microseconds(random.Between(0, 40'000))).Reset();
      break;
    default:
      client.Close();
  }
}

void Conversation::Run(absl::FunctionRef<void()> check) {
  if (program_ == nullptr) return;
  speaking_ = clients_.size();
  for (Client& client : clients_) {
    client.peer->Do([this] {
      if (--speaking_ == 0) RaiseTerm();
    });
  }
  simulation_.Run(program_->reactor());
  program_->Check(simulation_);
  check();
  program_.reset();
  simulation_.world().PassAll(absl::Minutes(10));
  for (const Client& client : clients_) Check(client);
}

void Conversation::RaiseTerm() { simulation_.host().RaiseSignal(SIGTERM); }

void Conversation::RaiseTermAfter(absl::Duration delay) {
  AllowAnnouncedClose();
  for (Client& client : clients_) client.patience = Patience::kMayLeave;
  simulation_.world().time().After(delay, [this] { RaiseTerm(); });
}

// Whether a fault may have hit this client, or kept it out.
bool Conversation::MayHaveNoticed(const Peer& peer) const {
  if (!HadFault()) return false;
  const FaultyKernel& faulty = simulation_.faulty_kernel();
  const bool is_settled_bystander =
      &peer == bystander_ && faulty.first_fault() > settled_at_ &&
      settled_at_ > 0 && !simulation_.options().plan.has_random();
  return !is_settled_bystander ||
         faulty.first_fault_descriptor() == free_descriptor_;
}

void Conversation::Check(const Client& client) {
  std::string received = Normalized(client.peer->received());
  if (is_close_announced_) {
    received = absl::StrReplaceAll(received, {{kCloseLine, ""}});
  }
  if (client.patience == Patience::kMayLeave) DropEndedWithin(received);
  if (client.patience == Patience::kStays && !MayHaveNoticed(*client.peer)) {
    simulation_.Expect(IsAll(received, client.expected),
                       absl::StrCat(client.peer->name(),
                                    " did not get all: ", Shown(received)));
  }
  std::vector<Answer> expected = client.expected;
  if (!HadFault()) {
    for (Answer& answer : expected) answer.under_fault.clear();
  }
  simulation_.Expect(Begins(received, expected),
                     absl::StrCat(client.peer->name(),
                                  " got something else: ", Shown(received)));
}

}  // namespace pollux
