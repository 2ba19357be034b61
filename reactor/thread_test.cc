#include "reactor/thread.h"

#include <pthread.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

TEST(ThreadTest, RunsItsBodyUntilJoined) {
  bool ran = false;
  auto thread = Thread::Start("worker", [&] { ran = true; });
  ASSERT_TRUE(thread.ok()) << thread.status();
  EXPECT_TRUE(thread->joinable());
  thread->Join();
  EXPECT_TRUE(ran);
  EXPECT_FALSE(thread->joinable());
  thread->Join();
}

TEST(ThreadTest, DestructorAndAssignmentJoin) {
  bool first_ran = false;
  bool second_ran = false;
  {
    Thread thread = *Thread::Start("first", [&] { first_ran = true; });
    thread = *Thread::Start("second", [&] { second_ran = true; });
    EXPECT_TRUE(first_ran);
    const Thread moved = std::move(thread);
    EXPECT_FALSE(thread.joinable());
  }
  EXPECT_TRUE(second_ran);
}

TEST(ThreadTest, DestroysItsBodyOnTheThread) {
  struct Witness {
    explicit Witness(pthread_t& thread) : thread(thread) {}
    ~Witness() { thread = pthread_self(); }
    pthread_t& thread;
  };
  pthread_t ran_on = {};
  pthread_t destroyed_on = {};
  Thread::Start("worker", [&,
                           witness = std::make_unique<Witness>(destroyed_on)] {
    ran_on = pthread_self();
  })->Join();
  EXPECT_TRUE(pthread_equal(ran_on, destroyed_on));
  EXPECT_FALSE(pthread_equal(ran_on, pthread_self()));
}

TEST(ThreadTest, DestructorDoesNotJoinADetachedThread) {
  absl::Notification may_end;
  absl::Notification has_ended;
  {
    Thread thread = *Thread::Start("worker", [&] {
      may_end.WaitForNotification();
      has_ended.Notify();
    });
    thread.Detach();
    EXPECT_FALSE(thread.joinable());
    // The destructor does not block.
  }
  may_end.Notify();
  has_ended.WaitForNotification();
}

TEST(ThreadTest, LongNameIsCut) {
  std::string name;
  Thread::Start("a-name-of-more-than-15-bytes", [&] {
    std::array<char, 16> buffer;
    pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
    name = buffer.data();
  })->Join();
  EXPECT_EQ(name, "a-name-of-more-");
}

// Makes threads fail to start while it exists: their stacks are larger than any
// machine has room for.
class ImpossibleStacks {
 public:
  ImpossibleStacks() {
    pthread_attr_t attributes;
    pthread_getattr_default_np(&attributes);
    pthread_attr_getstacksize(&attributes, &bytes_);
    Set(size_t{1} << 55);
    pthread_attr_destroy(&attributes);
  }
  ~ImpossibleStacks() { Set(bytes_); }

 private:
  static void Set(size_t bytes) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, bytes);
    ASSERT_EQ(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
  }

  size_t bytes_ = 0;
};

TEST(ThreadTest, RefusalIsAStatusWithItsReason) {
  auto body = std::make_shared<int>(1);
  const ImpossibleStacks impossible;
  const absl::StatusOr<Thread> thread = Thread::Start("worker7", [body] {});
  EXPECT_EQ(thread.status(),
            absl::ResourceExhaustedError(
                "cannot start the thread \"worker7\": Resource temporarily "
                "unavailable: raise the limit of threads (ulimit -u, TasksMax, "
                "--pids-limit) or of memory"));
  // The body that did not run is destroyed.
  EXPECT_EQ(body.use_count(), 1);
}

}  // namespace
}  // namespace pollux
