#include "httpd/handlers/credential_check.h"

#include <crypt.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/log/check.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "httpd/handlers/password_hash.h"
#include "reactor/thread.h"

namespace pollux {
namespace {

static_assert(CredentialCheck::kMaxPasswordBytes ==
              CRYPT_MAX_PASSPHRASE_SIZE - 1);

// While the reactor's queue is full.
constexpr absl::Duration kPostAgainAfter = absl::Milliseconds(10);

bool IsName(absl::string_view name) {
  return !name.empty() && !absl::StrContains(name, ':') &&
         std::none_of(name.begin(), name.end(), absl::ascii_iscntrl);
}

// In a time that does not depend on where they differ.
bool IsSame(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

// crypt(3) would ignore everything after a NUL.
bool Matches(const std::string& password, const std::string& hash,
             crypt_data& data) {
  const char* const made = crypt_r(password.c_str(), hash.c_str(), &data);
  const bool matches = made != nullptr && IsSame(made, hash) &&
                       !absl::StrContains(password, '\0');
  explicit_bzero(&data, sizeof(data));
  return matches;
}

}  // namespace

struct CredentialCheck::Shared {
  struct Question {
    KeyedHash::Digest digest;
    std::string password;
    // The user whose hash it is compared with, and whether that user asks.
    size_t user;
    bool is_users_own;
  };
  struct Answer {
    KeyedHash::Digest digest;
    size_t user;
    Verdict verdict;
  };

  Shared(Reactor& reactor, CredentialCheck* check, std::vector<User> users)
      : users(std::move(users)), check(check), reactor(reactor) {}

  const std::vector<User> users;

  // Null once the check is destroyed. For the loop's thread only.
  CredentialCheck* check;

  absl::Mutex mutex;
  // Destroyed some time after the check.
  Reactor& reactor ABSL_GUARDED_BY(mutex);
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  std::vector<Question> questions ABSL_GUARDED_BY(mutex);
  std::vector<Answer> answers ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<std::unique_ptr<CredentialCheck>> CredentialCheck::Create(
    Reactor& reactor, std::vector<User> users, const Options& options) {
  if (users.empty()) return absl::InvalidArgumentError("there are no users");
  absl::btree_set<absl::string_view> names;
  for (const User& user : users) {
    const auto wrong = [&user](absl::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat("user \"", absl::CEscape(user.name), "\" ", why));
    };
    if (!IsName(user.name)) return wrong("has no name that can be sent");
    if (!names.insert(user.name).second) return wrong("stands there twice");
    const PasswordHashFault fault = FaultOfPasswordHash(user.password_hash);
    if (fault == PasswordHashFault::kCostOutOfRange) {
      return wrong(
          absl::StrCat("has a password hash whose cost is out of range: ",
                       FormOfPasswordHash(user.password_hash)->costs));
    }
    if (fault != PasswordHashFault::kNone) {
      return wrong(
          "has no password hash that is known and strong: $y$, $2b$ or $6$, "
          "as mkpasswd(1) and htpasswd(1) write them");
    }
  }
  auto check =
      absl::WrapUnique(new CredentialCheck(reactor, std::move(users), options));
  if (absl::Status started = check->StartThread(); !started.ok()) {
    return started;
  }
  return check;
}

CredentialCheck::CredentialCheck(Reactor& reactor, std::vector<User> users,
                                 const Options& options)
    : options_(options),
      hash_(KeyedHash::NewSecret()),
      shared_(std::make_shared<Shared>(reactor, this, std::move(users))),
      remembered_(shared_->users.size()) {
  for (size_t i = 0; i < shared_->users.size(); ++i) {
    user_by_name_.emplace(shared_->users[i].name, i);
  }
}

CredentialCheck::~CredentialCheck() {
  shared_->check = nullptr;
  const absl::MutexLock lock(&shared_->mutex);
  shared_->is_stopping = true;
}

// The thread outlives the check for as long as it still verifies a password.
absl::Status CredentialCheck::StartThread() {
  absl::StatusOr<Thread> thread =
      Thread::Start("credentials", [shared = shared_] { Work(shared); });
  if (!thread.ok()) return thread.status();
  thread->Detach();
  return absl::OkStatus();
}

// No name has a ":".
KeyedHash::Digest CredentialCheck::DigestOf(absl::string_view name,
                                            absl::string_view password) const {
  return hash_.Hash(absl::StrCat(name, ":", password));
}

bool CredentialCheck::Remembers(absl::string_view name,
                                absl::string_view password) const {
  const KeyedHash::Digest digest = DigestOf(name, password);
  const auto user = user_by_name_.find(name);
  return user != user_by_name_.end() && remembered_[user->second] == digest;
}

void CredentialCheck::Ask(absl::string_view name, absl::string_view password,
                          OnVerdict on_verdict) {
  CHECK(!is_full());
  const KeyedHash::Digest digest = DigestOf(name, password);
  const bool is_asked_already = std::any_of(
      waiting_.begin(), waiting_.end(),
      [&](const Waiting& waiting) { return waiting.digest == digest; });
  waiting_.push_back({.digest = digest, .on_verdict = std::move(on_verdict)});
  if (is_asked_already) return;

  const auto user = user_by_name_.find(name);
  const bool is_user = user != user_by_name_.end();
  absl::MutexLock lock(&shared_->mutex);
  shared_->questions.push_back(
      {.digest = digest,
       .password = std::string(password),
       .user =
           is_user ? user->second : hash_.Hash(name).low % remembered_.size(),
       .is_users_own = is_user});
}

// The thread. It may outlive the check, and the reactor.
void CredentialCheck::Work(const std::shared_ptr<Shared>& shared) {
  // Signals belong to the loop's thread.
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);

  const auto data = std::make_unique<crypt_data>();
  const auto has_work = [&]() ABSL_SHARED_LOCKS_REQUIRED(shared->mutex) {
    return shared->is_stopping || !shared->questions.empty();
  };
  while (true) {
    Shared::Question question;
    {
      absl::MutexLock lock(&shared->mutex, absl::Condition(&has_work));
      if (shared->is_stopping) return;
      question = std::move(shared->questions.front());
      shared->questions.erase(shared->questions.begin());
    }
    const bool matches = Matches(
        question.password, shared->users[question.user].password_hash, *data);
    explicit_bzero(question.password.data(), question.password.size());
    const absl::MutexLock lock(&shared->mutex);
    shared->answers.push_back({.digest = question.digest,
                               .user = question.user,
                               .verdict = matches && question.is_users_own
                                              ? Verdict::kRight
                                              : Verdict::kWrong});
    PostDelivery(shared);
  }
}

// Tries again until the reactor's queue has room.
void CredentialCheck::PostDelivery(const std::shared_ptr<Shared>& shared) {
  while (!shared->is_stopping && !shared->reactor
                                      .Post([shared] {
                                        if (shared->check != nullptr)
                                          shared->check->Deliver();
                                      })
                                      .ok()) {
    shared->mutex.AwaitWithTimeout(absl::Condition(&shared->is_stopping),
                                   kPostAgainAfter);
  }
}

void CredentialCheck::Deliver() {
  std::vector<Shared::Answer> answers;
  {
    absl::MutexLock lock(&shared_->mutex);
    answers.swap(shared_->answers);
  }
  for (const Shared::Answer& answer : answers) {
    if (answer.verdict == Verdict::kRight) {
      remembered_[answer.user] = answer.digest;
    }
    // Those who are told may ask again.
    const auto told = std::stable_partition(
        waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
          return !(waiting.digest == answer.digest);
        });
    std::vector<Waiting> telling(std::make_move_iterator(told),
                                 std::make_move_iterator(waiting_.end()));
    waiting_.erase(told, waiting_.end());
    for (Waiting& waiting : telling) {
      std::move(waiting.on_verdict)(answer.verdict);
    }
  }
}

}  // namespace pollux
