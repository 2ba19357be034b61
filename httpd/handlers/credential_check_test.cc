#include "httpd/handlers/credential_check.h"

#include <crypt.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "httpd/handlers/password_hash.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"

namespace {

std::atomic<int> comparisons = 0;

// A comparison that lasts until the test ends it.
struct LongComparison {
  absl::Notification has_begun;
  absl::Notification may_end;
  absl::Notification has_ended;
};
// The next comparison is this one, if it is not null.
std::atomic<LongComparison*> next_comparison = nullptr;

}  // namespace

// Replaces libcrypt's function, and calls it.
extern "C" char* crypt_r(const char* phrase, const char* setting,
                         crypt_data* data) {
  ++comparisons;
  static auto* const crypt =
      reinterpret_cast<decltype(&crypt_r)>(dlsym(RTLD_NEXT, "crypt_r"));
  LongComparison* const comparison = next_comparison.exchange(nullptr);
  if (comparison == nullptr) return crypt(phrase, setting, data);
  comparison->has_begun.Notify();
  comparison->may_end.WaitForNotification();
  char* const made = crypt(phrase, setting, data);
  comparison->has_ended.Notify();
  return made;
}

namespace pollux {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Verdict = CredentialCheck::Verdict;

// Of "secret", each as cheap as its method allows.
constexpr absl::string_view kSha512 =
    "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAK"
    "mFFlrjEwSXGo2kgY5hR2.peKEg2VGUqIJJu1";
constexpr absl::string_view kSha256 =
    "$5$rounds=1000$abcdefgh$XIppta5rT8zJUu4vAOKQXrwq9uY4Ijlz6VjyOmkx5i4";
constexpr absl::string_view kBcrypt =
    "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr absl::string_view kYescrypt =
    "$y$j75$V3KMV3KMV3KMV3KMV3KMV/$yZPaLCleb146HC67v1tGanM7Miroicta5qYCYaow2O1";

class CredentialCheckTest : public testing::Test {
 protected:
  using Users = std::vector<CredentialCheck::User>;

  void Start(Users users, const CredentialCheck::Options& options) {
    auto check = CredentialCheck::Create(*reactor_, std::move(users), options);
    ASSERT_TRUE(check.ok()) << check.status();
    check_ = *std::move(check);
    comparisons = 0;
  }
  void Start(Users users) {
    Start(std::move(users), CredentialCheck::Options());
  }

  absl::Status Refusal(Users users) {
    return CredentialCheck::Create(*reactor_, std::move(users)).status();
  }

  Verdict Ask(absl::string_view name, absl::string_view password) {
    std::optional<Verdict> told;
    check_->Ask(name, password, [&](Verdict verdict) { told = verdict; });
    EXPECT_FALSE(told.has_value());
    while (!told.has_value()) reactor_->RunOnce(absl::InfiniteDuration());
    return *told;
  }

  // Until the thread has something to tell.
  void AwaitPost() {
    while (reactor_->TimeUntilWork() > absl::ZeroDuration()) {
    }
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  std::unique_ptr<CredentialCheck> check_;
};

TEST_F(CredentialCheckTest, KnowsRightFromWrongByEachMethod) {
  for (const absl::string_view hash : {kSha512, kSha256, kBcrypt, kYescrypt}) {
    Start({{"ann", std::string(hash)}});
    EXPECT_EQ(Ask("ann", "secret"), Verdict::kRight) << hash;
    EXPECT_EQ(Ask("ann", "Secret"), Verdict::kWrong) << hash;
    EXPECT_EQ(Ask("ann", ""), Verdict::kWrong) << hash;
  }
}

TEST_F(CredentialCheckTest, NobodyElseIsAUser) {
  Start({{"ann", std::string(kSha512)}});
  EXPECT_EQ(Ask("bob", "secret"), Verdict::kWrong);
  EXPECT_EQ(Ask("", "secret"), Verdict::kWrong);
  EXPECT_EQ(Ask("Ann", "secret"), Verdict::kWrong);
  EXPECT_FALSE(check_->Remembers("bob", "secret"));
}

// Else the time would tell who is one.
TEST_F(CredentialCheckTest, WhoIsNoUserCostsAComparisonAsWell) {
  Start({{"ann", std::string(kSha512)}});
  Ask("bob", "secret");
  EXPECT_EQ(comparisons, 1);
  Ask("ann", "wrong");
  EXPECT_EQ(comparisons, 2);
}

TEST_F(CredentialCheckTest, EachUserHasAPassword) {
  Start({{"ann", std::string(kSha512)},
         {"bob",
          "$2b$04$abcdefghijklmnopqrstuuxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}});
  EXPECT_EQ(Ask("bob", "secret"), Verdict::kWrong);
  EXPECT_EQ(Ask("ann", "secret"), Verdict::kRight);
}

TEST_F(CredentialCheckTest, RemembersWhatWasRight) {
  Start({{"ann", std::string(kSha512)}, {"bob", std::string(kSha256)}});
  EXPECT_FALSE(check_->Remembers("ann", "secret"));
  Ask("ann", "secret");
  EXPECT_TRUE(check_->Remembers("ann", "secret"));
  EXPECT_FALSE(check_->Remembers("ann", "Secret"));
  EXPECT_FALSE(check_->Remembers("bob", "secret"));
  // That one is forgotten neither by mistakes nor by others.
  Ask("ann", "Secret");
  Ask("bob", "secret");
  EXPECT_TRUE(check_->Remembers("ann", "secret"));
  EXPECT_TRUE(check_->Remembers("bob", "secret"));
}

TEST_F(CredentialCheckTest, RemembersNothingThatWasWrong) {
  Start({{"ann", std::string(kSha512)}});
  Ask("ann", "Secret");
  EXPECT_FALSE(check_->Remembers("ann", "Secret"));
}

TEST_F(CredentialCheckTest, APasswordDoesNotEndWithANul) {
  Start({{"ann", std::string(kSha512)}});
  EXPECT_EQ(Ask("ann", absl::string_view("secret\0x", 8)), Verdict::kWrong);
}

TEST_F(CredentialCheckTest, APasswordThatIsTooLongIsWrong) {
  Start({{"ann", std::string(kSha512)}});
  EXPECT_EQ(Ask("ann", std::string(CredentialCheck::kMaxPasswordBytes, 'a')),
            Verdict::kWrong);
  EXPECT_EQ(
      Ask("ann", std::string(CredentialCheck::kMaxPasswordBytes + 1, 'a')),
      Verdict::kWrong);
}

TEST_F(CredentialCheckTest, IsFullUntilVerdictsAreTold) {
  Start({{"ann", std::string(kSha512)}}, {.max_waiting = 2});
  std::vector<Verdict> told;
  const auto note = [&](Verdict verdict) { told.push_back(verdict); };
  check_->Ask("ann", "secret", note);
  EXPECT_FALSE(check_->is_full());
  check_->Ask("ann", "wrong", note);
  EXPECT_TRUE(check_->is_full());
  while (told.size() < 2) reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(told, ElementsAre(Verdict::kRight, Verdict::kWrong));
  EXPECT_FALSE(check_->is_full());
}

TEST_F(CredentialCheckTest, AllWhoAskTheSameAreToldOfOneComparison) {
  Start({{"ann", std::string(kSha512)}}, {.max_waiting = 3});
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    check_->Ask("ann", "secret", [&](Verdict verdict) {
      EXPECT_EQ(verdict, Verdict::kRight);
      EXPECT_TRUE(check_->Remembers("ann", "secret"));
      ++told;
    });
  }
  EXPECT_TRUE(check_->is_full());
  while (told == 0) reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(told, 3);
  // Behind whatever else was to be compared.
  Ask("ann", "wrong");
  EXPECT_EQ(comparisons, 2);
}

// Otherwise one user's password would let another one in.
TEST_F(CredentialCheckTest, DistinguishesTheNameFromThePassword) {
  Start({{"ab", std::string(kSha512)}, {"abs", std::string(kSha256)}});
  std::vector<Verdict> told;
  const auto note = [&](Verdict verdict) { told.push_back(verdict); };
  check_->Ask("ab", "secret", note);
  check_->Ask("abs", "ecret", note);
  while (told.size() < 2) reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(told, ElementsAre(Verdict::kRight, Verdict::kWrong));
  EXPECT_EQ(comparisons, 2);
  EXPECT_FALSE(check_->Remembers("abs", "ecret"));
}

TEST_F(CredentialCheckTest, AsksAgainFromAVerdict) {
  Start({{"ann", std::string(kSha512)}}, {.max_waiting = 1});
  std::optional<Verdict> second;
  check_->Ask("ann", "wrong", [&](Verdict) {
    check_->Ask("ann", "secret", [&](Verdict verdict) { second = verdict; });
  });
  while (!second.has_value()) reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(second, Verdict::kRight);
}

TEST_F(CredentialCheckTest, TellsNothingWhenItIsGone) {
  Start({{"ann", std::string(kSha512)}});
  bool told = false;
  for (int i = 0; i < 10; ++i) {
    check_->Ask("ann", std::string(i, 'a'), [&](Verdict) { told = true; });
  }
  AwaitPost();
  check_.reset();
  for (int i = 0; i < 3; ++i) reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_FALSE(told);
}

// Joining the thread would never return.
TEST_F(CredentialCheckTest, DestructionDoesNotWaitForTheComparisonInProgress) {
  Start({{"ann", std::string(kSha512)}});
  LongComparison comparison;
  next_comparison = &comparison;
  check_->Ask("ann", "secret",
              [](Verdict) { FAIL() << "the check is destroyed"; });
  check_->Ask("ann", "wrong",
              [](Verdict) { FAIL() << "the check is destroyed"; });
  comparison.has_begun.WaitForNotification();
  check_.reset();
  reactor_.reset();
  comparison.may_end.Notify();
  comparison.has_ended.WaitForNotification();
  EXPECT_EQ(comparisons, 1);
}

// Fails as `ulimit -u` or TasksMax= make it fail, which root does not notice.
TEST_F(CredentialCheckTest, FailsIfNoThreadCanBeStarted) {
  pthread_attr_t usual;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t too_large = usual;
  ASSERT_EQ(pthread_attr_setstacksize(&too_large, size_t{1} << 60), 0);
  ASSERT_EQ(pthread_setattr_default_np(&too_large), 0);
  const absl::Status status = Refusal({{"ann", std::string(kSha512)}});
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  EXPECT_THAT(status.message(),
              StartsWith("cannot start the thread \"credentials\": Resource "
                         "temporarily unavailable"));
}

TEST_F(CredentialCheckTest, RefusesCostsThatWouldTakeTooLong) {
  for (const char* const setting :
       {"$2b$16$", "$6$rounds=999999999$abcdefgh$", "$y$jFT$abcdefgh$"}) {
    const PasswordHashForm& form = *FormOfPasswordHash(setting);
    EXPECT_EQ(
        Refusal({{"ann",
                  absl::StrCat(setting, std::string(form.digest_bytes, 'a'))}})
            .message(),
        absl::StrCat("user \"ann\" has a password hash whose cost is out "
                     "of range: ",
                     form.costs));
  }
}

TEST_F(CredentialCheckTest, GoesAtOnce) {
  Start({{"ann", std::string(kSha512)}});
  check_.reset();
}

TEST_F(CredentialCheckTest, WaitsForPlaceInTheLoopsQueue) {
  Reactor::Options options;
  options.max_queued_tasks = 1;
  reactor_ = *Reactor::Create(kernel_, options);
  Start({{"ann", std::string(kSha512)}});
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  EXPECT_EQ(Ask("ann", "secret"), Verdict::kRight);
  // Or until it may go.
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  check_->Ask("ann", "wrong", [](Verdict) {});
  check_.reset();
}

TEST_F(CredentialCheckTest, RefusesUsersThatCannotBeVerified) {
  const std::string hash(kSha512);
  EXPECT_EQ(Refusal({}).message(), "there are no users");
  EXPECT_EQ(Refusal({{"ann", hash}, {"ann", hash}}).message(),
            "user \"ann\" stands there twice");
  for (const char* const name : {"", "a:b", "a\nb"}) {
    EXPECT_THAT(std::string(Refusal({{name, hash}}).message()),
                HasSubstr("has no name that can be sent"));
  }
  for (const char* const bad :
       {"", "secret", "ab5SY/d8uQkMc", "$1$abcdefgh$r2c5jmTSpVyfFhLBSzBTi/",
        "$6$abcdefgh$", "$6$abcdefgh", "$apr1$a$b", "$9$a$b", "!", "*",
        "$2b$04$"}) {
    EXPECT_THAT(std::string(Refusal({{"ann", bad}}).message()),
                AllOf(HasSubstr("user \"ann\" has no password hash"),
                      Not(HasSubstr("abcdefgh"))));
  }
  EXPECT_FALSE(Refusal({{"ann", hash.substr(0, hash.size() - 1)}}).ok());
}

}  // namespace
}  // namespace pollux
