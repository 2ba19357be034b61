// Finds out whether passwords are right.
#ifndef POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_
#define POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "httpd/handlers/keyed_hash.h"
#include "reactor/reactor.h"

namespace pollux {

// Compares passwords with hashes as crypt(5) makes them, which is slow on
// purpose: a thread of its own does it, one password after another, while the
// loop goes on. Credentials that were right are remembered, as a keyed hash, so
// the same ones are known at once the next time.
//
// What is not a user takes as long as what is: the password is compared with
// another user's hash, always the same one for a name, and is wrong.
//
// Owned by who asks, on the reactor's thread, which it must not outlive: that
// is where everything is called, and where verdicts come. Destroying it waits
// for the comparison that is under way, and drops what waits unheard.
class CredentialCheck final {
 public:
  struct User {
    std::string name;
    // "$y$...", "$gy$", "$7$", "$2b$" and its likes, "$6$" or "$5$".
    std::string password_hash;
  };
  struct Options {
    // How many may wait for a verdict. At least 1.
    size_t max_waiting = 64;
  };
  enum class Verdict : uint8_t { kRight, kWrong };
  // May do anything but destroy the check.
  using OnVerdict = absl::AnyInvocable<void(Verdict) &&>;

  // The longest password, in bytes, that crypt(3) takes; longer ones are wrong.
  static constexpr size_t kMaxPasswordBytes = 511;

  // InvalidArgument, naming the user but not the hash, if there is none, if one
  // stands there twice, has a name that Basic authentication cannot say (empty,
  // or with ":" or a control character), or a hash that is weaker than those
  // above, is not whole, or that this libcrypt does not know.
  static absl::StatusOr<std::unique_ptr<CredentialCheck>> Create(
      Reactor& reactor, std::vector<User> users, const Options& options);
  static absl::StatusOr<std::unique_ptr<CredentialCheck>> Create(
      Reactor& reactor, std::vector<User> users) {
    return Create(reactor, std::move(users), Options());
  }
  ~CredentialCheck();
  CredentialCheck(const CredentialCheck&) = delete;
  CredentialCheck& operator=(const CredentialCheck&) = delete;

  // Whether these were found right before. If not, Ask().
  bool Remembers(absl::string_view name, absl::string_view password) const;

  // Whether so many wait that Ask() must not be called.
  bool is_full() const { return waiting_.size() >= options_.max_waiting; }

  // Tells the verdict from the loop, never inline. Only unless is_full(). Those
  // who ask the same at once share one comparison.
  void Ask(absl::string_view name, absl::string_view password,
           OnVerdict on_verdict);

 private:
  // For the thread.
  struct Question {
    KeyedHash::Digest digest;
    std::string password;
    // Whose hash it is compared with, and whether by right.
    size_t user;
    bool is_users_own;
  };
  // Who asked.
  struct Waiting {
    KeyedHash::Digest digest;
    OnVerdict on_verdict;
  };
  struct Answer {
    KeyedHash::Digest digest;
    size_t user;
    Verdict verdict;
  };

  CredentialCheck(Reactor& reactor, std::vector<User> users,
                  const Options& options);

  KeyedHash::Digest DigestOf(absl::string_view name,
                             absl::string_view password) const;

  // On the thread.
  void Work();
  void PostDelivery();
  // On the loop's.
  void Deliver();

  Reactor& reactor_;
  const Options options_;
  const KeyedHash hash_;
  const std::vector<User> users_;
  absl::btree_map<absl::string_view, size_t> user_by_name_;

  // By user: the last that was found right. That is one for each, but for
  // hashes that look at part of a password only.
  std::vector<std::optional<KeyedHash::Digest>> remembered_;
  std::vector<Waiting> waiting_;

  // Null when this is gone: a delivery that was posted may come later, and
  // cannot be taken back. Looked at by the loop's thread only.
  const std::shared_ptr<CredentialCheck*> self_;

  absl::Mutex mutex_;
  std::vector<Question> questions_ ABSL_GUARDED_BY(mutex_);
  std::vector<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_
