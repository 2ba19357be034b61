#include "httpd/handlers/credential_check.h"

#include <crypt.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/log/check.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "httpd/handlers/password_hash.h"

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

// What follows a NUL crypt(3) would not see.
bool Matches(const std::string& password, const std::string& hash,
             crypt_data& data) {
  const char* const made = crypt_r(password.c_str(), hash.c_str(), &data);
  const bool matches = made != nullptr && IsSame(made, hash) &&
                       !absl::StrContains(password, '\0');
  explicit_bzero(&data, sizeof(data));
  return matches;
}

}  // namespace

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
    if (FaultOfPasswordHash(user.password_hash) != PasswordHashFault::kNone) {
      return wrong(
          "has no password hash that is known and strong: $y$, $2b$ or $6$, "
          "as mkpasswd(1) and htpasswd(1) write them");
    }
  }
  return absl::WrapUnique(
      new CredentialCheck(reactor, std::move(users), options));
}

CredentialCheck::CredentialCheck(Reactor& reactor, std::vector<User> users,
                                 const Options& options)
    : reactor_(reactor),
      options_(options),
      hash_(KeyedHash::NewSecret()),
      users_(std::move(users)),
      remembered_(users_.size()),
      self_(std::make_shared<CredentialCheck*>(this)) {
  for (size_t i = 0; i < users_.size(); ++i) {
    user_by_name_.emplace(users_[i].name, i);
  }
  thread_ = std::thread([this] { Work(); });
}

CredentialCheck::~CredentialCheck() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  thread_.join();
  *self_ = nullptr;
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
  absl::MutexLock lock(&mutex_);
  questions_.push_back(
      {.digest = digest,
       .password = std::string(password),
       .user = is_user ? user->second : hash_.Hash(name).low % users_.size(),
       .is_users_own = is_user});
}

void CredentialCheck::Work() {
  // Signals are the loop's.
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);
  (void)pthread_setname_np(pthread_self(), "credentials");

  const auto data = std::make_unique<crypt_data>();
  while (true) {
    Question question;
    {
      const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return is_stopping_ || !questions_.empty();
      };
      absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (is_stopping_) return;
      question = std::move(questions_.front());
      questions_.erase(questions_.begin());
    }
    const bool matches =
        Matches(question.password, users_[question.user].password_hash, *data);
    explicit_bzero(question.password.data(), question.password.size());
    {
      absl::MutexLock lock(&mutex_);
      answers_.push_back({.digest = question.digest,
                          .user = question.user,
                          .verdict = matches && question.is_users_own
                                         ? Verdict::kRight
                                         : Verdict::kWrong});
    }
    PostDelivery();
  }
}

void CredentialCheck::PostDelivery() {
  while (!reactor_
              .Post([self = self_] {
                if (*self != nullptr) (*self)->Deliver();
              })
              .ok()) {
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_),
                                kPostAgainAfter)) {
      return;
    }
  }
}

void CredentialCheck::Deliver() {
  std::vector<Answer> answers;
  {
    absl::MutexLock lock(&mutex_);
    answers.swap(answers_);
  }
  for (const Answer& answer : answers) {
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
