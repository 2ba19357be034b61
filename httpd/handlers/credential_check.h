// Verifies passwords.
#ifndef POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_
#define POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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
// Owned by its caller, on the reactor's thread, which it must not outlive: all
// calls are made there, and verdicts arrive there. Destroying it does not wait:
// its thread finishes the comparison that is in progress, for a few seconds at
// most, touches neither the reactor nor anything else of its owner, and ends.
// Verdicts that are outstanding are dropped.
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

  // Fails with InvalidArgument, naming the user but not the hash, if there is
  // no user, or if a user is listed twice, has a name that Basic authentication
  // cannot send (empty, or with ":" or a control character), or a hash that is
  // weaker than those above, costs too much, is incomplete, or is unknown to
  // this libcrypt. Fails as Thread::Start() does if there can be no thread.
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
  // What the check and its thread share.
  struct Shared;

  // A caller that waits for a verdict.
  struct Waiting {
    KeyedHash::Digest digest;
    OnVerdict on_verdict;
  };

  CredentialCheck(Reactor& reactor, std::vector<User> users,
                  const Options& options);

  KeyedHash::Digest DigestOf(absl::string_view name,
                             absl::string_view password) const;

  absl::Status StartThread();
  // On the thread.
  static void Work(const std::shared_ptr<Shared>& shared);
  // The caller holds the mutex.
  static void PostDelivery(const std::shared_ptr<Shared>& shared);
  // On the loop's thread.
  void Deliver();

  const Options options_;
  const KeyedHash hash_;
  // Outlives this while the thread is in a comparison, or a delivery is queued.
  const std::shared_ptr<Shared> shared_;
  absl::btree_map<absl::string_view, size_t> user_by_name_;

  // By user: the last that was found right. That is one for each, but for
  // hashes that look at part of a password only.
  std::vector<std::optional<KeyedHash::Digest>> remembered_;
  std::vector<Waiting> waiting_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_CREDENTIAL_CHECK_H_
