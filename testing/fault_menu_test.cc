// Compares the faults of each call with the errnos that its manual page lists.
#include "testing/fault_menu.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

using Names = std::set<std::string>;

// The errnos in the pages, by page and "lists" or "mentions": see
// read_man_pages.py.
class Pages {
 public:
  Pages() {
    std::ifstream file("testing/man_page_errors.txt");
    std::string line;
    while (std::getline(file, line)) {
      if (line.empty() || line[0] == '#') continue;
      std::vector<std::string> words = absl::StrSplit(line, ' ');
      said_[{words.at(0), words.at(1)}] = Names(words.begin() + 2, words.end());
    }
  }

  // Empty, and a failure, if there is no such page.
  Names Get(const std::string& page, const std::string& what) const {
    const auto found = said_.find({page, what});
    EXPECT_NE(found, said_.end()) << page << ": make man_page_errors.txt anew";
    return found == said_.end() ? Names() : found->second;
  }

 private:
  std::map<std::pair<std::string, std::string>, Names> said_;
};

// The page of a call, and those that it refers to for more errors.
struct CallPages {
  std::string own;
  std::vector<std::string> others;
};

CallPages PagesOf(SyscallKind kind) {
  const std::vector<std::string> sockets = {"socket.7", "ip.7", "tcp.7",
                                            "udp.7", "unix.7"};
  switch (kind) {
    case SyscallKind::kSocket:
    case SyscallKind::kSocketPair:
    case SyscallKind::kBind:
    case SyscallKind::kListen:
    case SyscallKind::kAccept4:
    case SyscallKind::kConnect:
    case SyscallKind::kGetSockName:
    case SyscallKind::kGetPeerName:
    case SyscallKind::kSetSockOpt:
    case SyscallKind::kGetSockOpt:
    case SyscallKind::kRecv:
    case SyscallKind::kSend:
    case SyscallKind::kRecvMsg:
    case SyscallKind::kSendMsg:
    case SyscallKind::kShutdown:
      return {std::string(SyscallName(kind)) + ".2", sockets};
    case SyscallKind::kRecvMMsg:
      return {"recvmsg.2", {"recvmmsg.2"}};
    case SyscallKind::kSendMMsg:
      return {"sendmsg.2", sockets};
    case SyscallKind::kSendFile:
      return {"sendfile.2", {"send.2", "tcp.7"}};
    case SyscallKind::kRead:
      return {"read.2", {"recv.2", "ip.7", "tcp.7", "unix.7"}};
    case SyscallKind::kWrite:
      return {"write.2", {"send.2", "ip.7", "tcp.7"}};
    case SyscallKind::kOpenAt2:
      return {"openat2.2", {"openat.2"}};
    case SyscallKind::kPread:
      return {"read.2", {"pread.2"}};
    case SyscallKind::kPosixSpawn:
      return {"posix_spawn.3", {"fork.2", "execve.2"}};
    default:
      return {std::string(SyscallName(kind)) + ".2", {}};
  }
}

// Errnos that only a bug of the program causes, on any call. No program has to
// withstand them.
const Names& Mistakes() {
  static const auto& names = *new Names{
      "EBADF",        "EFAULT",          "EINVAL",      "ENOTSOCK",
      "EISCONN",      "EALREADY",        "ENOTCONN",    "ESPIPE",
      "EDESTADDRREQ", "ENOTSUP",         "EPROTOTYPE",  "E2BIG",
      "EEXIST",       "EPROTONOSUPPORT", "EINPROGRESS", "EAFNOSUPPORT",
  };
  return names;
}

struct Exception {
  SyscallKind kind;
  int error;
  const char* why;
};

// In the page, and yet no fault.
const std::vector<Exception>& NoFaults() {
  static const auto& list = *new std::vector<Exception>{
      {SyscallKind::kSend, EACCES, "an address is needed for that"},
      {SyscallKind::kSend, EMSGSIZE, "streams have no messages"},
      {SyscallKind::kSendMMsg, ECONNRESET, "used with datagrams only"},
      {SyscallKind::kSendMMsg, EPIPE, "used with datagrams only"},
      {SyscallKind::kSendFile, EOVERFLOW, "counts are limited by the caller"},
      {SyscallKind::kRead, EISDIR, "directories are not read(2)"},
      {SyscallKind::kPread, EAGAIN, "of files, which do not wait"},
      {SyscallKind::kPread, EISDIR, "directories are not pread(2)"},
      {SyscallKind::kFcntl, EACCES, "locks are not used"},
      {SyscallKind::kFcntl, EAGAIN, "locks are not used"},
      {SyscallKind::kFcntl, EBUSY, "pipes are not resized"},
      {SyscallKind::kFcntl, EINTR, "locks are not used"},
      {SyscallKind::kFcntl, ENOLCK, "locks are not used"},
      {SyscallKind::kFcntl, ENOTDIR, "directories are not watched"},
      {SyscallKind::kFcntl, EPERM,
       "O_APPEND is not changed, nothing is sealed"},
      {SyscallKind::kOpenAt, EFBIG, "32-bit programs only"},
      {SyscallKind::kFstat, EACCES, "of stat(2), with a path"},
      {SyscallKind::kFstat, ELOOP, "of stat(2), with a path"},
      {SyscallKind::kFstat, ENAMETOOLONG, "of stat(2), with a path"},
      {SyscallKind::kFstat, ENOENT, "of stat(2), with a path"},
      {SyscallKind::kFstat, ENOTDIR, "of stat(2), with a path"},
      {SyscallKind::kGetDents64, ENOTDIR, "a mistake"},
      {SyscallKind::kEpollCtl, ELOOP, "a mistake"},
      {SyscallKind::kEpollCtl, ENOENT, "a mistake"},
      {SyscallKind::kEpollCtl, EPERM, "files are not watched"},
      {SyscallKind::kClockGetTime, EACCES, "of clock_settime(2)"},
      {SyscallKind::kClockGetTime, ENODEV, "of clocks that are devices"},
      {SyscallKind::kClockGetTime, EPERM, "of clock_settime(2)"},
      {SyscallKind::kTimerFdCreate, ECANCELED, "of timerfd_settime(2)"},
      {SyscallKind::kTimerFdCreate, EPERM, "of alarm clocks"},
      {SyscallKind::kTimerFdSetTime, ECANCELED,
       "it does what it was asked for: VirtualTime::StepWallClock() makes it"},
      {SyscallKind::kTimerFdSetTime, EMFILE, "of timerfd_create(2)"},
      {SyscallKind::kTimerFdSetTime, ENFILE, "of timerfd_create(2)"},
      {SyscallKind::kTimerFdSetTime, ENODEV, "of timerfd_create(2)"},
      {SyscallKind::kTimerFdSetTime, ENOMEM, "of timerfd_create(2)"},
      {SyscallKind::kTimerFdSetTime, EPERM, "of alarm clocks"},
      {SyscallKind::kPosixSpawn, ENOSYS, "of machines without an MMU"},
      {SyscallKind::kWaitId, EAGAIN, "pidfds that are waited on block"},
      {SyscallKind::kWaitId, ESRCH, "of waitpid(2)"},
      {SyscallKind::kSchedGetAffinity, EPERM, "of sched_setaffinity(2)"},
      {SyscallKind::kSchedSetAffinity, ESRCH, "the thread is the caller"},
      {SyscallKind::kGetRLimit, EPERM, "of setrlimit(2)"},
      {SyscallKind::kGetRLimit, ESRCH, "of prlimit(2)"},
  };
  return list;
}

// In no page, and yet a fault.
const std::vector<Exception>& NotInPages() {
  static const auto& list = *new std::vector<Exception>{
      {SyscallKind::kSendMsg, ENETUNREACH, "no route for a datagram"},
      {SyscallKind::kSendMMsg, ENETUNREACH, "no route for a datagram"},
      {SyscallKind::kOpenAt2, ENOSYS, "Linux before 5.6"},
      {SyscallKind::kOpenAt2, EIO, "the device fails"},
      {SyscallKind::kOpenAt, EIO, "the device fails"},
      {SyscallKind::kFstat, EIO, "the device fails"},
      {SyscallKind::kEpollPwait2, ENOSYS, "Linux before 5.11"},
      {SyscallKind::kEpollPwait2, EPERM, "a sandbox refuses the call"},
  };
  return list;
}

Names Of(const std::vector<Exception>& list, SyscallKind kind) {
  Names names;
  for (const Exception& exception : list) {
    if (exception.kind == kind) names.insert(ErrorName(exception.error));
  }
  return names;
}

// All faults of a kind of call, whatever its arguments are.
Names Faults(SyscallKind kind) {
  SyscallRecord record;
  record.kind = kind;
  std::vector<int64_t> arguments = {0};
  if (kind == SyscallKind::kEpollCtl) {
    arguments = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
  } else if (kind == SyscallKind::kFcntl) {
    arguments = {F_DUPFD_CLOEXEC};
  } else if (kind == SyscallKind::kOpenAt || kind == SyscallKind::kOpenAt2) {
    arguments = {O_RDONLY, O_WRONLY | O_CREAT | O_EXCL};
  }
  Names names;
  for (int64_t argument : arguments) {
    record.numbers[1] = argument;
    for (sa_family_t family : {AF_INET, AF_UNIX}) {
      record.SetPayload(&family, sizeof(family));
      for (DescriptorKind descriptor :
           {DescriptorKind::kOther, DescriptorKind::kStream,
            DescriptorKind::kDatagram, DescriptorKind::kFile,
            DescriptorKind::kValues}) {
        for (int error : PossibleErrors(record, descriptor)) {
          names.insert(ErrorName(error));
        }
      }
    }
  }
  return names;
}

Names Without(Names names, const Names& those) {
  for (const std::string& name : those) names.erase(name);
  return names;
}

Names Both(Names names, const Names& more) {
  names.insert(more.begin(), more.end());
  return names;
}

class FaultMenuTest : public testing::TestWithParam<SyscallKind> {
 protected:
  const Pages pages_;
};

TEST_P(FaultMenuTest, EachErrorThatThePageListsIsAFaultOrHasAReason) {
  const Names listed = pages_.Get(PagesOf(GetParam()).own, "lists");
  const Names missing =
      Without(Without(Without(listed, Faults(GetParam())), Mistakes()),
              Of(NoFaults(), GetParam()));
  EXPECT_THAT(missing, IsEmpty());
}

TEST_P(FaultMenuTest, EachFaultIsInAPageOrHasAReason) {
  const CallPages pages = PagesOf(GetParam());
  Names known = Of(NotInPages(), GetParam());
  std::vector<std::string> all = pages.others;
  all.push_back(pages.own);
  for (const std::string& page : all) {
    for (const char* what : {"lists", "mentions"}) {
      known = Both(known, pages_.Get(page, what));
    }
  }
  EXPECT_THAT(Without(Faults(GetParam()), known), IsEmpty());
}

TEST_P(FaultMenuTest, ReasonsAreForWhatNeedsThem) {
  const Names faults = Faults(GetParam());
  const Names listed = pages_.Get(PagesOf(GetParam()).own, "lists");
  for (const std::string& name : Of(NoFaults(), GetParam())) {
    EXPECT_THAT(listed, Contains(name));
    EXPECT_THAT(faults, Not(Contains(name)));
  }
  EXPECT_THAT(faults, IsSupersetOf(Of(NotInPages(), GetParam())));
}

std::vector<SyscallKind> AllKinds() {
  std::vector<SyscallKind> kinds;
  for (size_t i = 0; i < kSyscallKinds; ++i) {
    kinds.push_back(static_cast<SyscallKind>(i));
  }
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Calls, FaultMenuTest, testing::ValuesIn(AllKinds()),
                         [](const testing::TestParamInfo<SyscallKind>& info) {
                           return std::string(SyscallName(info.param));
                         });

TEST(TransfersTest, DatagramsAndValuesAreNeverCut) {
  for (SyscallKind kind :
       {SyscallKind::kRecv, SyscallKind::kSend, SyscallKind::kSendMsg,
        SyscallKind::kRead, SyscallKind::kWrite}) {
    SCOPED_TRACE(SyscallName(kind));
    EXPECT_TRUE(IsTransfer(kind, DescriptorKind::kStream));
    EXPECT_TRUE(IsTransfer(kind, DescriptorKind::kOther));
    EXPECT_FALSE(IsTransfer(kind, DescriptorKind::kDatagram));
  }
  EXPECT_TRUE(IsTransfer(SyscallKind::kWrite, DescriptorKind::kFile));
  EXPECT_TRUE(IsTransfer(SyscallKind::kPread, DescriptorKind::kFile));
  EXPECT_TRUE(IsTransfer(SyscallKind::kSendFile, DescriptorKind::kStream));
  EXPECT_FALSE(IsTransfer(SyscallKind::kWrite, DescriptorKind::kValues));
  EXPECT_FALSE(IsTransfer(SyscallKind::kRead, DescriptorKind::kValues));
  EXPECT_FALSE(IsTransfer(SyscallKind::kAccept4, DescriptorKind::kStream));
}

TEST(ArgumentsTest, PathsFailAsPathsDo) {
  SyscallRecord record;
  for (SyscallKind kind : {SyscallKind::kBind, SyscallKind::kConnect}) {
    record.kind = kind;
    sa_family_t family = AF_INET;
    record.SetPayload(&family, sizeof(family));
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kStream),
                Not(Contains(ENOENT)));
    family = AF_UNIX;
    record.SetPayload(&family, sizeof(family));
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kStream),
                Contains(ENOENT));
  }
}

TEST(ArgumentsTest, OnlyWhatMakesAFileNeedsSpace) {
  for (SyscallKind kind : {SyscallKind::kOpenAt, SyscallKind::kOpenAt2}) {
    SyscallRecord record;
    record.kind = kind;
    record.numbers[1] = O_RDONLY;
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kOther),
                AllOf(Not(Contains(ENOSPC)), Not(Contains(EROFS)),
                      Not(Contains(EEXIST))));
    record.numbers[1] = O_WRONLY;
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kOther),
                AllOf(Contains(EROFS), Not(Contains(ENOSPC))));
    record.numbers[1] = O_WRONLY | O_CREAT;
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kOther),
                AllOf(Contains(ENOSPC), Not(Contains(EEXIST))));
    record.numbers[1] = O_WRONLY | O_CREAT | O_EXCL;
    EXPECT_THAT(PossibleErrors(record, DescriptorKind::kOther),
                Contains(EEXIST));
  }
}

TEST(ArgumentsTest, OnlyDatagramsAreTooLong) {
  SyscallRecord record;
  record.kind = SyscallKind::kSendMsg;
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kStream),
              Not(Contains(EMSGSIZE)));
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kDatagram),
              Contains(EMSGSIZE));
}

TEST(TransfersTest, WritesFailAsWhatTheyAreMadeOnDoes) {
  SyscallRecord record;
  record.kind = SyscallKind::kWrite;
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kFile),
              UnorderedElementsAre(EDQUOT, EFBIG, EINTR, EIO, ENOSPC, EPERM));
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kValues),
              UnorderedElementsAre(EINTR));
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kStream),
              IsSupersetOf({EAGAIN, ECONNRESET, EINTR, EPIPE}));
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kOther),
              IsSupersetOf({EAGAIN, EINTR, EIO, ENOSPC, EPIPE}));
  record.kind = SyscallKind::kRead;
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kFile),
              UnorderedElementsAre(EINTR, EIO));
  EXPECT_THAT(PossibleErrors(record, DescriptorKind::kValues),
              UnorderedElementsAre(EAGAIN, EINTR));
}

}  // namespace
}  // namespace pollux
