#include "reactor/net/output_chain.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "reactor/net/lease.h"

namespace pollux {
namespace {

struct CountingLender final : Lender {
  void OnReturned() override { ++returned; }
  int returned = 0;
};

// What comes next, as text; files as "<file:offset+bytes>".
std::string Next(const OutputChain& chain, size_t max_parts = 64) {
  if (const FileRange* file = chain.front_file(); file != nullptr) {
    return absl::StrCat("<", file->file(), ":", file->offset(), "+",
                        file->bytes(), ">");
  }
  std::vector<iovec> parts(max_parts);
  size_t bytes = 0;
  parts.resize(chain.Front(absl::MakeSpan(parts), bytes));
  std::string text;
  for (const iovec& part : parts) {
    EXPECT_GT(part.iov_len, 0u);
    text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  EXPECT_EQ(text.size(), bytes);
  return text;
}

uint64_t NextBytes(const OutputChain& chain) {
  const FileRange* file = chain.front_file();
  return file != nullptr ? file->bytes() : Next(chain).size();
}

TEST(OutputChainTest, ANewOneIsEmpty) {
  OutputChain chain;
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(chain.size(), 0u);
  EXPECT_EQ(chain.front_file(), nullptr);
  EXPECT_EQ(Next(chain), "");
}

TEST(OutputChainTest, CopiedBytesAreOnePiece) {
  OutputChain chain;
  chain.tail() += "one ";
  chain.tail() += "two";
  chain.Append(" three");
  EXPECT_EQ(chain.whole(), "one two three");
  EXPECT_EQ(chain.size(), 13u);
  EXPECT_EQ(chain.owned_bytes(), 13u);
  chain.Consume(4);
  EXPECT_EQ(chain.whole(), "two three");
  chain.Consume(9);
  EXPECT_TRUE(chain.empty());
}

TEST(OutputChainTest, ALongStringIsNotCopied) {
  OutputChain chain;
  std::string bytes(OutputChain::kLeastOwnPiece, 'b');
  const char* const where = bytes.data();
  chain.tail() += "a";
  chain.Append(std::move(bytes));
  EXPECT_EQ(chain.owned_bytes(), OutputChain::kLeastOwnPiece + 1);
  chain.Consume(1);
  std::array<iovec, 4> parts;
  size_t count = 0;
  ASSERT_EQ(chain.Front(absl::MakeSpan(parts), count), 1u);
  EXPECT_EQ(parts[0].iov_base, where);
  chain.Consume(10);
  EXPECT_EQ(chain.owned_bytes(), OutputChain::kLeastOwnPiece - 10);
}

TEST(OutputChainTest, EmptyPiecesAreNone) {
  OutputChain chain;
  CountingLender lender;
  chain.Append("");
  chain.AppendShared("", Lease(lender));
  chain.AppendFile(FileRange(3, 0, 0, Lease(lender)));
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(lender.returned, 2);
}

// Everything in all orders, sent in pieces of every size.
TEST(OutputChainTest, ComesInOrderHoweverItIsCut) {
  const auto fill = [](OutputChain& chain) {
    chain.AppendFile(FileRange(5, 100, 7, Lease()));
    chain.tail() += "copied";
    chain.AppendShared("shared", Lease());
    chain.AppendShared("SHARED", Lease());
    chain.AppendFile(FileRange(6, 0, 9, Lease()));
    chain.AppendFile(FileRange(7, 0, 2, Lease()));
    chain.AppendShared("again", Lease());
    chain.tail() += "last";
  };
  // A byte of a file as its descriptor's digit.
  const std::string all = "5555555copiedsharedSHARED66666666677againlast";
  for (size_t step = 1; step <= all.size(); ++step) {
    OutputChain chain;
    fill(chain);
    std::string sent;
    while (!chain.empty()) {
      EXPECT_EQ(chain.size(), all.size() - sent.size());
      const uint64_t bytes = std::min<uint64_t>(step, NextBytes(chain));
      ASSERT_GT(bytes, 0u);
      const FileRange* file = chain.front_file();
      sent += file != nullptr ? std::string(bytes, '0' + file->file())
                              : Next(chain).substr(0, bytes);
      chain.Consume(bytes);
    }
    EXPECT_EQ(sent, all) << step;
  }
}

TEST(OutputChainTest, AFileMovesOnAsItIsSent) {
  OutputChain chain;
  chain.AppendFile(FileRange(5, 100, 7, Lease()));
  EXPECT_EQ(Next(chain), "<5:100+7>");
  chain.Consume(3);
  EXPECT_EQ(Next(chain), "<5:103+4>");
}

TEST(OutputChainTest, WithFewPartsTheRestComesLater) {
  OutputChain chain;
  for (int i = 0; i < 5; ++i) {
    chain.tail() += "c";
    chain.AppendShared("s", Lease());
  }
  chain.tail() += "e";
  std::string sent;
  while (!chain.empty()) {
    const std::string next = Next(chain, 4);
    EXPECT_LE(next.size(), 4u);
    sent += next;
    chain.Consume(next.size());
  }
  EXPECT_EQ(sent, "cscscscscse");
}

TEST(OutputChainTest, ALeaseIsReturnedWhenItsBytesAreSent) {
  OutputChain chain;
  CountingLender lender;
  chain.AppendShared("shared", Lease(lender));
  chain.AppendFile(FileRange(5, 0, 3, Lease(lender)));
  chain.tail() += "behind";
  EXPECT_EQ(chain.owned_bytes(), 6u);
  chain.Consume(5);
  EXPECT_EQ(lender.returned, 0);
  chain.Consume(1);
  EXPECT_EQ(lender.returned, 1);
  chain.Consume(3);
  EXPECT_EQ(lender.returned, 2);
}

TEST(OutputChainTest, ALeaseIsReturnedWhenItIsNotSent) {
  CountingLender lender;
  {
    OutputChain chain;
    chain.AppendShared("one", Lease(lender));
    chain.Clear();
    EXPECT_EQ(lender.returned, 1);
    EXPECT_TRUE(chain.empty());
    chain.AppendShared("two", Lease(lender));
  }
  EXPECT_EQ(lender.returned, 2);
}

TEST(OutputChainTest, TakesTheRestOfAnother) {
  CountingLender lender;
  OutputChain from;
  from.tail() += "0123";
  from.AppendShared("shared", Lease(lender));
  from.tail() += "end";
  from.Consume(2);
  OutputChain to;
  to.TakeFrom(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(lender.returned, 0);
  to.tail() += "!";
  EXPECT_EQ(Next(to), "23sharedend!");
  EXPECT_EQ(to.size(), 12u);
  EXPECT_EQ(to.owned_bytes(), 6u);
  to.Consume(12);
  EXPECT_EQ(lender.returned, 1);
}

// A peer that never takes everything must not make it grow.
TEST(OutputChainTest, WhatIsSentDoesNotPileUp) {
  OutputChain chain;
  CountingLender lender;
  for (int i = 0; i < 10'000; ++i) {
    chain.tail().append(10, 'c');
    chain.AppendShared("s", Lease(lender));
    if (i > 10) chain.Consume(11);
    EXPECT_LE(chain.capacity_bytes(), 1024u);
  }
  EXPECT_GT(lender.returned, 9'900);
}

TEST(LeaseTest, MovesAndIsReturnedOnce) {
  CountingLender a;
  CountingLender b;
  {
    Lease first(a);
    Lease second(b);
    Lease moved = std::move(first);
    EXPECT_EQ(a.returned, 0);
    second = std::move(moved);
  }
  EXPECT_EQ(a.returned, 1);
  EXPECT_EQ(b.returned, 1);
}

}  // namespace
}  // namespace pollux
